/* Vectors of sums, as wide as the processor's registers; included once for each integer type of sums. Where the compiler does not find an
 * instruction by itself, and there is one, it is named. */
#undef VECTOR
#undef LANES
#undef MAGNITUDE
#undef LARGER

typedef SUM NAME(vector) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(SUM)), may_alias));
#define VECTOR NAME(vector)
#define LANES ((int64_t)(VECTOR_BYTES / sizeof(SUM)))

/* Where now > limit a neuron spikes, and takes `to`; returns the values after, and writes the spikes as bytes. */
#if VECTOR_BYTES == 64 && defined(NARROW)
#define MAGNITUDE(x) ((VECTOR)_mm512_abs_epi32((__m512i)(x)))
#define LARGER(a, b) ((VECTOR)_mm512_max_epi32((__m512i)(a), (__m512i)(b)))
static inline VECTOR NAME(fire)(VECTOR now, VECTOR limit, VECTOR to, uint8_t *spikes) {
    __mmask16 fired = _mm512_cmpgt_epi32_mask((__m512i)now, (__m512i)limit);
    _mm_storeu_si128((__m128i *)spikes, _mm_maskz_set1_epi8(fired, 1));
    return (VECTOR)_mm512_mask_blend_epi32(fired, (__m512i)now, (__m512i)to);
}
#else
typedef uint8_t NAME(bytes) __attribute__((vector_size(VECTOR_BYTES / sizeof(SUM)), aligned(1), may_alias));
static inline VECTOR NAME(choose)(VECTOR mask, VECTOR a, VECTOR b) { return (mask & a) | (~mask & b); }
#define MAGNITUDE(x) NAME(choose)((x) < 0, -(x), (x))
#define LARGER(a, b) NAME(choose)((a) > (b), (a), (b))
static inline VECTOR NAME(fire)(VECTOR now, VECTOR limit, VECTOR to, uint8_t *spikes) {
    VECTOR fired = now > limit;
    *(NAME(bytes) *)spikes = __builtin_convertvector(fired, NAME(bytes)) & 1;
    return NAME(choose)(fired, to, now);
}
#endif
