/* Events: which neurons spiked in a row of bytes, as a list of their numbers. */

/* Append number + j for every j < width that spiked; returns the new count. The list may be written one place past its end. */
static int64_t compress(const uint8_t *spikes, int64_t width, int64_t number, int32_t *events, int64_t count) {
    int64_t j = 0;
    for (; j + 64 <= width; j += 64) {
        uint64_t word = 0;
        for (int part = 0; part < 8; part++) {
            uint64_t eight;
            memcpy(&eight, spikes + j + 8 * part, 8);
            word |= ((eight * 0x0102040810204080ull) >> 56) << (8 * part); /* bytes 0 or 1 into one bit each, first byte lowest */
        }
        while (word) {
            events[count++] = (int32_t)(number + j + __builtin_ctzll(word));
            word &= word - 1;
        }
    }
    for (; j < width; j++) {
        events[count] = (int32_t)(number + j);
        count += spikes[j];
    }
    return count;
}

/* Write the events of rows first … last − 1 of a population behind those of the rows before. */
static void list_events(const Memory *m, const Scratch *s, int64_t number, int64_t first, int64_t last) {
    const int64_t *p = m->populations + number * P_COLUMNS;
    if (p[P_EVENTS] < 0) return;
    int64_t *rows = s->rows + p[P_ROWS];
    int64_t count = first ? rows[first] : p[P_EVENTS];
    for (int64_t row = first; row < last; row++) {
        rows[row] = count;
        for (int64_t node = 0; node < p[P_NODES]; node++)
            count = compress(s->spikes + p[P_SPIKES] + (node * p[P_LENGTH] + row) * p[P_WIDTH], p[P_WIDTH], node * p[P_WIDTH], s->events, count);
        rows[row + 1] = count;
    }
}

/* count[j] += Σ over rows of bytes[row · stride + j]. Bytes are added as bytes as long as none can overflow: 64 at a time. */
static void count_bytes(const uint8_t *bytes, int64_t rows, int64_t stride, int64_t width, int64_t *restrict count) {
    for (int64_t c = 0; c < width; c += BLOCK)
        for (int64_t first = 0; first < rows; first += 255) {
            int64_t last = MIN(rows, first + 255), size = MIN(BLOCK, width - c);
            uint8_t part[BLOCK] = {0};
            for (int64_t t = first; t < last; t++)
                for (int64_t j = 0; j < size; j++) part[j] += bytes[t * stride + c + j];
            for (int64_t j = 0; j < size; j++) count[c + j] += part[j];
        }
}

/* Σ over rows and j < width of bytes[row · stride + j]. */
static int64_t sum_bytes(const uint8_t *bytes, int64_t rows, int64_t stride, int64_t width) {
    int64_t total = 0;
    if (stride == width && width < BLOCK) { /* one block after the other, whatever the rows are */
        int64_t left = rows * width % BLOCK;
        total = sum_bytes(bytes, rows * width / BLOCK, BLOCK, BLOCK);
        for (int64_t j = rows * width - left; j < rows * width; j++) total += bytes[j];
        return total;
    }
    for (int64_t c = 0; c < width; c += BLOCK) {
        int64_t size = MIN(BLOCK, width - c), count[BLOCK] = {0};
        count_bytes(bytes + c, rows, stride, size, count);
        for (int64_t j = 0; j < size; j++) total += count[j];
    }
    return total;
}

/* Spikes of this chunk, and the synapses and populations that they reach. */
static void tally(const Memory *m, const Scratch *s, int64_t number, int64_t ticks) {
    const int64_t *p = m->populations + number * P_COLUMNS;
    int64_t width = p[P_WIDTH], *restrict count = s->wide, total = 0, messages = 0, reached = 0;
    for (int64_t node = 0; node < p[P_NODES]; node++) {
        const int64_t *restrict reach = m->counts + p[P_REACH] + node * p[P_REACH_STEP];
        int64_t some = 0;
        memset(count, 0, width * sizeof *count);
        count_bytes(s->spikes + p[P_SPIKES] + (node * p[P_LENGTH] + p[P_HISTORY]) * width, ticks, width, width, count);
        for (int64_t j = 0; j < width; j++) {
            some += count[j];
            messages += count[j] * reach[j];
            reached += reach[j] > 0 ? count[j] : 0;
        }
        total += some;
        if (!some) continue;
        for (int64_t f = p[P_FIRST_OUT]; f < p[P_LAST_OUT]; f++) {
            const int64_t *fan = m->fans + f * F_COLUMNS, *restrict right = m->counts + fan[F_RIGHT] + node * fan[F_RIGHT_STEP];
            int64_t met = 0;
            for (int64_t j = 0; j < width; j++) met += count[j] * right[j];
            s->event_counts[fan[F_PROJECTION]] += met * (fan[F_LEFT] < 0 ? 1 : m->counts[fan[F_LEFT] + node]);
        }
    }
    s->spike_counts[number] += total;
    s->message_counts[2 * number] += messages;
    s->message_counts[2 * number + 1] += reached;
}

/* The last rows become the first ones of the next chunk. */
static void remember(const Memory *m, const Scratch *s, int64_t number, int64_t ticks) {
    const int64_t *p = m->populations + number * P_COLUMNS;
    if (!p[P_HISTORY]) return;
    for (int64_t node = 0; node < p[P_NODES]; node++) {
        uint8_t *rows = s->spikes + p[P_SPIKES] + node * p[P_LENGTH] * p[P_WIDTH];
        memmove(rows, rows + ticks * p[P_WIDTH], p[P_HISTORY] * p[P_WIDTH]);
    }
}
