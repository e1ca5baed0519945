#include "kernels.h"
#include "vector.h"

/* No product is fused with a sum here: results are those of the same formulas in Swift, on any processor. */
#pragma clang fp contract(off)

FOR_EACH_PROCESSOR
void shim_average(float *restrict average, const float *restrict weights, ptrdiff_t count, float share) {
    for (ptrdiff_t i = 0; i < count; i++) average[i] = average[i] + share * (weights[i] - average[i]);
}

FOR_EACH_PROCESSOR
void shim_step(float *restrict weights, const float *restrict step, ptrdiff_t count, float alpha, float beta) {
    if (beta == 1) {
        for (ptrdiff_t i = 0; i < count; i++) weights[i] = weights[i] + alpha * step[i];
    } else {
        for (ptrdiff_t i = 0; i < count; i++) weights[i] = weights[i] * beta + alpha * step[i];
    }
}

FOR_EACH_PROCESSOR
void shim_schedule_free(float *restrict weights, float *restrict fast, float *restrict average, ptrdiff_t count,
                        float lost, float share, float beta) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const float moved = fast[i] - lost * weights[i];
        const float mean = average[i] + share * (moved - average[i]);
        fast[i] = moved;
        average[i] = mean;
        weights[i] = moved + beta * (mean - moved);
    }
}
