/* Kernels of channels of images that lie as height x width x channels: sums over a channel's positions, and maps that
 * have numbers for each channel. Compiled for each kind of processor as those of kernels.h. */
#ifndef TP_NORMS_H
#define TP_NORMS_H

#include <stddef.h>

/* An image, or several that are alike: floats from a row to the next are the images' own. */
typedef struct shim_positions {
    ptrdiff_t height, width, channels;
    ptrdiff_t x_stride, y_stride, out_stride;
} shim_positions;

/* means = the mean of each channel, squares = its sum of (x - mean)^2 */
void shim_channel_moments(const shim_positions *positions, const float *x, float *means, float *squares);

/* y = y * (h > 0 ? 1 : slope) where h is given, which lies as y does; then sums = the sum of y and products = the sum
 * of y (x - center) over each channel. sums may be NULL. */
void shim_channel_products(const shim_positions *positions, const float *x, const float *center, float *y,
                           const float *h, float slope, float *sums, float *products);

/* out = v > 0 ? v : slope * v with v = a (x - center) + b y + c, for each channel; with `adds`, out += that. Without y
 * b is not read; center and c may be NULL. */
void shim_channel_map(const shim_positions *positions, const float *x, const float *center, const float *a,
                      const float *y, const float *b, const float *c, float slope, int adds, float *out);

#endif
