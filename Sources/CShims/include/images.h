/* Kernels of images that lie as height x width x channels, compiled for each kind of processor as those of kernels.h. A
 * pointer is to an image's first value; what lies between its rows is not changed. */
#ifndef TP_IMAGES_H
#define TP_IMAGES_H

#include <stddef.h>

/* out = x^T, with x: rows x columns and out: columns x rows; rows of x are `stride` apart, those of out `out_stride`.
 * With `adds`, out += x^T. */
void shim_transpose(const float *x, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride, float *out,
                    ptrdiff_t out_stride, int adds);

/* Windows that slide over an image. Strides of images are floats from a row to the next, steps are positions. A window
 * may begin `pad` positions before the image and overlaps it by a position at least. */
typedef struct shim_windows {
    ptrdiff_t channels;
    ptrdiff_t height, width, stride;
    ptrdiff_t out_height, out_width, out_stride;
    ptrdiff_t window_height, window_width;
    ptrdiff_t step_height, step_width;
    ptrdiff_t pad;
} shim_windows;

/* out = the largest x of each window; NaN where there is one. */
void shim_largest(const shim_windows *windows, const float *x, float *out);
/* out = y where the window's x is largest, the first such place. */
void shim_take_largest(const shim_windows *windows, const float *x, const float *y, float *out);
/* target += y where the window's x is largest; y lies as out does. */
void shim_give_largest(const shim_windows *windows, const float *x, const float *y, float *target);

/* out = scale (sum of x over each window) */
void shim_window_sums(const shim_windows *windows, const float *x, float scale, float *out);
/* target += scale y in each window; y lies as out does. */
void shim_give_window_sums(const shim_windows *windows, const float *y, float scale, float *target);

#endif
