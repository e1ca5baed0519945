/* GFLOP/s of the library's convolution kernels on one core, beside a matrix of columns and OpenBLAS's sgemm on it, as
 * frameworks without a kernel of their own do it: forward, the gradient by the input, the gradient by the weights, then
 * forward by columns, and what packing the weights for forward and back takes. `build/bench/convolution
 * [repetitions]`; each figure is the best repetition's. */
#include <stddef.h>

#include "convolution.h"
#include "bench.h"

/* What the private archive calls instead of malloc and free. */
void *shim_blas_malloc(size_t size);
void *shim_blas_malloc(size_t size) { return malloc(size); }
void shim_blas_free(void *block);
void shim_blas_free(void *block) { free(block); }

enum { ROW_MAJOR = 101, NO = 111 };
void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);

typedef struct {
    const char *name;
    ptrdiff_t samples, kernel, stride, padding, groups, in, size, out;
} row;

static const row rows[] = {
    {"1->8 5x5 28x28", 32, 5, 1, 2, 1, 1, 28, 8},
    {"8->16 5x5 14x14", 32, 5, 1, 2, 1, 8, 14, 16},
    {"3->16 3x3 32x32", 32, 3, 1, 1, 1, 3, 32, 16},
    {"3->32 3x3 32x32", 32, 3, 1, 1, 1, 3, 32, 32},
    {"16->16 3x3 32x32", 32, 3, 1, 1, 1, 16, 32, 16},
    {"32->32 3x3 32x32", 32, 3, 1, 1, 1, 32, 32, 32},
    {"32->32 3x3 16x16", 32, 3, 1, 1, 1, 32, 16, 32},
    {"64->64 3x3 16x16", 32, 3, 1, 1, 1, 64, 16, 64},
    {"64->64 3x3 8x8", 32, 3, 1, 1, 1, 64, 8, 64},
    {"16->32 3x3 stride 2 32x32", 32, 3, 2, 1, 1, 16, 32, 32},
    {"32->64 3x3 stride 2 16x16", 32, 3, 2, 1, 1, 32, 16, 64},
    {"16->32 1x1 stride 2 32x32", 32, 1, 2, 0, 1, 16, 32, 32},
    {"32->64 1x1 16x16", 32, 1, 1, 0, 1, 32, 16, 64},
    {"32 depthwise 3x3 32x32", 32, 3, 1, 1, 32, 32, 32, 32},
    {"64 depthwise 3x3 16x16", 32, 3, 1, 1, 64, 64, 16, 64},
};

typedef struct {
    shim_convolution shape;
    ptrdiff_t samples;
    float *x, *y, *delta, *below, *weights, *forward, *back, *gradient, *bias, *columns;
} work;

static void forward(work *w) {
    shim_convolution_forward(&w->shape, w->x, w->samples, w->forward, w->bias, 0, 0, w->y);
}
static void back(work *w) { shim_convolution_back(&w->shape, w->delta, w->samples, w->back, 0, w->below); }
static void gradient(work *w) {
    shim_convolution_gradient(&w->shape, w->x, w->delta, w->samples, 0, shim_convolution_gradient_rows(&w->shape), 1, 0,
                              w->gradient);
}
static void pack(work *w) {
    shim_convolution_pack_forward(&w->shape, w->weights, w->forward);
    shim_convolution_pack_back(&w->shape, w->weights, w->back);
}

/* One row of columns: what a tap sees along a row of outputs. */
static void column_row(const shim_convolution *s, const float *from, ptrdiff_t left, float *out) {
    ptrdiff_t x = 0;
    for (; x < s->out_width && x * s->stride + left < 0; x++) out[x] = 0;
    ptrdiff_t inside = (s->in_width - left + s->stride - 1) / s->stride;
    if (inside > s->out_width) inside = s->out_width;
    if (s->stride == 1 && inside > x) {
        memcpy(out + x, from + x + left, (size_t)(inside - x) * sizeof *out);
        x = inside;
    }
    for (; x < inside; x++) out[x] = from[x * s->stride + left];
    for (; x < s->out_width; x++) out[x] = 0;
}

/* Columns of one sample from an image without border, C x H x W, then one product. */
static void with_columns(work *w) {
    const shim_convolution *s = &w->shape;
    const ptrdiff_t taps = s->kernel_height * s->kernel_width, area = s->out_height * s->out_width;
    const ptrdiff_t inputs = s->in_channels / s->groups, outputs = s->out_channels / s->groups;
    for (ptrdiff_t n = 0; n < w->samples; n++) {
        const float *image = w->x + n * s->in_channels * s->in_height * s->in_width;
        for (ptrdiff_t group = 0; group < s->groups; group++) {
            float *column = w->columns;
            for (ptrdiff_t c = group * inputs; c < (group + 1) * inputs; c++) {
                for (ptrdiff_t t = 0; t < taps; t++) {
                    for (ptrdiff_t y = 0; y < s->out_height; y++, column += s->out_width) {
                        const ptrdiff_t v = y * s->stride + t / s->kernel_width - s->padding_height;
                        const float *from = image + (c * s->in_height + v) * s->in_width;
                        if (v < 0 || v >= s->in_height) memset(column, 0, (size_t)s->out_width * sizeof *column);
                        else column_row(s, from, t % s->kernel_width - s->padding_width, column);
                    }
                }
            }
            cblas_sgemm(ROW_MAJOR, NO, NO, (int)outputs, (int)area, (int)(inputs * taps), 1,
                        w->weights + group * outputs * inputs * taps, (int)(inputs * taps), w->columns, (int)area, 0,
                        w->y + (n * s->out_channels + group * outputs) * area, (int)area);
        }
    }
}

static double best(void (*run)(work *), work *w, int repetitions) {
    double least = 1e9;
    run(w);
    for (int i = 0; i < repetitions; i++) {
        const double start = now();
        run(w);
        const double seconds = now() - start;
        if (seconds < least) least = seconds;
    }
    return least;
}

static void product(work *w) {
    cblas_sgemm(ROW_MAJOR, NO, NO, 512, 512, 512, 1, w->x, 512, w->weights, 512, 0, w->y, 512);
}

/* An image of numbers with zeros around it. */
static float *image(ptrdiff_t samples, ptrdiff_t channels, ptrdiff_t size, ptrdiff_t border) {
    const ptrdiff_t side = size + 2 * border;
    float *x = numbers((size_t)(samples * side * side * channels), 1);
    for (ptrdiff_t i = 0; i < samples * side * side * channels; i++) {
        const ptrdiff_t v = i / channels / side % side - border, u = i / channels % side - border;
        if (v < 0 || v >= size || u < 0 || u >= size) x[i] = 0;
    }
    return x;
}

int main(int argc, char **argv) {
    const int repetitions = argc > 1 ? atoi(argv[1]) : 100;
    work square = {.x = numbers(1 << 18, 1), .weights = numbers(1 << 18, 1), .y = numbers(1 << 18, 1)};
    printf("sgemm %.1f GFLOP/s\n", 2e-9 * 512 * 512 * 512 / best(product, &square, repetitions));
    printf("%-28s %8s %8s %8s %8s %9s\n", "32 samples", "forward", "back", "gradient", "columns", "pack, us");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const row *r = &rows[i];
        const ptrdiff_t side = (r->size + 2 * r->padding - r->kernel) / r->stride + 1;
        work w = {.samples = r->samples,
                  .shape = {r->kernel, r->kernel, r->stride, r->padding, r->padding, r->groups, r->in, r->size,
                            r->size, r->padding, r->out, side, side, 0}};
        w.shape.out_border = shim_convolution_back_border(&w.shape);
        const ptrdiff_t taps = r->kernel * r->kernel;
        const double work_done = 2e-9 * (double)(r->samples * side * side * taps * r->in * r->out / r->groups);
        w.x = image(r->samples, r->in, r->size, r->padding);
        w.below = image(r->samples, r->in, r->size, r->padding);
        w.y = image(r->samples, r->out, side, w.shape.out_border);
        w.delta = image(r->samples, r->out, side, w.shape.out_border);
        w.weights = numbers((size_t)(taps * r->in * r->out / r->groups), 1);
        w.gradient = numbers((size_t)(taps * r->in * r->out / r->groups), 1);
        w.bias = numbers((size_t)r->out, 1);
        w.columns = numbers((size_t)(taps * r->in * side * side), 1);
        w.forward = numbers((size_t)shim_convolution_forward_count(&w.shape), 1);
        w.back = numbers((size_t)shim_convolution_back_count(&w.shape), 1);
        const double packing = best(pack, &w, repetitions);
        printf("%-28s %8.1f %8.1f %8.1f %8.1f %9.1f\n", r->name, work_done / best(forward, &w, repetitions),
               work_done / best(back, &w, repetitions), work_done / best(gradient, &w, repetitions),
               work_done / best(with_columns, &w, repetitions), 1e6 * packing);
        float *all[] = {w.x,       w.below,    w.y,    w.delta,   w.weights,
                        w.gradient, w.bias, w.columns, w.forward, w.back};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++) free(all[j]);
    }
    return 0;
}
