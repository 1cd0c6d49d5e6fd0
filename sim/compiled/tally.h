/* Tallies: spikes, synaptic events, messages and active updates of a chunk, counted in the bytes of its spikes and marks. */

/* Bytes are added as bytes as long as none can overflow, BLOCK at a time in registers; or_bytes NULL: none. */
typedef uint8_t Octets __attribute__((vector_size(VECTOR_BYTES), aligned(1), may_alias));
static inline void add_blocks(const uint8_t *bytes, const uint8_t *or_bytes, int64_t blocks, uint8_t *part) {
    Octets sums[BLOCK / VECTOR_BYTES] = {0};
    for (int64_t b = 0; b < blocks; b++)
        for (int i = 0; i < BLOCK / VECTOR_BYTES; i++) {
            Octets these = *(const Octets *)(bytes + b * BLOCK + i * VECTOR_BYTES);
            if (or_bytes) these |= *(const Octets *)(or_bytes + b * BLOCK + i * VECTOR_BYTES);
            sums[i] += these;
        }
    memcpy(part, sums, BLOCK);
}

/* count[j] += Σ over rows of bytes[row · stride + j]. */
static void count_bytes(const uint8_t *bytes, int64_t rows, int64_t stride, int64_t width, int64_t *restrict count) {
    uint8_t part[BLOCK];
    if (stride == width && BLOCK % width == 0) { /* several rows are one block */
        int64_t together = BLOCK / width, blocks = rows / together;
        for (int64_t first = 0; first < blocks; first += 255) {
            add_blocks(bytes + first * BLOCK, NULL, MIN(255, blocks - first), part);
            for (int64_t row = 0; row < BLOCK; row += width)
                for (int64_t j = 0; j < width; j++) count[j] += part[row + j];
        }
        for (int64_t row = blocks * BLOCK; row < rows * width; row += width)
            for (int64_t j = 0; j < width; j++) count[j] += bytes[row + j];
        return;
    }
    for (int64_t c = 0; c < width; c += BLOCK)
        for (int64_t first = 0; first < rows; first += 255) {
            int64_t last = MIN(rows, first + 255), size = MIN(BLOCK, width - c);
            memset(part, 0, BLOCK);
            for (int64_t t = first; t < last; t++)
                for (int64_t j = 0; j < size; j++) part[j] += bytes[t * stride + c + j];
            for (int64_t j = 0; j < size; j++) count[c + j] += part[j];
        }
}

/* How many of so many places are 1 in a or in b. */
static int64_t count_either(const uint8_t *restrict a, const uint8_t *restrict b, int64_t places) {
    uint8_t part[BLOCK];
    int64_t blocks = places / BLOCK, total = 0;
    for (int64_t first = 0; first < blocks; first += 255) {
        uint32_t some = 0;
        add_blocks(a + first * BLOCK, b + first * BLOCK, MIN(255, blocks - first), part);
        for (int j = 0; j < BLOCK; j++) some += part[j];
        total += some;
    }
    int64_t j = blocks * BLOCK;
    for (; j + 8 <= places; j += 8) {
        uint64_t some_a, some_b;
        memcpy(&some_a, a + j, 8), memcpy(&some_b, b + j, 8);
        total += __builtin_popcountll(some_a | some_b);
    }
    for (; j < places; j++) total += a[j] | b[j];
    return total;
}

/* Spikes of the nodes first … last − 1 of a population in this chunk, neuron by neuron of a node. */
static void neuron_spikes(const Scratch *s, const int64_t *p, int64_t first, int64_t last, int64_t ticks, int64_t *count) {
    int64_t width = p[P_WIDTH];
    const uint8_t *spikes = s->spikes + p[P_SPIKES] + p[P_HISTORY] * width;
    memset(count, 0, width * sizeof *count);
    if (p[P_LENGTH] == ticks) /* rows of all nodes lie together */
        count_bytes(spikes + first * ticks * width, (last - first) * ticks, width, width, count);
    else
        for (int64_t node = first; node < last; node++) count_bytes(spikes + node * p[P_LENGTH] * width, ticks, width, width, count);
}

static int64_t dot(const int64_t *restrict a, const int64_t *restrict b, int64_t width) {
    int64_t sum = 0;
    for (int64_t j = 0; j < width; j++) sum += a[j] * b[j];
    return sum;
}

static int64_t alike(const int64_t *values, int64_t width) {
    for (int64_t j = 1; j < width; j++)
        if (values[j] != values[0]) return 0;
    return 1;
}

#define ADD(place, number) __atomic_fetch_add(place, number, __ATOMIC_RELAXED) /* threads count parts of a population */

/* Messages of neurons that spiked so often, and those that reach any population. */
static void count_messages(int64_t *messages, const int64_t *count, const int64_t *reach, int64_t width) {
    int64_t sent = 0, reached = 0;
    for (int64_t j = 0; j < width; j++) {
        sent += count[j] * reach[j];
        reached += reach[j] > 0 ? count[j] : 0;
    }
    ADD(messages, sent);
    ADD(messages + 1, reached);
}

/* Synaptic events of some nodes over a projection whose fan-out tells nodes apart. */
static int64_t events_by_node(const Memory *m, const Scratch *s, const int64_t *p, const int64_t *fan, int64_t first, int64_t last, int64_t ticks, int64_t *count) {
    int64_t width = p[P_WIDTH], events = 0, all = !fan[F_RIGHT_STEP] && alike(m->counts + fan[F_RIGHT], width);
    for (int64_t node = first; node < last; node++) {
        const int64_t *right = m->counts + fan[F_RIGHT] + node * fan[F_RIGHT_STEP];
        const uint8_t *spikes = s->spikes + p[P_SPIKES] + (node * p[P_LENGTH] + p[P_HISTORY]) * width;
        if (!all) neuron_spikes(s, p, node, node + 1, ticks, count);
        events += (all ? count_either(spikes, spikes, ticks * width) * right[0] : dot(count, right, width)) *
                  (fan[F_LEFT] < 0 ? 1 : m->counts[fan[F_LEFT] + node]);
    }
    return events;
}

/* Spikes of the nodes first … last − 1 in this chunk, and the synapses and populations that they reach: all of these nodes at once where
 * nothing tells them apart. */
static void tally(const Memory *m, const Scratch *s, int64_t number, int64_t first, int64_t last, int64_t ticks, int64_t *count) {
    const int64_t *p = m->populations + number * P_COLUMNS, *fans = m->fans;
    int64_t width = p[P_WIDTH], spikes = 0, *messages = s->message_counts + 2 * number;
    neuron_spikes(s, p, first, last, ticks, count);
    for (int64_t j = 0; j < width; j++) spikes += count[j];
    ADD(s->spike_counts + number, spikes);
    if (!p[P_REACH_STEP]) count_messages(messages, count, m->counts + p[P_REACH], width);
#define BY_NODE(f) (fans[(f) * F_COLUMNS + F_LEFT] >= 0 || fans[(f) * F_COLUMNS + F_RIGHT_STEP])
#define EVENTS(f) (s->event_counts + fans[(f) * F_COLUMNS + F_PROJECTION])
    for (int64_t f = p[P_FIRST_OUT]; f < p[P_LAST_OUT]; f++)
        if (!BY_NODE(f)) ADD(EVENTS(f), dot(count, m->counts + fans[f * F_COLUMNS + F_RIGHT], width));
    for (int64_t f = p[P_FIRST_OUT]; f < p[P_LAST_OUT]; f++)
        if (BY_NODE(f)) ADD(EVENTS(f), events_by_node(m, s, p, fans + f * F_COLUMNS, first, last, ticks, count));
    for (int64_t node = first; p[P_REACH_STEP] && node < last; node++) {
        neuron_spikes(s, p, node, node + 1, ticks, count);
        count_messages(messages, count, m->counts + p[P_REACH] + node * p[P_REACH_STEP], width);
    }
#undef BY_NODE
#undef EVENTS
}
#undef ADD

/* Whether a population is counted tile by tile, while a tile is in the cache: it has several, of whole nodes. */
static inline int64_t counted_by_tile(const int64_t *p) {
    return p[P_STATE] >= 0 && p[P_LOOP] < 0 && p[P_TILE_WIDTH] >= p[P_WIDTH] && p[P_TILE_NODES] < p[P_NODES];
}

/* A chunk whose spikes are counted. */
typedef struct {
    const Memory *m;
    const Scratch *s;
    int64_t ticks;
} Tally;

/* What no tile has counted. */
static void tally_whole(void *about, int64_t number, int64_t thread) {
    const Tally *of = about;
    const int64_t *p = of->m->populations + number * P_COLUMNS;
    if (!counted_by_tile(p)) tally(of->m, of->s, number, 0, p[P_NODES], of->ticks, of->s->wide + thread * of->s->wide_size);
}

static void tally_chunk(const Memory *m, const Scratch *s, int64_t ticks) {
    Tally of = {m, s, ticks};
    int64_t places = 0;
    for (int64_t p = 0; p < m->population_count; p++) places += m->populations[p * P_COLUMNS + P_NODES] * m->populations[p * P_COLUMNS + P_WIDTH] * ticks;
    share(places >= COUNTED ? s->threads : 1, m->population_count, tally_whole, &of);
}
