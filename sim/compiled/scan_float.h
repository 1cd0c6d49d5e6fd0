/* The ticks of a row of float neurons, as neurograph.sim.floating, in the same order of operations. The row's currents become u. */

typedef struct {
    int none;
} NAME(Seen);

static void NAME(gathered)(const NAME(Seen) *seen, Notes *notes) {
    (void)seen, (void)notes;
}

static inline void NAME(step)(const Neurons *n, SUM *restrict current, SUM *restrict u, SUM *restrict v, const SUM *restrict bias, uint8_t *restrict spikes, int64_t width) {
    const SUM *restrict threshold = n->threshold, *restrict alpha = n->alpha, *restrict beta = n->beta, *restrict gain = n->gain;
    const SUM *restrict v_leak = n->v_leak, *restrict reset = n->reset;
    for (int64_t j = 0; j < width; j++) current[j] += bias[j];
    if (u)
        for (int64_t j = 0; j < width; j++) current[j] = u[j] = (1 - alpha[j]) * u[j] + current[j];
    if (n->flags & MEMORYLESS)
        for (int64_t j = 0; j < width; j++) v[j] = current[j];
    else if (n->flags & GAIN)
        for (int64_t j = 0; j < width; j++) v[j] = v[j] + beta[j] * (v_leak[j] - v[j]) + gain[j] * current[j];
    else
        for (int64_t j = 0; j < width; j++) v[j] = v[j] + beta[j] * (current[j] + v_leak[j] - v[j]);
    int subtract = (n->flags & SUBTRACT) != 0, memoryless = (n->flags & MEMORYLESS) != 0;
    for (int64_t j = 0; j < width; j++) {
        int fired = v[j] > threshold[j];
        SUM after = subtract ? v[j] - reset[j] : reset[j];
        v[j] = fired && !memoryless ? after : v[j];
        spikes[j] = (uint8_t)fired;
    }
}

static void NAME(row)(const Row *r, NAME(Seen) *seen) {
    (void)seen;
    for (int64_t t = 0; t < r->ticks; t++) {
        SUM *current = (SUM *)r->current + t * r->current_step;
        NAME(step)(&r->neurons, current, r->u, r->v, r->bias, r->spikes + t * r->spikes_step, r->width);
        if (!r->recorded_v) continue;
        memcpy((SUM *)r->recorded_u + t * r->recorded_step, current, r->width * sizeof(SUM));
        memcpy((SUM *)r->recorded_v + t * r->recorded_step, r->v, r->width * sizeof(SUM));
    }
}
