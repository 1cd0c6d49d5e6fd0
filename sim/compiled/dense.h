/* Dense matrices, over all neurons or the same one at every node: by events, or by bytes where there are too many. Included once for each type
 * of sums and weights. */

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
/* Weights of 16 bits or 8 are summed in 16 bits for as many events as no sum can leave them. */
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
