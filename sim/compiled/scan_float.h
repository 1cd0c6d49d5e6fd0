/* One tick of a row of float neurons, as neurograph.sim.floating, in the same order of operations. The row's currents become u. */

typedef struct {
    int none;
} NAME(Lanes);

static void NAME(gathered)(const NAME(Lanes) *lanes, Notes *notes) {
    (void)lanes, (void)notes;
}

static inline void NAME(step)(const Neurons *n, SUM *restrict current, SUM *restrict u, SUM *restrict v, const SUM *restrict bias, uint8_t *restrict spikes, int64_t width, NAME(Lanes) *lanes) {
    const SUM *restrict threshold = n->threshold, *restrict alpha = n->alpha, *restrict beta = n->beta, *restrict gain = n->gain;
    const SUM *restrict v_leak = n->v_leak, *restrict reset = n->reset;
    (void)lanes;
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
