/* The products of mini-batches by the library's own kernels and by OpenBLAS, size by size, on this processor: what the
 * bounds in Sources/LinearAlgebra/BatchProducts.swift are drawn from. Microseconds of processor time, minima.
 *
 *   routes            all sizes; pin it to one processor
 *
 * Linked with the library's own objects: it does not export the kernels. */
#define _GNU_SOURCE
#include "../Sources/CShims/include/products.h"

#include "bench.h"

void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);
char *openblas_get_corename(void);

/* The names of malloc and free in the library's copy of OpenBLAS. */
void *shim_blas_malloc(size_t size);
void *shim_blas_malloc(size_t size) { return malloc(size); }
void shim_blas_free(void *block);
void shim_blas_free(void *block) { free(block); }

enum { ROW = 101, NO = 111, YES = 112, kinds = 3, repetitions = 25 };

static const char *const names[kinds] = {"rows", "columns", "plain"};

static void product(int kind, int own, int m, int n, int k, const float *a, const float *b, float *c) {
    if (kind == 0 && own) shim_row_products(a, m, b, n, k, c, n);
    if (kind == 0 && !own) cblas_sgemm(ROW, NO, YES, m, n, k, 1, a, k, b, k, 0, c, n);
    if (kind == 1 && own) shim_column_products(a, m, m, b, n, k, 1, 1, c);
    if (kind == 1 && !own) cblas_sgemm(ROW, YES, NO, m, n, k, 1, a, m, b, n, 1, c, n);
    const shim_product plain = {.a = a, .row_a = k, .column_a = 1, .b = b, .c = c, .m = m, .n = n, .k = k, .alpha = 1};
    if (kind == 2 && own) shim_multiply(&plain);
    if (kind == 2 && !own) cblas_sgemm(ROW, NO, NO, m, n, k, 1, a, k, b, n, 0, c, n);
}

static double processor_time(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void compare(int kind, int m, int n, int k) {
    float *a = numbers((size_t)m * (size_t)k, 1), *b = numbers((size_t)n * (size_t)k, 1);
    float *c = numbers((size_t)m * (size_t)n, 1);
    double best[2] = {1e9, 1e9};
    const int inner = 1 + (int)(3e6 / ((double)m * n * k + 3000));
    for (int r = 0; r < repetitions; r++) {
        for (int own = 0; own < 2; own++) {
            double start = processor_time();
            for (int i = 0; i < inner; i++) product(kind, own, m, n, k, a, b, c);
            double seconds = (processor_time() - start) / inner;
            if (seconds < best[own]) best[own] = seconds;
        }
    }
    printf("| %s | %d | %d | %d | %.3f | %.3f | %.2f |\n", names[kind], m, n, k, 1e6 * best[1], 1e6 * best[0],
           best[1] / best[0]);
    free(a), free(b), free(c);
}

int main(void) {
    static const int batches[] = {8, 20, 32, 64, 256}, outputs[] = {1, 10, 16, 64, 128, 512};
    static const int inputs[] = {2, 8, 13, 16, 50, 64, 128, 256, 512, 784, 2048};
    printf("OpenBLAS's kernels: %s\n\n", openblas_get_corename());
    printf("| product | m | n | k | own | OpenBLAS | own / OpenBLAS |\n");
    printf("| --- | --- | --- | --- | --- | --- | --- |\n");
#define EACH(x, list) for (size_t x = 0; x < sizeof list / sizeof *list; x++)
    EACH(i, batches) EACH(j, outputs) EACH(l, inputs) {
        int batch = batches[i], out = outputs[j], in = inputs[l];
        if ((double)batch * out * in > 3e7) continue;
        compare(0, batch, out, in);
        compare(1, out, in, batch);
        compare(2, batch, in, out);
    }
    return 0;
}
