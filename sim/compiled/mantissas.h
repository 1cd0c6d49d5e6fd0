/* Mantissas that static currents bring to neurons, clipped, in double precision whatever the currents are. Included for integer sums. */

#define MAKE(type)                                                                                                          \
    static void NAME(make_from_##type)(const Making *of, const type *from, int64_t first, int64_t last) {                  \
        const Currents *by = of->currents;                                                                                 \
        const double gain = by->gain, unit = by->unit, low = by->low, high = by->high;                                     \
        for (int64_t row = first; row < last; row++) {                                                                     \
            const type *restrict given = from + row * by->step;                                                            \
            const double *restrict own = by->own + row * by->own_step;                                                     \
            SUM *restrict bias = (SUM *)of->bias + row * by->width;                                                        \
            for (int64_t j = 0; j < by->width; j++) {                                                                      \
                double x = __builtin_rint(given[j] * gain / unit) + own[j];                                                \
                x = x < low ? low : x;                                                                                     \
                bias[j] = (SUM)(int32_t)(x > high ? high : x) << of->shift;                                                \
            }                                                                                                              \
        }                                                                                                                  \
    }
MAKE(double)
MAKE(float)
#undef MAKE

static void NAME(make_some)(void *about, int64_t item, int64_t thread) {
    const Making *of = about;
    const Currents *by = of->currents;
    int64_t first = item * ROWS, last = MIN(by->rows, first + ROWS), from = of->sample * by->sample_step;
    (void)thread;
    if (by->is_float)
        NAME(make_from_float)(of, (const float *)by->source + from, first, last);
    else
        NAME(make_from_double)(of, (const double *)by->source + from, first, last);
}

static void NAME(make_bias)(const Currents *by, int64_t sample, int64_t shift, SUM *bias, int64_t threads) {
    Making of = {by, bias, sample, shift};
    share(threads, (by->rows + ROWS - 1) / ROWS, NAME(make_some), &of);
}
