/* Products: what the spikes of a projection bring to a tile of its target. Included once for each type of sums and weights.
 *
 * A kernel makes one row (the input of one node in one tick) apart, shifts it by the projection's exponent and adds it to the currents of
 * the tile; a dense matrix that comes first writes it there. Where active neurons are counted it marks them as well: by the sum, if all
 * weights have one sign, else by the weights met. Dense matrices (dense.h) and Kronecker products over nodes (nodes.h) are elsewhere. */

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
