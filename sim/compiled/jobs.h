/* A job: some samples of a run, what they are given and where what they give goes. */

/* Static currents, doubles or floats, and what makes mantissas of them (mantissas.h): rows of `width`, `step` apart; own mantissas are one
 * row, or one for each, `own_step` apart. */
typedef struct {
    const void *source;
    const double *own;
    int64_t is_float, sample_step, step, rows, width, own_step;
    double gain, unit, low, high;
} Currents;

typedef struct {
    const Currents *currents;
    void *bias;
    int64_t sample, shift;
} Making;

/* What a population is given; NULL where it is nothing. Steps from sample to sample and from tick to tick are 0 where all are alike. */
typedef struct {
    const uint8_t *spikes; /* [sample][tick][neuron] of a source */
    int64_t sample_step, tick_step;
    const void *bias; /* [sample][neuron] of a population that static sources drive: mantissas of integer neurons, volts of others */
    int64_t bias_step, bias_shift;
    const Currents *currents; /* these make the bias in its stead */
} Given;

/* Where a population is recorded, [sample][tick][neuron]; NULL where it is not. */
typedef struct {
    uint8_t *spikes;
    void *u, *v;
} Kept;

typedef struct {
    const Given *given;                  /* of each population */
    const Kept *kept;                    /* of each population; NULL: nothing is recorded */
    int64_t *counts;                     /* [sample]: spikes and active updates by population, messages and those that reach any, events */
    int64_t counts_step;
    int64_t sample, samples, step, tick; /* the next sample, their number, from one to the next of a lone worker, its next tick */
    int64_t ticks, workers;
    int64_t refused;                     /* 1 where bytes other than 0 and 1 were given for spikes: the run is over */
    double patience_s;                   /* after which the caller wants to be asked */
} Job;

/* A job that several workers share. */
typedef struct {
    const Memory *m;
    const Scratch *workers;
    Job *job;
    double end;
    atomic_int_fast64_t next, refused;
} Shared;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

/* Counts go where the sample's stand. */
static void count_into(const Memory *m, Scratch *s, int64_t *counts) {
    s->spike_counts = counts;
    s->active_counts = counts + m->population_count;
    s->message_counts = counts + 2 * m->population_count;
    s->event_counts = counts + 4 * m->population_count;
}

/* Whether every byte is 0 or 1. */
static inline int64_t are_spikes(const uint8_t *bytes, int64_t count) {
    uint8_t all = 0;
    for (int64_t i = 0; i < count; i++) all |= bytes[i];
    return all <= 1;
}

/* Rows of so many bytes, each a step behind the one before. */
static inline void copy_rows(uint8_t *restrict to, int64_t to_step, const uint8_t *restrict from, int64_t from_step, int64_t rows, int64_t width) {
    if (to_step == width && from_step == width)
        memcpy(to, from, rows * width);
    else if (width >= 16)
        for (int64_t row = 0; row < rows; row++) memcpy(to + row * to_step, from + row * from_step, width);
    else /* a call would take longer than the copy */
        for (int64_t row = 0; row < rows; row++)
            for (int64_t j = 0; j < width; j++) to[row * to_step + j] = from[row * from_step + j];
}
