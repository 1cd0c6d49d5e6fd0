/* Look-ups: I ⊗ W of few inputs, where what each pattern of eight of them brings stands in a table. Included for 16-bit weights. */

static void NAME(from_tables)(const Call *c, const int64_t *op) {
    const int16_t *tables = (const int16_t *)c->m->weights + op[O_TABLES];
    const int8_t *met = c->m->bytes + op[O_MARKS];
    int64_t size = c->target[P_WIDTH], patterns = c->source[P_WIDTH] / 8;
    uint8_t full[MOST_TABLES] = {0}; /* sources without a weight of 0 */
    for (int64_t k = 0; op[O_FULL] >= 0 && k < patterns; k++) full[k] = bits_of((const uint8_t *)c->m->bytes + op[O_FULL] + 8 * k);
    int left = op[O_EXPONENT] > 0 ? (int)op[O_EXPONENT] : 0, right = op[O_EXPONENT] < 0 ? (int)-op[O_EXPONENT] : 0;
    for (int64_t node = c->n0; node < c->n1; node++)
        for (int64_t t = c->t0; t < c->t1; t++) {
            const uint8_t *spikes = SPIKES(node, t);
            SUM *current = AT(current, node, t);
            uint8_t *active = MARK(node, t);
            int64_t at[MOST_TABLES], all = 0;
            for (int64_t k = 0; k < patterns; k++) {
                uint8_t pattern = bits_of(spikes + 8 * k);
                at[k] = (256 * k + pattern) * size + c->c0;
                all |= pattern & full[k];
            }
            for (int64_t j = 0; j < c->c1 - c->c0; j += LANES) {
                HALVES sum = *(const HALVES *)(tables + at[0] + j);
                for (int64_t k = 1; k < patterns; k++) sum += *(const HALVES *)(tables + at[k] + j);
                VECTOR brought = NAME(from_halves)(sum) << left >> right, *to = (VECTOR *)(current + j);
                if (!c->fresh) brought += *to;
                *to = brought;
            }
            if (!active) continue;
            if (all) {
                for (int64_t j = 0; j < c->c1 - c->c0; j += LANES) *(OCTETS *)(active + j) = (OCTETS){0} + 1;
                continue;
            }
            for (int64_t j = 0; j < c->c1 - c->c0; j += LANES) {
                OCTETS mark = {0};
                if (!c->fresh) mark = *(OCTETS *)(active + j);
                for (int64_t k = 0; k < patterns; k++) mark |= *(const OCTETS *)(met + at[k] + j);
                *(OCTETS *)(active + j) = mark;
            }
        }
}
