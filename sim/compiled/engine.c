/* The compiled engine: runs a program, which is tables of integers and flat arrays (tables.py, whose constants are defined before this file),
 * for one sample over a chunk of ticks. Kernels are written once and included for three types of sums:
 *
 *     int32 with 16-bit weights   where the program has proved that nothing can leave them
 *     int64                       any other integer network
 *     double                      float networks
 */
#include <stdint.h>
#include <string.h>
#include <time.h>
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>
#define VECTOR_BYTES 64
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define BLOCK 256        /* bytes that are summed at a time */
#define BUSY 0.45        /* share of spikes from which a dense product of bytes takes less than its events; benchmarks/simulators.py */
#define RUN 16           /* places of a loop whose length the compiler knows */
#define AHEAD 16         /* neighbours that are fetched before they are needed */
#define PARALLEL 16384   /* neurons times ticks from which threads are worth their start */
#define COUNTED 131072   /* the same, for counting spikes */
#define ROWS 4096        /* nodes whose biases or recordings a thread sees to at a time */

typedef struct {
    const int64_t *populations, *operations, *order, *groups, *fans;
    int64_t population_count, group_count;
    const void *weights;
    const int8_t *bytes;
    const int32_t *index;
    const int64_t *pointer;
    const void *parameters;
    const int64_t *counts;
} Memory;

typedef struct {
    uint8_t *spikes;
    int32_t *events;
    int64_t *rows;
    void *u, *v, *current;
    uint8_t *active;
    void *loop;
    uint8_t *loop_active;
    void *row;
    int64_t *wide;
    int32_t *local;
    void *bias;
    int64_t *notes, *spike_counts, *active_counts, *event_counts, *message_counts;
    void *recorded_u, *recorded_v;
    uint8_t *bits;
    int64_t current_size, row_size, wide_size, local_size; /* of each thread */
    int64_t ticks, threads;                                /* ticks: of a chunk, and of the recorded u and v */
    int64_t placed;                                        /* biases that all samples share stand there */
} Scratch;

/* A part of a tile and what is done to it: nodes n0 … n1 − 1, features c0 … c1 − 1, ticks t0 … t1 − 1. Currents of the tile stand as
 * [node − node0][tick][feature − origin], `length` ticks a node, `stride` features a tick. */
typedef struct {
    const Memory *m;
    const Scratch *s;
    const int64_t *target, *source;
    int64_t n0, n1, c0, c1, t0, t1, node0, origin, length, stride, lag;
    void *row, *current;
    uint8_t *active;
    int64_t *wide;
    int32_t *local;
    int fresh; /* nothing stands in the currents yet */
} Call;

typedef struct {
    const void *threshold, *du, *dv, *reset, *alpha, *beta, *gain, *v_leak;
    int64_t flags;
} Neurons;

typedef struct {
    int64_t wraps, clips, largest_u, largest_v;
} Notes;

/* A row of neurons and its ticks: how far apart these stand in the currents, the spikes and what is recorded of u and v (NULL: nothing). */
typedef struct {
    Neurons neurons;
    void *current, *u, *v; /* u: NULL if it is what arrives */
    const void *bias;
    uint8_t *spikes;
    void *recorded_u, *recorded_v;
    int64_t width, ticks, current_step, spikes_step, recorded_step;
} Row;

/* Spikes that a node of the source sent for tick t of the target; input of a node of the target, and its marks. */
#define SPIKES(node, t) (c->s->spikes + c->source[P_SPIKES] + ((node) * c->source[P_LENGTH] + c->source[P_HISTORY] - c->lag + (t)) * c->source[P_WIDTH])
#define PLACE(node, t) ((((node) - c->node0) * c->length + (t)) * c->stride + c->c0 - c->origin)
#define AT(array, node, t) ((SUM *)c->array + PLACE(node, t))
#define MARK(node, t) (c->active ? c->active + PLACE(node, t) : NULL)

/* A population that is run in tiles, `across` of them over its features, or in parts. */
typedef struct {
    const Memory *m;
    const Scratch *s;
    int64_t number, across, ticks, parts;
} Tiles;

#include "events.h"
#include "threads.h"
#include "tally.h"
#include "jobs.h"

#define MANTISSA int32_t
#define RECORDED int64_t
#define SHIFTED(bias, by) ((bias) << (by))
#define FIXED_NEURONS {.threshold = OF(THRESHOLD), .du = OF(DU), .dv = OF(DV), .reset = OF(RESET), .flags = p[P_FLAGS]}

#define SUM int32_t
#define UNSIGNED uint32_t
#define WEIGHT int16_t
#define NARROW
#define NAME(name) name##_int32
#define NEURONS FIXED_NEURONS
#include "vectors.h"
#include "products.h"
#include "words.h"
#include "lookups.h"
#include "dense.h"
#include "nodes.h"
#include "runs.h"
#include "scan_fixed.h"
#include "population.h"
#include "mantissas.h"
#include "samples.h"
#undef SUM
#undef UNSIGNED
#undef WEIGHT
#undef NARROW
#undef NAME

#define SUM int64_t
#define UNSIGNED uint64_t
#define WEIGHT int64_t
#define NAME(name) name##_int64
#include "vectors.h"
#include "products.h"
#include "dense.h"
#include "nodes.h"
#include "runs.h"
#include "scan_fixed.h"
#include "population.h"
#include "mantissas.h"
#include "samples.h"
#undef SUM
#undef UNSIGNED
#undef WEIGHT
#undef NAME
#undef NEURONS
#undef MANTISSA
#undef RECORDED
#undef SHIFTED

#define SUM double
#define WEIGHT double
#define REAL
#define MANTISSA double
#define RECORDED double
#define SHIFTED(bias, by) (bias)
#define NAME(name) name##_float64
#define NEURONS                                                                                                             \
    {.threshold = OF(THRESHOLD), .alpha = OF(ALPHA), .beta = OF(BETA), .gain = OF(GAIN_OF), .v_leak = OF(V_LEAK), .reset = OF(RESET_FLOAT), .flags = p[P_FLAGS]}
#include "vectors.h"
#include "products.h"
#include "dense.h"
#include "nodes.h"
#include "scan_float.h"
#include "population.h"
#include "samples.h"

#include "readout.h"
