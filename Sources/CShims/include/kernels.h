/* Elementwise kernels of the training step. Swift compiles a module for one kind of processor; these are compiled for
 * three and chosen when the library is loaded (function multiversioning), which needs C's function attributes.
 * Rows are contiguous, `width` floats each. */
#ifndef TP_KERNELS_H
#define TP_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* z = z + bias, then z > 0 ? z : slope * z; bias may be NULL. */
void shim_rectify(float *z, ptrdiff_t rows, ptrdiff_t width, const float *bias, float slope);

/* z = z + bias */
void shim_add_bias(float *z, ptrdiff_t rows, ptrdiff_t width, const float *bias);

/* delta = delta * (h > 0 ? 1 : slope) */
void shim_rectify_derivative(float *delta, const float *h, ptrdiff_t count, float slope);

/* x = exp(x), 1 / (1 + exp(-x)) or tanh(x). */
void shim_exponential(float *x, ptrdiff_t count);
void shim_sigmoid(float *x, ptrdiff_t count);
void shim_tanh(float *x, ptrdiff_t count);

/* delta = delta * f'(z), with h = f(z) */
void shim_sigmoid_derivative(float *delta, const float *h, ptrdiff_t count);
void shim_tanh_derivative(float *delta, const float *h, ptrdiff_t count);

/* sum = beta * sum + alpha * (column sums of x), for `width` columns of at least one row, rows `stride` apart. Columns
 * after these are read too, but for the last row. */
void shim_column_sums(const float *x, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t stride, float alpha, float beta,
                      float *sum);

/* sum = beta * sum + alpha * (column sums of x, each row times its weight). */
void shim_weighted_column_sums(const float *x, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t stride, const float *weights,
                               float alpha, float beta, float *sum);

/* The kernels of frames; a row goes on by one number, `last[row]`, or 1 where `last` is NULL. out = x + last *
 * row_shift and last_out = last + out . column_shift; either shift may be NULL, last_out too, and out may be x. */
void shim_shear_rows(const float *x, const float *last, ptrdiff_t rows, ptrdiff_t width, const float *row_shift,
                     const float *column_shift, float *out, float *last_out);
/* target = beta * target + alpha * x and last_target = beta * last_target + alpha * (last + x . column_shift) */
void shim_add_sheared_rows(const float *x, const float *last, ptrdiff_t rows, ptrdiff_t width,
                           const float *column_shift, float alpha, float beta, float *target, float *last_target);
/* sums[row] = beta * sums[row] + alpha * (x[row] . column + last * corner); for beta 0 sums may hold anything. */
void shim_row_dots(const float *x, const float *last, ptrdiff_t rows, ptrdiff_t width, const float *column,
                   float corner, float alpha, float beta, float *sums);
/* The sum over rows of (x - y)^2 and of (last_x - last_y + (x - y) . column)^2. */
double shim_sheared_distance(const float *x, const float *y, const float *last_x, const float *last_y, ptrdiff_t rows,
                             ptrdiff_t width, const float *column);

/* out = beta * out + factor * x + factor_y * y; y may be NULL, and out hold anything for beta 0. */
void shim_scaled_sum(const float *x, float factor, const float *y, float factor_y, float beta, ptrdiff_t count,
                     float *out);

/* A map of rows that is a multiple of the identity but for `rank` directions: with t = d * (x q^T + last u^T) it gives
 * x' = p x + t q + last * row_factor * row  and  last' = corner * last + column_factor * (x . column) + t . v */
typedef struct shim_low_rank {
    ptrdiff_t width, rank;            /* rank at most SHIM_MOST_RANK */
    const float *q, *d;               /* rank x width; rank, then p, row_factor, column_factor and corner */
    const float *u, *v;               /* rank numbers each, or NULL */
    const float *row, *column;        /* width numbers each, or NULL */
} shim_low_rank;
enum { SHIM_MOST_RANK = 272 };
/* out = beta * out + alpha * (x', last'); last NULL: 1 each; last_out may be NULL. out is not x. */
void shim_low_rank_rows(const shim_low_rank *map, const float *x, const float *last, ptrdiff_t rows, float alpha,
                        float beta, float *out, float *last_out);

/* average += share * (weights - average) */
void shim_average(float *average, const float *weights, ptrdiff_t count, float share);
/* weights = beta * weights + alpha * step */
void shim_step(float *weights, const float *step, ptrdiff_t count, float alpha, float beta);
/* fast -= lost * weights, average += share * (fast - average), weights = fast + beta * (average - fast) */
void shim_schedule_free(float *weights, float *fast, float *average, ptrdiff_t count, float lost, float share,
                        float beta);

/* The sum of (x - y)^2; y NULL: of x^2. */
double shim_squared_distance(const float *x, const float *y, ptrdiff_t count);

/* The largest |x|; NaN where there is one. count 0: 0. */
float shim_largest_magnitude(const float *x, ptrdiff_t count);

/* Sum over rows of factor * weights[row] * -ln softmax(z[row])[labels[row]], and its derivative by z into delta.
 * weights NULL: 1 each. delta may be NULL. */
double shim_cross_entropy(const float *z, ptrdiff_t rows, ptrdiff_t width, const int32_t *labels,
                          const float *weights, double factor, float *delta);

/* What label smoothing adds to that: the sum over rows of factor * weights[row] * smoothing * (z[row][labels[row]] -
 * mean of z[row]); its derivative by z is added to delta. */
double shim_label_smoothing(const float *z, ptrdiff_t rows, ptrdiff_t width, const int32_t *labels,
                            const float *weights, double factor, double smoothing, float *delta);

/* The sum of (output - target)^2, in double; delta = factor * (output - target), may be NULL. */
double shim_squared_error(const float *output, const float *target, ptrdiff_t count, float factor, float *delta);

/* z = exp(z - largest of its row) / (sum of these) */
void shim_softmax(float *z, ptrdiff_t rows, ptrdiff_t width);

/* moments = moments + decay * weights, then weights = weights - rate * moments. */
void shim_momentum_step(float *weights, float *moments, ptrdiff_t count, float rate, float decay);

/* One step of the adaptive optimizers; see Adam.swift, AdaGrad.swift and RMSProp.swift. */
typedef struct shim_adaptive {
    float rate;         /* over the bias correction of the first average */
    float beta1, rest1; /* average of gradients; beta1 0 and rest1 1: the gradient itself */
    float beta2, rest2; /* average of their squares */
    float root;         /* of the bias correction of the second average */
    float epsilon;
    float decay;        /* added to the gradient, times the weight */
    float kept;         /* the weight is multiplied by it */
} shim_adaptive;

/* moments NULL: the gradient itself takes the place of its average. */
void shim_adaptive_step(float *weights, const float *gradient, float *moments, float *squares, ptrdiff_t count,
                        const shim_adaptive *step);

/* The same step, without decay, in the gradient's place. */
void shim_adaptive_move(float *gradient, float *moments, float *squares, ptrdiff_t count, const shim_adaptive *step);

#endif
