#include "functions.h"
#include "kernels.h"

/* Each element's result is the same wherever it stands: what is left after whole vectors goes through one too. */
#define MAP(name, function)                                     \
    FOR_EACH_PROCESSOR                                          \
    void name(float *x, ptrdiff_t count) {                      \
        vector v;                                               \
        ptrdiff_t i = 0;                                        \
        for (; i + LANES <= count; i += LANES) {                \
            load(&v, x + i);                                    \
            function(&v);                                       \
            store(x + i, &v);                                   \
        }                                                       \
        if (i == count) return;                                 \
        load_some(&v, x + i, count - i);                        \
        function(&v);                                           \
        store_some(x + i, &v, count - i);                       \
    }

MAP(shim_exponential, exponential)
MAP(shim_sigmoid, logistic)
MAP(shim_tanh, hyperbolic_tangent)

FOR_EACH_PROCESSOR
void shim_sigmoid_derivative(float *restrict delta, const float *restrict h, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) delta[i] = delta[i] * h[i] * (1 - h[i]);
}

FOR_EACH_PROCESSOR
void shim_tanh_derivative(float *restrict delta, const float *restrict h, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) delta[i] *= 1 - h[i] * h[i];
}
