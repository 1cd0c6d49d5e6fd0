/* What a run is asked for in the end: how often each population spiked, and how many nodes a linear readout of the rates puts right. */

/* Spikes of each population in the ticks of this chunk. */
void count_spikes(const Memory *m, const Scratch *s, int64_t ticks, int64_t *counts) {
    for (int64_t number = 0; number < m->population_count; number++) {
        const int64_t *p = m->populations + number * P_COLUMNS;
        int64_t node_size = p[P_LENGTH] * p[P_WIDTH];
        const uint8_t *spikes = s->spikes + p[P_SPIKES] + p[P_HISTORY] * p[P_WIDTH];
        if (!p[P_HISTORY] && ticks == p[P_LENGTH])
            counts[number] = count_either(spikes, spikes, p[P_NODES] * node_size);
        else
            for (int64_t node = counts[number] = 0; node < p[P_NODES]; node++)
                counts[number] += count_either(spikes + node * node_size, spikes + node * node_size, ticks * p[P_WIDTH]);
    }
}

typedef struct {
    int64_t nodes, classes, parts, ticks;
    const int64_t *sources;  /* per part: its population and its features a node */
    const double *weight;    /* [feature of all parts, in their order][class] */
    const double *bias;      /* [class] */
    const int64_t *pointer;  /* propagation over nodes in CSR; NULL: none */
    const int32_t *index;
    const double *values;
    const int64_t *labels;
    const uint8_t *tested;
    double *sums;            /* [node][class], to be written */
} Readout;

/* argmax_c ( bias[c] + sum_m A[n,m] sum_j rate[m][j] weight[j][c] ) = label, counted over the nodes n that are tested; the first of equals. */
int64_t count_right(const Memory *m, const Scratch *s, const Readout *r) {
    int64_t right = 0, row = 0;
    memset(r->sums, 0, r->nodes * r->classes * sizeof(double));
    for (int64_t part = 0; part < r->parts; part++) {
        const int64_t *p = m->populations + r->sources[2 * part] * P_COLUMNS;
        int64_t width = r->sources[2 * part + 1];
        const uint8_t *spikes = s->spikes + p[P_SPIKES] + p[P_HISTORY] * p[P_WIDTH];
        for (int64_t neuron = 0; neuron < r->nodes * width; neuron++) {
            /* The program may split the population into other nodes than the readout does. */
            const uint8_t *fired = spikes + neuron / p[P_WIDTH] * p[P_LENGTH] * p[P_WIDTH] + neuron % p[P_WIDTH];
            int64_t count = 0;
            for (int64_t t = 0; t < r->ticks; t++) count += fired[t * p[P_WIDTH]];
            if (!count) continue;
            const double *weight = r->weight + (row + neuron % width) * r->classes;
            double *sums = r->sums + neuron / width * r->classes;
            for (int64_t c = 0; c < r->classes; c++) sums[c] += count * weight[c];
        }
        row += width;
    }
    for (int64_t node = 0; node < r->nodes; node++) {
        if (!r->tested[node]) continue;
        int64_t best = 0, first = r->pointer ? r->pointer[node] : 0, last = r->pointer ? r->pointer[node + 1] : 1;
        double most = 0;
        for (int64_t c = 0; c < r->classes; c++) {
            double sum = 0;
            for (int64_t k = first; k < last; k++)
                sum += r->pointer ? r->values[k] * r->sums[r->index[k] * r->classes + c] : r->sums[node * r->classes + c];
            sum = sum / r->ticks + r->bias[c];
            if (!c || sum > most) best = c, most = sum;
        }
        right += best == r->labels[node];
    }
    return right;
}
