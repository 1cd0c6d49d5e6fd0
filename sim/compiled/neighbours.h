/* Neighbours: a sum over the edges of a graph out of bits, an eighth of the bytes that the spikes of a neighbour otherwise bring from
 * wherever they lie in memory. Included for 16-bit weights, of which no sum leaves 16 bits; where a mask of bits adds lanes of a register. */

typedef struct {
    const uint8_t *bits;
    const int16_t *weights;
    const int32_t *index;
    int64_t stride, first, last, end; /* bytes of a node; edges of this one; where those of the tile end */
} Edges;

/* Sums of so many vectors of bits from j on. */
static inline __attribute__((always_inline)) void NAME(sum_bits)(const Edges *of, int64_t j, const int vectors, SUM *restrict row) {
    const uint8_t *bits = of->bits + j / 8;
    narrow sums[vectors];
    for (int i = 0; i < vectors; i++) sums[i] = (narrow){0};
    for (int64_t k = of->first; k < of->last; k++) {
        const uint8_t *from = bits + of->index[k] * of->stride;
        if (k + AHEAD < of->end) __builtin_prefetch(bits + of->index[k + AHEAD] * of->stride);
        __m512i weight = _mm512_set1_epi16(of->weights[k]);
        for (int i = 0; i < vectors; i++) {
            uint32_t mask;
            memcpy(&mask, from + i * sizeof mask, sizeof mask);
            sums[i] = (narrow)_mm512_mask_add_epi16((__m512i)sums[i], mask, (__m512i)sums[i], weight);
        }
    }
    for (int i = 0; i < vectors * 2; i++) {
        narrow two = sums[i / 2];
        *(VECTOR *)(row + j + i * LANES) = NAME(from_halves)(((const HALVES *)&two)[i % 2]);
    }
}

/* A ⊗ right, node by node of the target. A row has room for a vector more than its bits, what lies behind them is never looked at. */
static void NAME(from_bits)(const Call *c, const int64_t *op) {
    const int64_t *source = c->source, *pointer = c->m->pointer + op[O_POINTER];
    int64_t inputs = source[P_WIDTH], block = (c->t1 - c->t0) * inputs;
    SUM *row = c->row, *out = row + block + TOGETHER;
    Edges of = {.weights = (const int16_t *)c->m->weights + op[O_WEIGHTS], .index = c->m->index + op[O_INDEX], .end = pointer[c->n1]};
    of.bits = c->s->bits + source[P_BITS] + (source[P_HISTORY] - c->lag + c->t0) * inputs / 8;
    of.stride = source[P_LENGTH] * inputs / 8;
    for (int64_t node = c->n0; node < c->n1; node++) {
        int64_t j = 0;
        of.first = pointer[node], of.last = pointer[node + 1];
        if (of.first == of.last) continue;
#define BLOCKS(vectors) \
    for (; j + (vectors) * TOGETHER <= block; j += (vectors) * TOGETHER) NAME(sum_bits)(&of, j, vectors, row);
        BLOCKS(8)
        BLOCKS(2)
#undef BLOCKS
        for (; j < block; j += TOGETHER) NAME(sum_bits)(&of, j, 1, row);
        NAME(bring_rows)(c, op, node, row, out);
    }
}
