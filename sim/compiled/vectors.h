/* Vectors of sums, as wide as the processor's registers; included once for each type of sums. Where the compiler does not find an
 * instruction by itself, and there is one, it is named. */
#undef VECTOR
#undef OCTETS
#undef HALVES
#undef LANES
typedef SUM NAME(vector) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(SUM)), may_alias));
typedef uint8_t NAME(octets) __attribute__((vector_size(VECTOR_BYTES / sizeof(SUM)), aligned(1), may_alias));
typedef int16_t NAME(halves) __attribute__((vector_size(2 * VECTOR_BYTES / sizeof(SUM)), aligned(2), may_alias));
#define VECTOR NAME(vector)
#define HALVES NAME(halves)
#define OCTETS NAME(octets) /* a byte for each lane */
#define LANES ((int64_t)(VECTOR_BYTES / sizeof(SUM)))

#ifdef NARROW /* sums of 16 bits, of which one instruction adds TOGETHER */
#define TOGETHER (VECTOR_BYTES / 2)
typedef int16_t narrow __attribute__((vector_size(2 * TOGETHER), aligned(2), may_alias));
#endif

#if VECTOR_BYTES == 64 && defined(NARROW)
static inline VECTOR NAME(from_octets)(OCTETS x) { return (VECTOR)_mm512_cvtepu8_epi32((__m128i)x); }
static inline VECTOR NAME(from_halves)(HALVES x) { return (VECTOR)_mm512_cvtepi16_epi32((__m256i)x); }
#else
static inline VECTOR NAME(from_octets)(OCTETS x) { return __builtin_convertvector(x, VECTOR); }
static inline VECTOR NAME(from_halves)(HALVES x) { return __builtin_convertvector(x, VECTOR); }
#endif

#ifndef REAL
#undef MAGNITUDE
#undef LARGER
#if VECTOR_BYTES == 64 && defined(NARROW)
#define MAGNITUDE(x) ((VECTOR)_mm512_abs_epi32((__m512i)(x)))
#define LARGER(a, b) ((VECTOR)_mm512_max_epi32((__m512i)(a), (__m512i)(b)))
#else
static inline VECTOR NAME(choose)(VECTOR mask, VECTOR a, VECTOR b) { return (mask & a) | (~mask & b); }
#define MAGNITUDE(x) NAME(choose)((x) < 0, -(x), (x))
#define LARGER(a, b) NAME(choose)((a) > (b), (a), (b))
#endif

/* Whether a lane of a or b is at least `limit`. */
static inline int NAME(any_from)(VECTOR a, VECTOR b, SUM limit) {
#if VECTOR_BYTES == 64 && defined(NARROW)
    return _mm512_cmpge_epi32_mask((__m512i)LARGER(a, b), _mm512_set1_epi32(limit)) != 0;
#else
    VECTOR from = (a >= limit) | (b >= limit);
    SUM some = 0;
    for (int i = 0; i < LANES; i++) some |= from[i];
    return some != 0;
#endif
}

/* Where now > limit a neuron spikes, and takes `to`; returns the values after, and writes the spikes as bytes. */
static inline VECTOR NAME(fire)(VECTOR now, VECTOR limit, VECTOR to, uint8_t *spikes) {
#if VECTOR_BYTES == 64 && defined(NARROW)
    __mmask16 fired = _mm512_cmpgt_epi32_mask((__m512i)now, (__m512i)limit);
    _mm_storeu_si128((__m128i *)spikes, _mm_maskz_set1_epi8(fired, 1));
    return (VECTOR)_mm512_mask_blend_epi32(fired, (__m512i)now, (__m512i)to);
#else
    VECTOR fired = now > limit;
    *(OCTETS *)spikes = __builtin_convertvector(fired, OCTETS) & 1;
    return NAME(choose)(fired, to, now);
#endif
}
#endif
