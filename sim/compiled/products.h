/* Products: what the spikes of a projection bring to a tile of its target. Included once for each type of sums and weights.
 *
 * A kernel makes one row (the input of one node in one tick) apart, shifts it by the projection's exponent and adds it to the currents of
 * the tile; a dense matrix that comes first writes it there. Where active neurons are counted it marks them as well: by the sum, if all weights have one sign, else by the weights met.
 */

/* Loops over RUN have a length that the compiler knows: a short row costs no more than its instructions. */
#define BY_RUNS(width, j, statement)                                  \
    {                                                                 \
        int64_t j = 0;                                                \
        for (; j + RUN <= (width); j += RUN)                          \
            for (int64_t _o = j, j = _o; j < _o + RUN; j++) statement \
        for (; j < (width); j++) statement                            \
    }

/* Zeros in the part of a tile that is called for, of values of so many bytes. */
static void NAME(zero)(const Call *c, void *values, int64_t bytes) {
    int64_t size = (c->t1 - c->t0) * c->stride;
    int64_t together = size == c->length * c->stride ? c->n1 - c->n0 : 1; /* nodes whose ticks lie one behind the other */
    for (int64_t node = c->n0; node < c->n1; node += together) memset((uint8_t *)values + PLACE(node, c->t0) * bytes, 0, together * size * bytes);
}

static inline void NAME(commit)(const SUM *restrict row, int64_t width, int64_t exponent, SUM *restrict current) {
#ifdef REAL
    (void)exponent;
#else
    int64_t first = 0; /* vectors are written out: compilers find none in a block of shifts */
    if (exponent > 0) {
        for (; first + LANES <= width; first += LANES) *(VECTOR *)(current + first) += *(const VECTOR *)(row + first) << (int)exponent;
        for (; first < width; first++) current[first] += (SUM)((UNSIGNED)row[first] << exponent);
    } else if (exponent < 0) {
        for (; first + LANES <= width; first += LANES) *(VECTOR *)(current + first) += *(const VECTOR *)(row + first) >> (int)-exponent;
        for (; first < width; first++) current[first] += row[first] >> -exponent;
    } else
#endif
        BY_RUNS(width, j, { current[j] += row[j]; })
}

static inline void NAME(mark_sums)(const SUM *restrict row, int64_t width, int fresh, uint8_t *restrict active) {
    if (fresh) memset(active, 0, width);
    BY_RUNS(width, j, { active[j] |= row[j] != 0; })
}

/* A matrix by source, as its events read it: weights, or bytes that are shifted left once they are summed. `full` tells of which sources no
 * weight is 0 (NULL: of none), `most` how many events 16 bits hold. */
typedef struct {
    const WEIGHT *weights;
    const int8_t *bytes, *full;
    int64_t stride, most, shift;
} NAME(Matrix);

static NAME(Matrix) NAME(matrix)(const Call *c, const int64_t *op, int64_t stride, int64_t first) {
    NAME(Matrix) of = {.stride = stride, .most = op[O_VALUES], .shift = op[O_SHIFT]};
    if (op[O_WEIGHTS] >= 0) of.weights = (const WEIGHT *)c->m->weights + op[O_WEIGHTS] + first;
    if (op[O_BYTES] >= 0) of.bytes = c->m->bytes + op[O_BYTES] + first;
    if (op[O_FULL] >= 0) of.full = c->m->bytes + op[O_FULL];
    return of;
}

/* Mark every target of the events. One source without a weight of 0 marks all; otherwise it ends as soon as there is none left to mark,
 * which among few weights of 0 is after an event or two. */
static void NAME(mark_events)(const Call *c, const int32_t *events, int64_t count, const NAME(Matrix) *of, uint8_t *restrict active) {
    int64_t width = c->c1 - c->c0;
    for (int64_t k = 0; of->full && k < count; k++)
        if (of->full[events[k]]) {
            memset(active, 1, width);
            return;
        }
    if (c->fresh) memset(active, 0, width);
    for (int64_t k = 0; k < count; k++) {
        const int8_t *restrict bytes = of->bytes + events[k] * of->stride;
        const WEIGHT *restrict weights = of->weights + events[k] * of->stride;
        if (of->bytes)
            for (int64_t j = 0; j < width; j++) active[j] |= bytes[j] != 0;
        else
            for (int64_t j = 0; j < width; j++) active[j] |= weights[j] != 0;
        if (!memchr(active, 0, width)) return;
    }
}

/* row[j] = Σ over events of weights[event · stride + j]. */
#ifdef NARROW
/* Weights of 16 bits or 8 are summed in 16 bits for as many events as no sum can leave them, in registers: one instruction adds TOGETHER. */
#define TOGETHER (VECTOR_BYTES / 2)
typedef int16_t narrow __attribute__((vector_size(2 * TOGETHER), aligned(2), may_alias));
typedef int8_t thin __attribute__((vector_size(TOGETHER), aligned(1), may_alias));
static inline narrow sixteen_bits(const int8_t *bytes) {
#if VECTOR_BYTES == 64
    return (narrow)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)bytes));
#else
    return __builtin_convertvector(*(const thin *)bytes, narrow);
#endif
}

static inline __attribute__((always_inline)) void NAME(gather)(const int32_t *events, int64_t count, const NAME(Matrix) *of, int64_t c, const int bytes, const int vectors, SUM *restrict row) {
    for (int64_t first = 0; first < count; first += of->most) {
        int64_t last = MIN(count, first + of->most), stride = of->stride;
        narrow part[vectors];
        for (int i = 0; i < vectors; i++) part[i] = (narrow){0};
        for (int64_t k = first; k < last; k++)
            for (int i = 0; i < vectors; i++)
                if (bytes)
                    part[i] += sixteen_bits(of->bytes + events[k] * stride + c + i * TOGETHER);
                else
                    part[i] += *(const narrow *)(of->weights + events[k] * stride + c + i * TOGETHER);
        for (int i = 0; i < vectors; i++)
            for (int j = 0; j < TOGETHER; j++)
                row[c + i * TOGETHER + j] = (first ? row[c + i * TOGETHER + j] : 0) + (SUM)((UNSIGNED)part[i][j] << of->shift);
    }
}

static void NAME(add_events)(const int32_t *events, int64_t count, const NAME(Matrix) *of, int64_t width, SUM *restrict row) {
    int64_t c = 0;
#define COLUMNS(vectors)                                                                                   \
    for (; c + (vectors) * TOGETHER <= width; c += (vectors) * TOGETHER)                                   \
        if (of->bytes)                                                                                     \
            NAME(gather)(events, count, of, c, 1, vectors, row);                                           \
        else                                                                                               \
            NAME(gather)(events, count, of, c, 0, vectors, row);
    COLUMNS(8)
    COLUMNS(2)
    COLUMNS(1)
#undef COLUMNS
    if (c == width) return;
    memset(row + c, 0, (width - c) * sizeof *row);
    for (int64_t k = 0; k < count; k++)
        for (int64_t j = c; j < width; j++) {
            int64_t at = events[k] * of->stride + j;
            row[j] += (SUM)((UNSIGNED)(of->bytes ? of->bytes[at] : of->weights[at]) << of->shift);
        }
}
#else
static void NAME(add_events)(const int32_t *events, int64_t count, const NAME(Matrix) *of, int64_t width, SUM *restrict row) {
    memset(row, 0, width * sizeof *row);
    int64_t k = 0, stride = of->stride;
    for (; k + 4 <= count; k += 4) {
        const WEIGHT *a = of->weights + events[k] * stride, *b = of->weights + events[k + 1] * stride;
        const WEIGHT *c = of->weights + events[k + 2] * stride, *d = of->weights + events[k + 3] * stride;
        for (int64_t j = 0; j < width; j++) row[j] = row[j] + a[j] + b[j] + c[j] + d[j];
    }
    for (; k < count; k++) {
        const WEIGHT *a = of->weights + events[k] * stride;
        for (int64_t j = 0; j < width; j++) row[j] += a[j];
    }
}
#endif

/* What the events bring: into a row, which is then shifted and added to the currents, or into the currents themselves. */
static void NAME(from_events)(const Call *c, const int64_t *op, const int32_t *events, int64_t count, const NAME(Matrix) *of, SUM *row, SUM *current, uint8_t *active) {
    int64_t width = c->c1 - c->c0;
    NAME(add_events)(events, count, of, width, row);
    if (row != current) NAME(commit)(row, width, op[O_EXPONENT], current);
    if (!active) return;
    if (op[O_SIGNED])
        NAME(mark_sums)(row, width, c->fresh, active);
    else
        NAME(mark_events)(c, events, count, of, active);
}

#ifdef NARROW
/* Where many neurons spike, weights that fit 8 bits once a common power of two is taken out: bytes times bytes, which processors multiply and
 * add 64 at a time. The matrix stands by target. */
static void NAME(dense_bytes)(const Call *c, const int64_t *op, int64_t node) {
    int64_t inputs = c->source[P_NODES] * c->source[P_WIDTH], width = c->c1 - c->c0;
    const int8_t *weights = c->m->bytes + op[O_BY_TARGET] + (node * c->target[P_WIDTH] + c->c0) * inputs;
    for (int64_t t = c->t0; t < c->t1; t++) {
        const uint8_t *restrict spikes = SPIKES(0, t);
        for (int64_t j = 0; j < width; j++) {
            const int8_t *restrict of = weights + j * inputs;
            SUM sum = 0;
            for (int64_t k = 0; k < inputs; k++) sum += spikes[k] * of[k];
            ((SUM *)c->row)[j] = (SUM)((UNSIGNED)sum << op[O_SHIFT]);
        }
        NAME(commit)(c->row, width, op[O_EXPONENT], AT(current, node, t));
        if (c->active && op[O_SIGNED]) NAME(mark_sums)(c->row, width, c->fresh, MARK(node, t));
    }
}
#endif

#ifdef NARROW
#include "words.h"
#endif

/* A matrix over all neurons: by events, or by bytes where there are too many. */
static void NAME(dense)(const Call *c, const int64_t *op) {
    const int64_t *source = c->source, *target = c->target;
#ifdef NARROW
    if (op[O_WORDS] >= 0) {
        NAME(from_words)(c, op);
        return;
    }
#endif
    int64_t stride = target[P_NODES] * target[P_WIDTH];
    const int64_t *rows = c->s->rows + source[P_ROWS] + source[P_HISTORY] - op[O_LAG];
    int busy = op[O_BY_TARGET] >= 0 && rows[c->t1] - rows[c->t0] > BUSY * (c->t1 - c->t0) * source[P_NODES] * source[P_WIDTH];
#ifdef NARROW
    int64_t straight = c->fresh && !busy && op[O_EXPONENT] >= 0; /* sums are written where they are wanted */
#else
    int64_t straight = c->fresh && !op[O_EXPONENT];
#endif
    if (c->fresh && !straight) NAME(zero)(c, c->current, sizeof(SUM));
    for (int64_t node = c->n0; node < c->n1; node++) {
        NAME(Matrix) of = NAME(matrix)(c, op, stride, node * target[P_WIDTH] + c->c0);
        if (straight) of.shift += op[O_EXPONENT];
#ifdef NARROW
        if (busy) NAME(dense_bytes)(c, op, node);
#endif
        for (int64_t t = c->t0; t < c->t1; t++) {
            const int32_t *events = c->s->events + rows[t];
            int64_t count = rows[t + 1] - rows[t];
            SUM *current = AT(current, node, t);
            if (straight && !count) memset(current, 0, (c->c1 - c->c0) * sizeof *current);
            if (c->fresh && c->active && !count) memset(MARK(node, t), 0, c->c1 - c->c0);
            if (!count) continue;
            if (!busy)
                NAME(from_events)(c, op, events, count, &of, straight ? current : c->row, current, MARK(node, t));
            else if (c->active && !op[O_SIGNED])
                NAME(mark_events)(c, events, count, &of, MARK(node, t));
        }
    }
}

/* I ⊗ W: the same matrix at every node. */
static void NAME(per_node)(const Call *c, const int64_t *op) {
    const int64_t *source = c->source;
    NAME(Matrix) of = NAME(matrix)(c, op, c->target[P_WIDTH], c->c0);
#ifdef NARROW
    if (op[O_TABLES] >= 0) {
        NAME(from_tables)(c, op);
        return;
    }
    if (op[O_WORDS] >= 0) {
        NAME(from_words)(c, op);
        return;
    }
#endif
    for (int64_t node = c->n0; node < c->n1; node++)
        for (int64_t t = c->t0; t < c->t1; t++) {
            int64_t count = compress(SPIKES(node, t), source[P_WIDTH], 0, c->local, 0);
            if (count) NAME(from_events)(c, op, c->local, count, &of, c->row, AT(current, node, t), MARK(node, t));
        }
}

/* values · 2^exponent, as sums of one spike are. */
static void NAME(shifted)(const SUM *restrict values, int64_t width, int64_t exponent, SUM *restrict out) {
    memset(out, 0, width * sizeof *out);
    NAME(commit)(values, width, exponent, out);
}

/* I ⊗ diagonal. */
static void NAME(one_to_one)(const Call *c, const int64_t *op) {
    const SUM *given = (const SUM *)c->m->parameters + op[O_VALUES] + c->c0;
    int64_t width = c->c1 - c->c0;
    SUM *values = c->row;
    uint8_t *met = (uint8_t *)(values + width);
    NAME(shifted)(given, width, op[O_EXPONENT], values);
    for (int64_t j = 0; j < width; j++) met[j] = given[j] != 0;
    for (int64_t node = c->n0; node < c->n1; node++)
        for (int64_t t = c->t0; t < c->t1; t++) {
            const uint8_t *spikes = SPIKES(node, t) + c->c0;
            SUM *current = AT(current, node, t);
            uint8_t *active = MARK(node, t);
            int64_t j = 0;
            for (; j + LANES <= width; j += LANES) {
                OCTETS sent = *(const OCTETS *)(spikes + j);
                *(VECTOR *)(current + j) += *(const VECTOR *)(values + j) * NAME(from_octets)(sent);
                if (active) *(OCTETS *)(active + j) |= sent & *(const OCTETS *)(met + j);
            }
            for (; j < width; j++) {
                current[j] += values[j] * spikes[j];
                if (active) active[j] |= spikes[j] & met[j];
            }
        }
}

/* The factor over features: out[e] = Σ_d right[e, d] · values[d]. */
static void NAME(right)(const Call *c, const int64_t *op, const SUM *restrict values, int64_t inputs, SUM *restrict out, int64_t width) {
    const SUM *factor = (const SUM *)c->m->parameters + op[O_VALUES];
    if (op[O_RIGHT] == IDENTITY)
        memcpy(out, values, width * sizeof *out);
    else if (op[O_RIGHT] == DIAGONAL)
        for (int64_t j = 0; j < width; j++) out[j] = values[j] * factor[j];
    else {
        memset(out, 0, width * sizeof *out);
        for (int64_t d = 0; d < inputs; d++)
            if (values[d] != 0)
                for (int64_t j = 0; j < width; j++) out[j] += values[d] * factor[d * width + j];
    }
}

/* Mark the features that a nonzero value meets over a nonzero weight. */
static void NAME(mark_right)(const Call *c, const int64_t *op, const SUM *restrict values, int64_t inputs, uint8_t *restrict active, int64_t width) {
    const SUM *factor = (const SUM *)c->m->parameters + op[O_VALUES];
    if (op[O_RIGHT] == IDENTITY)
        for (int64_t j = 0; j < width; j++) active[j] |= values[j] != 0;
    else if (op[O_RIGHT] == DIAGONAL)
        for (int64_t j = 0; j < width; j++) active[j] |= (values[j] != 0) & (factor[j] != 0);
    else
        for (int64_t d = 0; d < inputs; d++)
            if (values[d] != 0)
                for (int64_t j = 0; j < width; j++) active[j] |= factor[d * width + j] != 0;
}

/* A ⊗ right, node by node of the target: all ticks of a neighbour lie together. Tiles hold whole rows. */
static void NAME(aggregate)(const Call *c, const int64_t *op) {
    const int64_t *source = c->source, *pointer = c->m->pointer + op[O_POINTER];
    const WEIGHT *weights = (const WEIGHT *)c->m->weights + op[O_WEIGHTS];
    const int32_t *index = c->m->index + op[O_INDEX];
    int64_t inputs = source[P_WIDTH], width = c->target[P_WIDTH], ticks = c->t1 - c->t0, block = ticks * inputs;
    int64_t end = pointer[c->n1];
    SUM *restrict row = c->row, *out = row + block;
    for (int64_t node = c->n0; node < c->n1; node++) {
        int64_t first = pointer[node], last = pointer[node + 1];
        if (first == last) continue;
        memset(row, 0, block * sizeof *row);
        for (int64_t k = first; k < last; k++) {
            SUM weight = weights[k];
            const uint8_t *restrict spikes = SPIKES(index[k], c->t0);
            if (k + AHEAD < end)
                for (int64_t j = 0; j < block; j += 64) __builtin_prefetch(SPIKES(index[k + AHEAD], c->t0) + j);
            for (int64_t j = 0; j < block; j++) row[j] += weight * spikes[j];
        }
        for (int64_t t = 0; t < ticks; t++) {
            SUM *values = row + t * inputs;
            uint8_t *restrict active = MARK(node, c->t0 + t);
            if (op[O_RIGHT] == IDENTITY)
                NAME(commit)(values, width, op[O_EXPONENT], AT(current, node, c->t0 + t));
            else {
                NAME(right)(c, op, values, inputs, out, width);
                NAME(commit)(out, width, op[O_EXPONENT], AT(current, node, c->t0 + t));
            }
            if (!active) continue;
            if (!op[O_SIGNED_LEFT]) { /* sums of weights of both signs may cancel: count the spikes in their place */
                memset(values, 0, inputs * sizeof *values);
                for (int64_t k = first; k < last; k++) {
                    const uint8_t *restrict spikes = SPIKES(index[k], c->t0 + t);
                    for (int64_t j = 0; j < inputs; j++) values[j] += spikes[j];
                }
            }
            NAME(mark_right)(c, op, values, inputs, active, width);
        }
    }
}

/* Spikes of a source counted over its nodes, for ticks t0 … t1 − 1. */
static void NAME(count_nodes)(const Call *c, SUM *restrict row) {
    int64_t block = (c->t1 - c->t0) * c->source[P_WIDTH];
    memset(row, 0, block * sizeof *row);
    for (int64_t node = 0; node < c->source[P_NODES]; node++) {
        const uint8_t *restrict spikes = SPIKES(node, c->t0);
        for (int64_t j = 0; j < block; j++) row[j] += spikes[j];
    }
}

/* 1ᵀ ⊗ right: the sum over all nodes. The target has one node. */
static void NAME(reduce)(const Call *c, const int64_t *op) {
    int64_t inputs = c->source[P_WIDTH], width = c->target[P_WIDTH];
    SUM *row = c->row, *out = row + (c->t1 - c->t0) * inputs;
    NAME(count_nodes)(c, row);
    for (int64_t t = c->t0; t < c->t1; t++) {
        SUM *values = row + (t - c->t0) * inputs;
        NAME(right)(c, op, values, inputs, out, width);
        NAME(commit)(out, width, op[O_EXPONENT], AT(current, 0, t));
        if (c->active) NAME(mark_right)(c, op, values, inputs, MARK(0, t), width);
    }
}

/* 1 ⊗ right: the row and its marks are made once, then added at every node. The source has one node. */
static void NAME(broadcast)(const Call *c, const int64_t *op) {
    int64_t inputs = c->source[P_WIDTH], width = c->target[P_WIDTH];
    SUM *row = c->row, *out = row + inputs, *restrict brought = out + width;
    uint8_t *restrict marks = (uint8_t *)(brought + width);
    for (int64_t t = c->t0; t < c->t1; t++) {
        const uint8_t *spikes = SPIKES(0, t);
        int64_t some = 0;
        for (int64_t j = 0; j < inputs; j++) some |= (row[j] = spikes[j]) != 0;
        if (!some) continue;
        NAME(right)(c, op, row, inputs, out, width);
        NAME(shifted)(out, width, op[O_EXPONENT], brought);
        memset(marks, 0, width);
        NAME(mark_right)(c, op, row, inputs, marks, width);
        for (int64_t node = c->n0; node < c->n1; node++) {
            SUM *restrict current = AT(current, node, t);
            uint8_t *restrict active = MARK(node, t);
            BY_RUNS(width, j, { current[j] += brought[j]; })
            if (active) BY_RUNS(width, j, { active[j] |= marks[j]; })
        }
    }
}

#ifndef REAL
/* Sums that carry the number of their events above so many bits: mark where there are any, and leave the sums. */
static inline void NAME(unpack)(SUM *restrict row, int64_t width, int64_t bits, uint8_t *restrict active) {
    int above = 8 * sizeof(SUM) - (int)bits;
    if (active)
        for (int64_t j = 0; j < width; j++) active[j] |= row[j] != 0;
    for (int64_t j = 0; j < width; j++) row[j] = (SUM)((UNSIGNED)row[j] << above) >> above;
}
#endif

/* A matrix by columns: every event adds its column. Tiles hold the whole population.
 *
 * Where weights of both signs may cancel, marking must not cost a second pass: a sum of fewer than `bits` bits carries the number of its
 * events above them, so that one addition moves a weight and counts it. */
static void NAME(sparse)(const Call *c, const int64_t *op) {
    const int64_t *target = c->target, *source = c->source, *pointer = c->m->pointer + op[O_POINTER];
    const int64_t *rows = c->s->rows + source[P_ROWS] + source[P_HISTORY] - op[O_LAG];
    const WEIGHT *weights = (const WEIGHT *)c->m->weights + op[O_WEIGHTS];
    const int32_t *index = c->m->index + op[O_INDEX], *events = c->s->events;
    int64_t width = target[P_WIDTH], size = target[P_NODES] * width, bits = op[O_VALUES];
    int met = c->active && !op[O_SIGNED], packed = met && bits;
    SUM *restrict row = c->row, unit = packed ? (SUM)(1ll << bits) : 0;
    int64_t *restrict wide = c->wide;
    for (int64_t t = c->t0; t < c->t1; t++) {
        if (rows[t] == rows[t + 1]) continue;
        memset(row, 0, size * sizeof *row);
        if (met && !packed) memset(wide, 0, size * sizeof *wide);
        for (int64_t e = rows[t]; e < rows[t + 1]; e++) {
            int64_t first = pointer[events[e]], last = pointer[events[e] + 1];
            for (int64_t k = first; k < last; k++) row[index[k]] += weights[k] + unit;
            if (met && !packed)
                for (int64_t k = first; k < last; k++) wide[index[k]] = 1;
        }
        for (int64_t node = 0; node < target[P_NODES]; node++) {
            SUM *restrict of = row + node * width;
            uint8_t *restrict active = MARK(node, t);
#ifndef REAL
            if (packed) NAME(unpack)(of, width, bits, active);
#endif
            NAME(commit)(of, width, op[O_EXPONENT], AT(current, node, t));
            if (met && !packed)
                for (int64_t j = 0; j < width; j++) active[j] |= wide[node * width + j] != 0;
            else if (active && !packed)
                NAME(mark_sums)(of, width, 0, active);
        }
    }
}
