/* One tick of a row of integer neurons, as neurograph.sim.fixed. In 32 bits |x|·(4096 − d) >> 12 is taken as
 * (|x| >> 12)·(4096 − d) + ((|x| & 4095)·(4096 − d) >> 12), the same number without a 64-bit product. */

static inline SUM NAME(decay)(SUM x, SUM kept) {
    SUM size = x < 0 ? -x : x;
    SUM left = (size >> 12) * kept + (((size & 4095) * kept) >> 12);
    return x < 0 ? -left : left;
}

/* v, spikes and, where u is kept, u; else the row's currents become u. Adds to notes: wraps, clips, largest |u| and |v| before them. */
static inline void NAME(step)(const Neurons *n, SUM *restrict current, SUM *restrict u, SUM *restrict v, const SUM *restrict bias, uint8_t *restrict spikes, int64_t width, Notes *notes) {
    const SUM *restrict threshold = (const SUM *)n->threshold, *restrict du = (const SUM *)n->du, *restrict dv = (const SUM *)n->dv;
    const SUM *restrict reset = (const SUM *)n->reset;
    SUM largest_u = 0, largest_v = 0, wraps = 0, clips = 0;
#define STEP(before_u, keep_u, after)                                              \
    for (int64_t j = 0; j < width; j++) {                                          \
        SUM arrived = (SUM)((UNSIGNED)current[j] << V_SHIFT), x = before_u;        \
        SUM over = (x > STATE_LIMIT) - (x <= -STATE_LIMIT);                        \
        SUM now_u = x - over * (2 * STATE_LIMIT);                                  \
        SUM y = NAME(decay)(v[j], 4096 - dv[j]) + now_u + bias[j];                 \
        SUM now_v = y < STATE_LIMIT - 1 ? y : STATE_LIMIT - 1;                     \
        now_v = now_v > 1 - STATE_LIMIT ? now_v : 1 - STATE_LIMIT;                 \
        wraps += over * over;                                                      \
        clips += (y > STATE_LIMIT - 1) | (y < 1 - STATE_LIMIT);                    \
        SUM size_u = x < 0 ? -x : x, size_v = y < 0 ? -y : y;                      \
        largest_u = size_u > largest_u ? size_u : largest_u;                       \
        largest_v = size_v > largest_v ? size_v : largest_v;                       \
        SUM limit = threshold[j], to = reset[j], next = after; /* loaded always */ \
        keep_u = now_u;                                                            \
        v[j] = now_v > limit ? next : now_v;                                       \
        spikes[j] = now_v > limit;                                                 \
    }
    if (u && n->flags & SUBTRACT) {
        STEP(NAME(decay)(u[j], 4096 - du[j]) + arrived, u[j], now_v - to)
    } else if (u) {
        STEP(NAME(decay)(u[j], 4096 - du[j]) + arrived, u[j], to)
    } else if (n->flags & SUBTRACT) {
        STEP(arrived, current[j], now_v - to)
    } else {
        STEP(arrived, current[j], to)
    }
#undef STEP
    notes->wraps += wraps;
    notes->clips += clips;
    notes->largest_u = largest_u > notes->largest_u ? largest_u : notes->largest_u;
    notes->largest_v = largest_v > notes->largest_v ? largest_v : notes->largest_v;
}
