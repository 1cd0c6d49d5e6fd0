/* The ticks of a row of integer neurons, as neurograph.sim.fixed. In 32 bits |x|·(4096 − d) >> 12 is taken as
 * (|x| >> 12)·(4096 − d) + ((|x| & 4095)·(4096 − d) >> 12), the same number without a 64-bit product.
 *
 * Blocks of neurons go through all their ticks with states and parameters in registers, at first as if neither u wrapped nor v were clipped.
 * The largest |u| and |v| tell whether that was so; if not, the block is done again with both.
 */

/* What steps ran into, a lane each; `limits` once a state has left them. */
typedef struct {
    VECTOR wraps, clips, largest_u, largest_v;
    int limits;
} NAME(Seen);

static void NAME(gathered)(const NAME(Seen) *seen, Notes *notes) {
    for (int i = 0; i < LANES; i++) {
        notes->wraps += seen->wraps[i];
        notes->clips += seen->clips[i];
        notes->largest_u = seen->largest_u[i] > notes->largest_u ? seen->largest_u[i] : notes->largest_u;
        notes->largest_v = seen->largest_v[i] > notes->largest_v ? seen->largest_v[i] : notes->largest_v;
    }
}

static inline VECTOR NAME(decayed)(VECTOR x, VECTOR kept) {
    VECTOR sign = x >> (int)(8 * sizeof(SUM) - 1), size = (x ^ sign) - sign;
    VECTOR left = (size >> 12) * kept + (((size & 4095) * kept) >> 12);
    return (left ^ sign) - sign;
}

/* Neurons j … j + vectors·LANES − 1. Without `limits`: 0, and states as they were, if one left its limits. */
static inline __attribute__((always_inline)) int NAME(block)(const Row *r, int64_t j, const int vectors, const int limits, const int synaptic, const int subtract, NAME(Seen) *seen) {
#define OF(array, i) (*(const VECTOR *)((const SUM *)(array) + j + (i) * LANES))
    VECTOR u[vectors], v[vectors], u_kept[vectors], v_kept[vectors], limit[vectors], to[vectors], bias[vectors];
    VECTOR largest_u = seen->largest_u, largest_v = seen->largest_v, none = {0};
    for (int i = 0; i < vectors; i++) {
        v[i] = OF(r->v, i), v_kept[i] = 4096 - OF(r->neurons.dv, i);
        limit[i] = OF(r->neurons.threshold, i), to[i] = OF(r->neurons.reset, i), bias[i] = OF(r->bias, i);
        if (synaptic) u[i] = OF(r->u, i), u_kept[i] = 4096 - OF(r->neurons.du, i);
    }
    const SUM *current = r->current;
    uint8_t *spikes = r->spikes + j;
    for (int64_t t = 0; t < r->ticks; t++, current += r->current_step, spikes += r->spikes_step)
        for (int i = 0; i < vectors; i++) {
            VECTOR x = OF(current, i) << V_SHIFT;
            if (synaptic) x += NAME(decayed)(u[i], u_kept[i]);
            largest_u = LARGER(largest_u, MAGNITUDE(x));
            if (limits) {
                VECTOR high = x > STATE_LIMIT, low = x <= -STATE_LIMIT;
                seen->wraps -= high + low;
                x += (high - low) * (2 * STATE_LIMIT); /* what is true is -1 */
            }
            if (synaptic) u[i] = x;
            VECTOR y = NAME(decayed)(v[i], v_kept[i]) + x + bias[i];
            largest_v = LARGER(largest_v, MAGNITUDE(y));
            if (limits) {
                VECTOR top = none + (STATE_LIMIT - 1), bounded = -LARGER(-y, -top);
                bounded = LARGER(bounded, -top);
                seen->clips -= bounded != y;
                y = bounded;
            }
            VECTOR after = to[i];
            if (subtract) after = y - after;
            v[i] = NAME(fire)(y, limit[i], after, spikes + i * LANES);
            if (r->recorded_v) {
                *(VECTOR *)((SUM *)r->recorded_u + t * r->recorded_step + j + i * LANES) = x;
                *(VECTOR *)((SUM *)r->recorded_v + t * r->recorded_step + j + i * LANES) = v[i];
            }
        }
#undef OF
    if (!limits && NAME(any_from)(largest_u, largest_v, STATE_LIMIT)) return 0;
    seen->largest_u = largest_u, seen->largest_v = largest_v;
    for (int i = 0; i < vectors; i++) {
        *(VECTOR *)((SUM *)r->v + j + i * LANES) = v[i];
        if (synaptic) *(VECTOR *)((SUM *)r->u + j + i * LANES) = u[i];
    }
    return 1;
}

static inline SUM NAME(decay)(SUM x, SUM kept) {
    SUM size = x < 0 ? -x : x;
    SUM left = (size >> 12) * kept + (((size & 4095) * kept) >> 12);
    return x < 0 ? -left : left;
}

/* Neurons first … last − 1, one after the other, whatever happens; records u and v if that is asked for. */
static void NAME(each)(const Row *r, int64_t first, int64_t last, NAME(Seen) *seen) {
    const Neurons *n = &r->neurons;
    SUM largest_u = 0, largest_v = 0;
    for (int64_t j = first; j < last; j++) {
        SUM u = r->u ? ((SUM *)r->u)[j] : 0, v = ((SUM *)r->v)[j], bias = ((const SUM *)r->bias)[j];
        SUM limit = ((const SUM *)n->threshold)[j], to = ((const SUM *)n->reset)[j];
        SUM u_kept = 4096 - ((const SUM *)n->du)[j], v_kept = 4096 - ((const SUM *)n->dv)[j];
        for (int64_t t = 0; t < r->ticks; t++) {
            SUM x = (r->u ? NAME(decay)(u, u_kept) : 0) + (SUM)((UNSIGNED)((const SUM *)r->current)[t * r->current_step + j] << V_SHIFT);
            SUM over = (x > STATE_LIMIT) - (x <= -STATE_LIMIT);
            u = x - over * (2 * STATE_LIMIT);
            SUM y = NAME(decay)(v, v_kept) + u + bias;
            v = y < STATE_LIMIT - 1 ? y : STATE_LIMIT - 1;
            v = v > 1 - STATE_LIMIT ? v : 1 - STATE_LIMIT;
            seen->wraps[0] += over * over;
            seen->clips[0] += v != y;
            largest_u = x > largest_u ? x : -x > largest_u ? -x : largest_u;
            largest_v = y > largest_v ? y : -y > largest_v ? -y : largest_v;
            int fired = v > limit;
            v = !fired ? v : n->flags & SUBTRACT ? v - to : to;
            r->spikes[t * r->spikes_step + j] = (uint8_t)fired;
            if (r->recorded_v) {
                ((SUM *)r->recorded_u)[t * r->recorded_step + j] = u;
                ((SUM *)r->recorded_v)[t * r->recorded_step + j] = v;
            }
        }
        ((SUM *)r->v)[j] = v;
        if (r->u) ((SUM *)r->u)[j] = u;
    }
    seen->largest_u[0] = largest_u > seen->largest_u[0] ? largest_u : seen->largest_u[0];
    seen->largest_v[0] = largest_v > seen->largest_v[0] ? largest_v : seen->largest_v[0];
}

/* All neurons of a row: four vectors at a time, one at a time, then those that are left. */
static void NAME(row)(const Row *r, NAME(Seen) *seen) {
    int64_t j = 0;
#define BLOCK_OF(vectors, limits)                                                                   \
    (r->u ? r->neurons.flags & SUBTRACT ? NAME(block)(r, j, vectors, limits, 1, 1, seen)            \
                                        : NAME(block)(r, j, vectors, limits, 1, 0, seen)            \
          : r->neurons.flags & SUBTRACT ? NAME(block)(r, j, vectors, limits, 0, 1, seen)            \
                                        : NAME(block)(r, j, vectors, limits, 0, 0, seen))
#define BLOCKS(vectors)                                                                             \
    for (; j + (vectors) * LANES <= r->width; j += (vectors) * LANES) {                             \
        if (!seen->limits && BLOCK_OF(vectors, 0)) continue;                                        \
        seen->limits = 1;                                                                           \
        BLOCK_OF(vectors, 1);                                                                       \
    }
    BLOCKS(4)
    BLOCKS(1)
#undef BLOCKS
#undef BLOCK_OF
    NAME(each)(r, j, r->width, seen);
}
