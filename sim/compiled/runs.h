/* Runs: a sparse matrix whose columns are cut into runs, RUN targets side by side: what an event brings is a few additions of vectors, not one
 * of every weight. Included once for each type of integer sums.
 *
 * Every weight but 0 carries a 1 above the `bits` bits of a sum, so that a sum tells whether an event was among its weights, and the places
 * between them, which hold 0, tell nothing. Convolutions have long runs where their channels stand side by side: rows are made in that
 * order and turned in the end. */

#define TURNED 8
typedef SUM NAME(run) __attribute__((vector_size(RUN_BYTES), aligned(sizeof(SUM)), may_alias));
typedef SUM NAME(eight) __attribute__((vector_size(TURNED * sizeof(SUM)), aligned(sizeof(SUM)), may_alias));
#ifdef __clang__
#define MIX(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define MIX(a, b, ...) __builtin_shuffle(a, b, (NAME(eight)){__VA_ARGS__})
#endif

/* One step of three that turn a square of eight by eight: rows i and i + 4 are shuffled into each other, like cards. */
static inline void NAME(riffle)(const NAME(eight) *from, NAME(eight) *to) {
    for (int i = 0; i < TURNED / 2; i++) {
        to[2 * i] = MIX(from[i], from[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
        to[2 * i + 1] = MIX(from[i], from[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
    }
}

/* turned[c][s] = row[s][c]. */
static void NAME(turn)(const SUM *restrict row, int64_t channels, int64_t places, SUM *restrict turned) {
    int64_t squares = channels / TURNED * TURNED, last = places / TURNED * TURNED;
    for (int64_t c = 0; c < squares; c += TURNED) {
        for (int64_t s = 0; s < last; s += TURNED) {
            NAME(eight) a[TURNED], b[TURNED];
            for (int i = 0; i < TURNED; i++) a[i] = *(const NAME(eight) *)(row + (s + i) * channels + c);
            NAME(riffle)(a, b);
            NAME(riffle)(b, a);
            NAME(riffle)(a, b);
            for (int i = 0; i < TURNED; i++) *(NAME(eight) *)(turned + (c + i) * places + s) = b[i];
        }
        for (int i = 0; i < TURNED; i++)
            for (int64_t s = last; s < places; s++) turned[(c + i) * places + s] = row[s * channels + c + i];
    }
    for (int64_t c = squares; c < channels; c++)
        for (int64_t s = 0; s < places; s++) turned[c * places + s] = row[s * channels + c];
}

/* Tiles hold the whole population. */
static void NAME(runs)(const Call *c, const int64_t *op) {
    const int64_t *target = c->target, *source = c->source, *pointer = c->m->pointer + op[O_POINTER];
    const int64_t *rows = c->s->rows + source[P_ROWS] + source[P_HISTORY] - op[O_LAG];
    const SUM *weights = (const SUM *)c->m->parameters + op[O_WEIGHTS];
    const int32_t *index = c->m->index + op[O_INDEX], *events = c->s->events;
    int64_t width = target[P_WIDTH], size = target[P_NODES] * width, channels = op[O_FASTEST];
    SUM *row = c->row + (-(uintptr_t)c->row & (RUN_BYTES - 1)), *turned = row + size + RUN_BYTES / sizeof(SUM); /* a vector crosses no line, a run may leave the row */
    for (int64_t t = c->t0; t < c->t1; t++) {
        if (rows[t] == rows[t + 1]) continue;
        memset(row, 0, size * sizeof *row);
        for (int64_t e = rows[t]; e < rows[t + 1]; e++) {
            const int32_t *run = index + 2 * pointer[events[e]], *end = index + 2 * pointer[events[e] + 1];
            for (; run < end; run += 2) *(NAME(run) *)(row + run[0]) += *(const NAME(run) *)(weights + run[1]);
        }
        if (channels > 1) NAME(turn)(row, channels, size / channels, turned);
        for (int64_t node = 0; node < target[P_NODES]; node++) {
            SUM *of = (channels > 1 ? turned : row) + node * width;
            NAME(unpack)(of, width, op[O_VALUES], MARK(node, t));
            NAME(commit)(of, width, op[O_EXPONENT], AT(current, node, t));
        }
    }
}
#undef TURNED
#undef MIX
