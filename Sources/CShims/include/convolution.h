/* Convolutions of images that are stored channels-last with a border of zeros, straight from where they lie: no
 * columns are made and nothing is allocated. Compiled for each kind of processor, as the kernels are. */
#ifndef TP_CONVOLUTION_H
#define TP_CONVOLUTION_H

#include <stddef.h>

/* Images: samples x (height + 2 border) x (width + 2 border) x channels. Weights and their gradients: out_channels x
 * (in_channels / groups) x kernel_height x kernel_width. Borders hold what the kernels read beside the images:
 * in_border >= both paddings, out_border >= shim_convolution_back_border. */
typedef struct shim_convolution {
    ptrdiff_t kernel_height, kernel_width, stride, padding_height, padding_width, groups;
    ptrdiff_t in_channels, in_height, in_width, in_border;
    ptrdiff_t out_channels, out_height, out_width, out_border;
} shim_convolution;

/* What the gradient by the input reads around the outputs' deltas. */
ptrdiff_t shim_convolution_back_border(const shim_convolution *shape);

/* Floats of the weights as `forward` and as `back` read them. */
ptrdiff_t shim_convolution_forward_count(const shim_convolution *shape);
ptrdiff_t shim_convolution_back_count(const shim_convolution *shape);
void shim_convolution_pack_forward(const shim_convolution *shape, const float *weights, float *packed);
void shim_convolution_pack_back(const shim_convolution *shape, const float *weights, float *packed);

/* output <- f(convolution of input + bias + (adds: output)), with f(z) = z > 0 ? z : slope z; bias may be NULL. The
 * output's border stays. Every element is summed in the same order, whatever `samples` is. */
void shim_convolution_forward(const shim_convolution *shape, const float *input, ptrdiff_t samples,
                              const float *packed, const float *bias, float slope, int adds, float *output);

/* input_delta <- derivative by the input + (adds: input_delta); its border stays. */
void shim_convolution_back(const shim_convolution *shape, const float *output_delta, ptrdiff_t samples,
                           const float *packed, int adds, float *input_delta);

/* Rows of the gradient that may be summed apart: outputs where rows of the kernel fill vectors, else numbers of each
 * output, group after group. */
ptrdiff_t shim_convolution_gradient_rows(const shim_convolution *shape);

/* gradient <- beta gradient + alpha (derivative by the weights), for rows `first` to `first + count`. For beta = 0 it
 * may hold anything. */
void shim_convolution_gradient(const shim_convolution *shape, const float *input, const float *output_delta,
                               ptrdiff_t samples, ptrdiff_t first, ptrdiff_t count, float alpha, float beta,
                               float *gradient);

#endif
