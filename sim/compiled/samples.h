/* Samples of a run: inputs into the rows of their sources, chunks of ticks, recordings and counts out again. Included once for each type of
 * sums. Given and recorded values stand as [sample][tick][neuron], rows as [node][history + tick][feature]. */

/* What a sample is given from outside for the ticks first … first + ticks − 1. Returns whether spikes are all 0 or 1. */
int64_t NAME(place)(const Memory *m, const Scratch *s, const Job *job, int64_t sample, int64_t first, int64_t ticks) {
    int64_t fine = 1;
    for (int64_t number = 0; number < m->population_count; number++) {
        const int64_t *p = m->populations + number * P_COLUMNS;
        const Given *given = job->given + number;
        int64_t width = p[P_WIDTH];
        if (given->spikes) {
            const uint8_t *from = given->spikes + sample * given->sample_step + first * given->tick_step;
            uint8_t *rows = s->spikes + p[P_SPIKES] + p[P_HISTORY] * width;
            for (int64_t node = 0; node < p[P_NODES]; node++) {
                uint8_t *to = rows + node * p[P_LENGTH] * width;
                copy_rows(to, width, from + node * width, given->tick_step, ticks, width);
                fine &= are_spikes(to, ticks * width);
            }
        }
        if (first || (s->placed && !(given->currents ? given->currents->sample_step : given->bias_step))) continue;
        SUM *bias = (SUM *)s->bias + p[P_BIAS];
#ifndef REAL
        if (given->currents) NAME(make_bias)(given->currents, sample, given->bias_shift, bias, s->threads);
#endif
        const MANTISSA *from = (const MANTISSA *)given->bias + sample * given->bias_step;
        for (int64_t j = 0; given->bias && j < p[P_NODES] * width; j++) bias[j] = SHIFTED((SUM)from[j], given->bias_shift);
    }
    return fine;
}

/* A population whose ticks that were run are kept; `at`: where they begin. */
typedef struct {
    const Scratch *s;
    const int64_t *population;
    const Kept *kept;
    int64_t at, ticks;
} NAME(Keeping);

/* States of some nodes, as they are recorded. */
static void NAME(keep_states)(const NAME(Keeping) *of, const void *recorded, RECORDED *to, int64_t first, int64_t last) {
    const int64_t *p = of->population;
    int64_t width = p[P_WIDTH], size = p[P_NODES] * width, ticks = of->s->ticks;
    for (int64_t node = first; node < last; node++) {
        const SUM *from = (const SUM *)recorded + p[P_STATE] * ticks + node * ticks * width;
        for (int64_t t = 0; t < of->ticks; t++)
            for (int64_t j = 0; j < width; j++) to[t * size + node * width + j] = from[t * width + j];
    }
}

static void NAME(keep_nodes)(void *about, int64_t item, int64_t thread) {
    const NAME(Keeping) *of = about;
    const int64_t *p = of->population;
    const Kept *kept = of->kept;
    int64_t width = p[P_WIDTH], size = p[P_NODES] * width, first = item * ROWS, last = MIN(p[P_NODES], first + ROWS);
    const uint8_t *rows = of->s->spikes + p[P_SPIKES] + p[P_HISTORY] * width;
    (void)thread;
    for (int64_t node = first; kept->spikes && node < last; node++)
        copy_rows(kept->spikes + of->at + node * width, size, rows + node * p[P_LENGTH] * width, width, of->ticks, width);
    if (kept->u) NAME(keep_states)(of, of->s->recorded_u, (RECORDED *)kept->u + of->at, first, last);
    if (kept->v) NAME(keep_states)(of, of->s->recorded_v, (RECORDED *)kept->v + of->at, first, last);
}

/* What is recorded of the ticks that were run. */
static void NAME(keep)(const Memory *m, const Scratch *s, const Job *job, int64_t sample, int64_t first, int64_t ticks) {
    for (int64_t number = 0; number < m->population_count; number++) {
        const int64_t *p = m->populations + number * P_COLUMNS;
        NAME(Keeping) of = {s, p, job->kept + number, (sample * job->ticks + first) * p[P_NODES] * p[P_WIDTH], ticks};
        share(s->threads, (p[P_NODES] + ROWS - 1) / ROWS, NAME(keep_nodes), &of);
    }
}

/* One chunk: its inputs, its ticks, what is kept of it. Returns 0 where its inputs are refused. */
static int64_t NAME(chunk)(const Memory *m, Scratch *s, const Job *job, int64_t sample, int64_t first) {
    int64_t ticks = MIN(s->ticks, job->ticks - first);
    if (job->counts) count_into(m, s, job->counts + sample * job->counts_step);
    if (!first) NAME(begin)(m, s, sample == 0);
    if (!NAME(place)(m, s, job, sample, first, ticks)) return 0;
    s->placed = 1;
    NAME(run_chunk)(m, s, ticks);
    if (job->kept) NAME(keep)(m, s, job, sample, first, ticks);
    return 1;
}

/* One worker: chunk after chunk until the samples are done or it is time to go back, with the place where to go on. */
static void NAME(run_alone)(const Memory *m, const Scratch *worker, Job *job) {
    Scratch s = *worker;
    double end = seconds() + job->patience_s;
    do {
        job->refused = !NAME(chunk)(m, &s, job, job->sample, job->tick);
        if (job->refused) break;
        job->tick += s.ticks;
        if (job->tick >= job->ticks) job->tick = 0, job->sample += job->step;
    } while (job->sample < job->samples && seconds() < end);
}

/* One of several workers: takes the next sample when it is through with one. */
static void NAME(run_one)(void *about, int64_t worker, int64_t thread) {
    Shared *of = about;
    Job *job = of->job;
    Scratch s = of->workers[worker];
    int64_t sample, fine = 1;
    (void)thread;
    do {
        sample = atomic_fetch_add(&of->next, 1);
        if (sample >= job->samples) break;
        for (int64_t first = 0; fine && first < job->ticks; first += s.ticks) fine = NAME(chunk)(of->m, &s, job, sample, first);
        if (!fine) atomic_store(&of->refused, 1);
    } while (fine && seconds() < of->end);
}

static void NAME(run_shared)(const Memory *m, const Scratch *workers, Job *job) {
    Shared of = {m, workers, job, seconds() + job->patience_s, job->sample, 0};
    share(job->workers, job->workers, NAME(run_one), &of);
    job->sample = MIN(atomic_load(&of.next), job->samples);
    job->refused = atomic_load(&of.refused);
}

/* Run samples from job->sample on; who calls does so again until job->sample is job->samples or they are refused. */
void NAME(run_samples)(const Memory *m, const Scratch *workers, Job *job) {
    if (job->workers > 1)
        NAME(run_shared)(m, workers, job);
    else
        NAME(run_alone)(m, workers, job);
}
