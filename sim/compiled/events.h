/* Events: which neurons spiked in a row of bytes, as a list of their numbers. */

/* Eight bytes that are 0 or 1 as bits, the first lowest. */
static inline uint8_t bits_of(const uint8_t *bytes) {
    uint64_t eight;
    memcpy(&eight, bytes, 8);
    return (uint8_t)((eight * 0x0102040810204080ull) >> 56);
}

/* At most 64 bytes that are 0 or 1 as bits, the first lowest. */
static inline uint64_t word_of(const uint8_t *bytes, int64_t width) {
#if VECTOR_BYTES == 64
    __mmask64 within = width >= 64 ? ~0ull : (1ull << width) - 1;
    __m512i these = _mm512_maskz_loadu_epi8(within, bytes);
    return _mm512_test_epi8_mask(these, these);
#else
    int64_t bit = 0;
    uint64_t word = 0;
    for (; bit + 8 <= width; bit += 8) word |= (uint64_t)bits_of(bytes + bit) << bit;
    for (; bit < width; bit++) word |= (uint64_t)bytes[bit] << bit;
    return word;
#endif
}

/* Append number + j for every j < width that spiked; returns the new count. SLACK places behind the list may be written. */
static inline int64_t compress(const uint8_t *spikes, int64_t width, int64_t number, int32_t *events, int64_t count) {
    for (int64_t j = 0; j < width; j += 64) {
        uint64_t word = word_of(spikes + j, MIN(64, width - j));
#if VECTOR_BYTES == 64
        const __m512i steps = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        for (int32_t at = (int32_t)(number + j); word; word >>= 16, at += 16) { /* sixteen at a time, as many behind them as do not matter */
            __m512i numbers = _mm512_add_epi32(steps, _mm512_set1_epi32(at));
            _mm512_storeu_si512(events + count, _mm512_maskz_compress_epi32((__mmask16)word, numbers));
            count += __builtin_popcount((uint32_t)word & 0xffff);
        }
#else
        for (; word; word &= word - 1) events[count++] = (int32_t)(number + j + __builtin_ctzll(word));
#endif
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

/* Bits of all rows of some nodes of a population that is read as such; rows of a node are whole bytes and follow each other without a gap. */
static void pack(const Memory *m, const Scratch *s, int64_t number, int64_t first, int64_t last, int64_t ticks) {
    const int64_t *p = m->populations + number * P_COLUMNS;
    if (p[P_BITS] < 0 || VECTOR_BYTES < 64) return; /* neighbours.h */
    int64_t length = p[P_LENGTH] * p[P_WIDTH], size = (p[P_HISTORY] + ticks) * p[P_WIDTH];
    for (int64_t node = first; node < last; node++)
        for (int64_t j = 0; j < size; j += 64) {
            uint64_t word = word_of(s->spikes + p[P_SPIKES] + node * length + j, MIN(64, size - j));
            memcpy(s->bits + p[P_BITS] + (node * length + j) / 8, &word, MIN(64, size - j) / 8);
        }
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
