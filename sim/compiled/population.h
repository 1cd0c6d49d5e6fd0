/* A tile of a population: products of all its projections, then its ticks. Included once for each type of sums. */

static void NAME(bring)(Call *c, const int64_t *op) {
    c->source = c->m->populations + op[O_SOURCE] * P_COLUMNS;
    c->lag = op[O_LAG];
    switch (op[O_KIND]) {
        case DENSE: NAME(dense)(c, op); break;
        case PER_NODE: NAME(per_node)(c, op); break;
        case ONE_TO_ONE: NAME(one_to_one)(c, op); break;
        case AGGREGATE: NAME(aggregate)(c, op); break;
        case REDUCE: NAME(reduce)(c, op); break;
        case BROADCAST: NAME(broadcast)(c, op); break;
#ifndef REAL
        case RUNS: NAME(runs)(c, op); break;
#endif
        default: NAME(sparse)(c, op);
    }
}

/* Step nodes n0 … n1 − 1, features c0 … c1 − 1 through ticks t0 … t1 − 1. Returns active updates. */
static int64_t NAME(scan)(const Call *c, Notes *notes) {
    const int64_t *p = c->target;
    const Scratch *s = c->s;
    const SUM *parameters = c->m->parameters;
    int64_t width = c->c1 - c->c0, size = p[P_WIDTH], updates = 0;
    int64_t ticks = c->t1 - c->t0, whole = width == size && c->stride == size && ticks == c->length && ticks == p[P_LENGTH];
    uint8_t *sent = s->spikes + p[P_SPIKES] + p[P_HISTORY] * size + c->c0;
    NAME(Seen) seen = {0};
    for (int64_t node = c->n0; node < c->n1; node++) {
#define OF(column) (parameters + p[column] + node * p[column + 1] + c->c0)
        Row row = {.neurons = NEURONS, .v = c->row, .width = width, .ticks = ticks};
#undef OF
        row.bias = (const SUM *)s->bias + p[P_BIAS] + node * p[P_BIAS_STEP] + c->c0;
        row.current = AT(current, node, c->t0), row.current_step = c->stride;
        row.spikes = sent + (node * p[P_LENGTH] + c->t0) * size, row.spikes_step = size;
        row.u = p[P_SYNAPTIC] >= 0 ? (SUM *)c->row + width : NULL;
        if (s->v) {
            row.v = (SUM *)s->v + p[P_STATE] + node * size + c->c0;
            if (row.u) row.u = (SUM *)s->u + p[P_SYNAPTIC] + node * size + c->c0;
        } else { /* all ticks at once: nobody asks for the state before or after */
            memcpy(row.v, parameters + p[P_START] + node * p[P_START_STEP] + c->c0, width * sizeof(SUM));
            if (row.u) memset(row.u, 0, width * sizeof(SUM));
        }
        if (s->recorded_v) {
            int64_t to = p[P_STATE] * s->ticks + (node * s->ticks + c->t0) * size + c->c0;
            row.recorded_u = (SUM *)s->recorded_u + to, row.recorded_v = (SUM *)s->recorded_v + to, row.recorded_step = size;
        }
        NAME(row)(&row, &seen);
        for (int64_t t = c->t0; c->active && !whole && t < c->t1; t++)
            updates += count_either(MARK(node, t), sent + (node * p[P_LENGTH] + t) * size, width);
    }
    if (c->active && whole) /* marks and spikes of all nodes lie together */
        updates = count_either(MARK(c->n0, 0), sent + c->n0 * size * ticks, (c->n1 - c->n0) * size * ticks);
    NAME(gathered)(&seen, notes);
    return updates;
}

static void NAME(note)(const Scratch *s, int64_t number, const Notes *notes, int64_t updates) {
    int64_t *of = s->notes + 4 * number;
    of[WRAPS] += notes->wraps;
    of[CLIPS] += notes->clips;
    if (notes->largest_u > of[LARGEST_U]) of[LARGEST_U] = notes->largest_u;
    if (notes->largest_v > of[LARGEST_V]) of[LARGEST_V] = notes->largest_v;
    s->active_counts[number] += updates;
}

/* Buffers of a thread. */
static Call NAME(call)(const Memory *m, const Scratch *s, int64_t number, int64_t thread) {
    Call c = {.m = m, .s = s, .target = m->populations + number * P_COLUMNS};
    c.row = (SUM *)s->row + thread * s->row_size;
    c.wide = s->wide + thread * s->wide_size;
    c.local = s->local + thread * s->local_size;
    c.current = (SUM *)s->current + thread * s->current_size;
    c.active = s->active ? s->active + thread * s->current_size : NULL;
    return c;
}

/* Currents and marks are cleared, or written by the first projection. */
static void NAME(bring_all)(Call *c) {
    int64_t first = c->target[P_FIRST_OP], last = c->target[P_LAST_OP];
    const int64_t *op = c->m->operations + first * O_COLUMNS;
    c->fresh = first < last && (op[O_KIND] == DENSE || (op[O_KIND] == PER_NODE && (op[O_WORDS] >= 0 || op[O_TABLES] >= 0)));
    if (!c->fresh) NAME(zero)(c, c->current, sizeof(SUM));
    if (!c->fresh && c->active) NAME(zero)(c, c->active, 1);
    for (int64_t o = first; o < last; o++, op += O_COLUMNS, c->fresh = 0) NAME(bring)(c, op);
}

static void NAME(scan_and_note)(const Call *c, int64_t number) {
    Notes notes = {0};
    int64_t updates = NAME(scan)(c, &notes);
    pthread_mutex_lock(&noting);
    NAME(note)(c->s, number, &notes, updates);
    pthread_mutex_unlock(&noting);
}

/* One tile, all ticks. */
static void NAME(tile)(void *about, int64_t tile, int64_t thread) {
    const Tiles *of = about;
    Call c = NAME(call)(of->m, of->s, of->number, thread);
    const int64_t *p = c.target;
    c.n0 = c.node0 = tile / of->across * p[P_TILE_NODES];
    c.n1 = MIN(p[P_NODES], c.n0 + p[P_TILE_NODES]);
    c.c0 = c.origin = tile % of->across * p[P_TILE_WIDTH];
    c.c1 = MIN(p[P_WIDTH], c.c0 + p[P_TILE_WIDTH]);
    c.stride = c.c1 - c.c0;
    c.t1 = c.length = of->ticks;
    NAME(bring_all)(&c);
    NAME(scan_and_note)(&c, of->number);
    pack(of->m, of->s, of->number, c.n0, of->across == 1 ? c.n1 : c.n0, of->ticks);
    if (c.active && counted_by_tile(p)) tally(of->m, of->s, of->number, c.n0, c.n1, of->ticks, c.wide);
}

/* A tile that is the whole population, in parts: its currents are the first thread's. */
static Call NAME(part)(const Tiles *of, int64_t thread) {
    Call c = NAME(call)(of->m, of->s, of->number, thread), whole = NAME(call)(of->m, of->s, of->number, 0);
    c.current = whole.current, c.active = whole.active;
    c.n1 = c.target[P_NODES], c.c1 = c.stride = c.target[P_WIDTH], c.t1 = c.length = of->ticks;
    return c;
}

/* Products by ticks … */
static void NAME(ticks_part)(void *about, int64_t part, int64_t thread) {
    const Tiles *of = about;
    Call c = NAME(part)(of, thread);
    c.t0 = of->ticks * part / of->parts, c.t1 = of->ticks * (part + 1) / of->parts;
    NAME(bring_all)(&c);
}

/* … then the ticks by nodes or features. */
static void NAME(neurons_part)(void *about, int64_t part, int64_t thread) {
    const Tiles *of = about;
    Call c = NAME(part)(of, thread);
    int64_t *first = c.n1 >= of->parts ? &c.n0 : &c.c0, *last = c.n1 >= of->parts ? &c.n1 : &c.c1, size = *last;
    *first = size * part / of->parts, *last = size * (part + 1) / of->parts;
    NAME(scan_and_note)(&c, of->number);
}

/* A population that does not hear itself: tiles side by side, each through all ticks. */
static void NAME(forward)(const Memory *m, const Scratch *s, int64_t number, int64_t ticks) {
    const int64_t *p = m->populations + number * P_COLUMNS;
    int64_t across = (p[P_WIDTH] + p[P_TILE_WIDTH] - 1) / p[P_TILE_WIDTH];
    int64_t tiles = across * ((p[P_NODES] + p[P_TILE_NODES] - 1) / p[P_TILE_NODES]);
    int64_t threads = p[P_NODES] * p[P_WIDTH] * ticks >= PARALLEL ? s->threads : 1;
    Tiles of = {m, s, number, across, ticks, threads};
    if (tiles == 1 && threads > 1) {
        share(threads, threads, NAME(ticks_part), &of);
        share(threads, threads, NAME(neurons_part), &of);
    } else
        share(threads, tiles, NAME(tile), &of);
    if (across > 1 || (tiles == 1 && threads > 1)) pack(m, s, number, 0, p[P_NODES], ticks);
    list_events(m, s, number, p[P_HISTORY], p[P_HISTORY] + ticks);
}

/* Populations that hear each other: what comes from outside for all ticks, then tick by tick. */
static void NAME(loop)(const Memory *m, const Scratch *s, const int64_t *group, int64_t ticks) {
    for (int pass = 0; pass < 2; pass++)
        for (int64_t t = 0; t < (pass ? ticks : 1); t++)
            for (int64_t g = group[G_FIRST]; g < group[G_LAST]; g++) {
                int64_t number = m->order[g];
                const int64_t *p = m->populations + number * P_COLUMNS;
                Notes notes = {0};
                Call c = NAME(call)(m, s, number, 0);
                c.n1 = p[P_NODES], c.c1 = c.stride = p[P_WIDTH], c.length = ticks;
                c.t0 = pass ? t : 0, c.t1 = pass ? t + 1 : ticks;
                c.current = (SUM *)s->loop + p[P_LOOP];
                c.active = s->loop_active ? s->loop_active + p[P_LOOP] : NULL;
                if (!pass) NAME(zero)(&c, c.current, sizeof(SUM));
                if (!pass && c.active) NAME(zero)(&c, c.active, 1);
                for (int64_t o = p[P_FIRST_OP]; o < p[P_LAST_OP]; o++)
                    if (m->operations[o * O_COLUMNS + O_INNER] == pass) NAME(bring)(&c, m->operations + o * O_COLUMNS);
                if (!pass) continue;
                int64_t updates = NAME(scan)(&c, &notes);
                NAME(note)(s, number, &notes, updates);
                list_events(m, s, number, p[P_HISTORY] + t, p[P_HISTORY] + t + 1);
            }
}

/* Begin a sample: nothing is under way, and states that are not kept are cleared. */
void NAME(begin)(const Memory *m, const Scratch *s, int64_t first) {
    for (int64_t number = 0; number < m->population_count; number++) {
        const int64_t *p = m->populations + number * P_COLUMNS;
        int64_t width = p[P_WIDTH];
        if (p[P_HISTORY])
            for (int64_t node = 0; node < p[P_NODES]; node++)
                memset(s->spikes + p[P_SPIKES] + node * p[P_LENGTH] * width, 0, p[P_HISTORY] * width);
        if (!s->v || p[P_STATE] < 0 || (p[P_FLAGS] & KEPT && !first)) continue;
        if (p[P_SYNAPTIC] >= 0) memset((SUM *)s->u + p[P_SYNAPTIC], 0, p[P_NODES] * width * sizeof(SUM));
        for (int64_t node = 0; node < p[P_NODES]; node++)
            memcpy((SUM *)s->v + p[P_STATE] + node * width, (const SUM *)m->parameters + p[P_START] + node * p[P_START_STEP], width * sizeof(SUM));
    }
}

/* Run a chunk of ticks of one sample; the inputs stand in the rows of the sources, spikes of the ticks before in the first rows. */
void NAME(run_chunk)(const Memory *m, const Scratch *s, int64_t ticks) {
    for (int64_t p = 0; p < m->population_count; p++) {
        const int64_t *of = m->populations + p * P_COLUMNS;
        list_events(m, s, p, 0, of[P_HISTORY] + (of[P_STATE] < 0 ? ticks : 0)); /* of a source all rows are known */
        if (of[P_STATE] < 0) pack(m, s, p, 0, of[P_NODES], ticks);
    }
    for (int64_t g = 0; g < m->group_count; g++) {
        const int64_t *group = m->groups + g * G_COLUMNS;
        if (group[G_LOOP])
            NAME(loop)(m, s, group, ticks);
        else
            NAME(forward)(m, s, m->order[group[G_FIRST]], ticks);
    }
    if (s->active) tally_chunk(m, s, ticks);
    for (int64_t p = 0; p < m->population_count; p++) remember(m, s, p, ticks);
}
