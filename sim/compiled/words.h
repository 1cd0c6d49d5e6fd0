/* Words: a matrix of at most 64 inputs, whose spikes in a tick are one word of bits. No list of events is made. Included for 16-bit weights.
 *
 * Most rows have a few events, and a processor that guesses wrong where a loop ends loses more than an addition takes: so events are added
 * four at a time, those that there are not from a row of zeros, which is the 64th. No sum leaves 16 bits. */

#define FOUR 4

/* The lowest bit that is set; 64 if none is. */
static inline int64_t lowest(uint64_t word) {
#if defined(__BMI__) && VECTOR_BYTES == 64
    return (int64_t)_tzcnt_u64(word); /* what is not named here becomes a branch */
#else
    return word ? __builtin_ctzll(word) : 64;
#endif
}

/* One node's ticks and some of its targets: how far apart ticks stand in the spikes and the currents, rows of sources in the weights. */
typedef struct {
    const uint8_t *spikes;
    const int16_t *weights;
    SUM *current;
    uint8_t *active; /* NULL: nobody counts */
    uint64_t full;   /* sources without a weight of 0 */
    int64_t ticks, inputs, step, stride;
    int left, right, fresh;
} NAME(Words);

/* So many targets from the first on, in so many vectors. */
static inline __attribute__((always_inline)) void NAME(word_block)(const NAME(Words) *of, int64_t first, const int vectors, int64_t targets, const int whole) {
    const int64_t ticks = of->ticks, inputs = of->inputs, step = of->step, stride = of->stride;
    const int16_t *weights = of->weights + first;
    const int left = of->left, right = of->right, fresh = of->fresh;
    const uint8_t *spikes = of->spikes;
    SUM *current = of->current + first;
    uint8_t *active = of->active ? of->active + first : NULL;
    for (int64_t t = 0; t < ticks; t++, spikes += inputs, current += step) {
        uint64_t word = word_of(spikes, inputs), rest = word;
        narrow sums[vectors];
        for (int i = 0; i < vectors; i++) sums[i] = (narrow){0};
        do
            for (int k = 0; k < FOUR; k++, rest &= rest - 1) {
                const int16_t *row = weights + lowest(rest) * stride;
                for (int i = 0; i < vectors; i++) sums[i] += *(const narrow *)(row + i * TOGETHER);
            }
        while (rest);
        for (int i = 0; i < vectors * 2; i++) {
            narrow two = sums[i / 2]; /* not by their address, which would keep all sums out of registers */
            VECTOR sum = NAME(from_halves)(((const HALVES *)&two)[i % 2]) << left >> right;
            SUM *to = current + i * LANES;
            if (!whole) {
                for (int j = 0; j < LANES && i * LANES + j < targets; j++) to[j] = fresh ? sum[j] : to[j] + sum[j];
                continue;
            }
            if (!fresh) sum += *(VECTOR *)to;
            *(VECTOR *)to = sum;
        }
        if (!active) continue;
        if (word & of->full) {
            memset(active + t * step, 1, targets);
            continue;
        }
        if (fresh) memset(active + t * step, 0, targets);
        for (; word; word &= word - 1)
            for (int64_t j = 0; j < targets; j++) active[t * step + j] |= weights[lowest(word) * stride + j] != 0;
    }
}

static void NAME(word_ticks)(const NAME(Words) *of, int64_t width) {
    int64_t j = 0;
    for (; j + 2 * TOGETHER <= width; j += 2 * TOGETHER) NAME(word_block)(of, j, 2, 2 * TOGETHER, 1);
    for (; j + TOGETHER <= width; j += TOGETHER) NAME(word_block)(of, j, 1, TOGETHER, 1);
    if (j < width) NAME(word_block)(of, j, 1, width - j, 0);
}

/* A matrix over all neurons of a source of one node, or the same one at every node. */
static void NAME(from_words)(const Call *c, const int64_t *op) {
    int64_t shared = op[O_KIND] == PER_NODE, exponent = op[O_EXPONENT];
    NAME(Words) of = {.ticks = c->t1 - c->t0, .inputs = c->source[P_WIDTH], .step = c->stride, .stride = op[O_STRIDE], .fresh = c->fresh};
    if (exponent > 0) of.left = (int)exponent;
    if (exponent < 0) of.right = (int)-exponent;
    if (op[O_FULL] >= 0) of.full = word_of((const uint8_t *)c->m->bytes + op[O_FULL], of.inputs);
    for (int64_t node = c->n0; node < c->n1; node++) {
        of.weights = (const int16_t *)c->m->weights + op[O_WORDS] + c->c0 + (shared ? 0 : node * c->target[P_WIDTH]);
        of.spikes = SPIKES(shared ? node : 0, c->t0);
        of.current = AT(current, node, c->t0);
        of.active = MARK(node, c->t0);
        NAME(word_ticks)(&of, c->c1 - c->c0);
    }
}
