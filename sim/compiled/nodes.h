/* Kronecker products over nodes: a graph, a sum over all nodes, a copy for each. Included once for each type of sums and weights. */

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

/* What the neighbours of a node bring in every tick, summed in a row: through the factor over features, and its marks. */
static void NAME(bring_rows)(const Call *c, const int64_t *op, int64_t node, SUM *row, SUM *restrict out) {
    const int64_t *pointer = c->m->pointer + op[O_POINTER];
    const int32_t *index = c->m->index + op[O_INDEX];
    int64_t inputs = c->source[P_WIDTH], width = c->target[P_WIDTH];
    for (int64_t t = c->t0; t < c->t1; t++) {
        SUM *values = row + (t - c->t0) * inputs;
        uint8_t *restrict active = MARK(node, t);
        if (op[O_RIGHT] == IDENTITY)
            NAME(commit)(values, width, op[O_EXPONENT], AT(current, node, t));
        else {
            NAME(right)(c, op, values, inputs, out, width);
            NAME(commit)(out, width, op[O_EXPONENT], AT(current, node, t));
        }
        if (!active) continue;
        if (!op[O_SIGNED_LEFT]) { /* sums of weights of both signs may cancel: count the spikes in their place */
            memset(values, 0, inputs * sizeof *values);
            for (int64_t k = pointer[node]; k < pointer[node + 1]; k++) {
                const uint8_t *restrict spikes = SPIKES(index[k], t);
                for (int64_t j = 0; j < inputs; j++) values[j] += spikes[j];
            }
        }
        NAME(mark_right)(c, op, values, inputs, active, width);
    }
}

#if defined(NARROW) && VECTOR_BYTES == 64
#include "neighbours.h"
#endif

/* A ⊗ right, node by node of the target: all ticks of a neighbour lie together. Tiles hold whole rows. */
static void NAME(aggregate)(const Call *c, const int64_t *op) {
    const int64_t *source = c->source, *pointer = c->m->pointer + op[O_POINTER];
    const WEIGHT *weights = (const WEIGHT *)c->m->weights + op[O_WEIGHTS];
    const int32_t *index = c->m->index + op[O_INDEX];
    int64_t block = (c->t1 - c->t0) * source[P_WIDTH], end = pointer[c->n1];
    SUM *restrict row = c->row;
#if defined(NARROW) && VECTOR_BYTES == 64
    if (op[O_BITS]) {
        NAME(from_bits)(c, op);
        return;
    }
#endif
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
        NAME(bring_rows)(c, op, node, row, row + block);
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
