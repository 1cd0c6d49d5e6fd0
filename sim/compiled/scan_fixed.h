/* One tick of a row of integer neurons, as neurograph.sim.fixed. In 32 bits |x|·(4096 − d) >> 12 is taken as
 * (|x| >> 12)·(4096 − d) + ((|x| & 4095)·(4096 − d) >> 12), the same number without a 64-bit product. */

static inline SUM NAME(decay)(SUM x, SUM kept) {
    SUM size = x < 0 ? -x : x;
    SUM left = (size >> 12) * kept + (((size & 4095) * kept) >> 12);
    return x < 0 ? -left : left;
}

/* What a tile's steps ran into, a lane each for the neurons that one instruction takes: added up once a tile, not once a row. */
typedef struct {
    SUM wraps[LANES], clips[LANES], largest_u[LANES], largest_v[LANES];
} NAME(Lanes);

static void NAME(gathered)(const NAME(Lanes) *lanes, Notes *notes) {
    for (int i = 0; i < LANES; i++) {
        notes->wraps += lanes->wraps[i];
        notes->clips += lanes->clips[i];
        notes->largest_u = lanes->largest_u[i] > notes->largest_u ? lanes->largest_u[i] : notes->largest_u;
        notes->largest_v = lanes->largest_v[i] > notes->largest_v ? lanes->largest_v[i] : notes->largest_v;
    }
}

/* v, spikes and, where u is kept, u; else the row's currents become u. Counts wraps, clips and the largest |u| and |v| before them. */
static inline void NAME(step)(const Neurons *n, SUM *restrict current, SUM *restrict u, SUM *restrict v, const SUM *restrict bias, uint8_t *restrict spikes, int64_t width, NAME(Lanes) *restrict lanes) {
    const SUM *restrict threshold = (const SUM *)n->threshold, *restrict du = (const SUM *)n->du, *restrict dv = (const SUM *)n->dv;
    const SUM *restrict reset = (const SUM *)n->reset;
#define NEURON(j, lane, before_u, keep_u, after)                                                       \
    {                                                                                                  \
        SUM arrived = (SUM)((UNSIGNED)current[j] << V_SHIFT), x = before_u;                            \
        SUM over = (x > STATE_LIMIT) - (x <= -STATE_LIMIT);                                            \
        SUM now_u = x - over * (2 * STATE_LIMIT);                                                      \
        SUM y = NAME(decay)(v[j], 4096 - dv[j]) + now_u + bias[j];                                     \
        SUM now_v = y < STATE_LIMIT - 1 ? y : STATE_LIMIT - 1;                                         \
        now_v = now_v > 1 - STATE_LIMIT ? now_v : 1 - STATE_LIMIT;                                     \
        SUM size_u = x < 0 ? -x : x, size_v = y < 0 ? -y : y;                                          \
        lanes->wraps[lane] += over * over;                                                             \
        lanes->clips[lane] += (y > STATE_LIMIT - 1) | (y < 1 - STATE_LIMIT);                           \
        lanes->largest_u[lane] = size_u > lanes->largest_u[lane] ? size_u : lanes->largest_u[lane];    \
        lanes->largest_v[lane] = size_v > lanes->largest_v[lane] ? size_v : lanes->largest_v[lane];    \
        SUM limit = threshold[j], to = reset[j], next = after; /* loaded always */                     \
        keep_u = now_u;                                                                                \
        v[j] = now_v > limit ? next : now_v;                                                           \
        spikes[j] = now_v > limit;                                                                     \
    }
#define ROW(before_u, keep_u, after)                                                                   \
    {                                                                                                  \
        int64_t j = 0;                                                                                 \
        for (; j + LANES <= width; j += LANES)                                                         \
            for (int i = 0; i < LANES; i++) NEURON(j + i, i, before_u(j + i), keep_u[j + i], after)    \
        for (; j < width; j++) NEURON(j, 0, before_u(j), keep_u[j], after)                             \
    }
#define DECAYED(j) NAME(decay)(u[j], 4096 - du[j]) + arrived
#define ARRIVED(j) arrived
    if (u && n->flags & SUBTRACT)
        ROW(DECAYED, u, now_v - to)
    else if (u)
        ROW(DECAYED, u, to)
    else if (n->flags & SUBTRACT)
        ROW(ARRIVED, current, now_v - to)
    else
        ROW(ARRIVED, current, to)
#undef NEURON
#undef ROW
#undef DECAYED
#undef ARRIVED
}
