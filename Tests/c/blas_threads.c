/* OpenBLAS's serial archive with CShims' buffers: many products on many threads must equal, to the bit, those of
 * one thread. Built a second time without the buffers (-DUNWRAPPED), where the comparison must fail or the
 * program die: the archive's own buffer table is shared without a lock. */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

#ifndef UNWRAPPED
#include "shims.h"
#else
static int shim_blas_reserve(void) { return 0; }

/* The names of malloc and free in our copy of the archive. */
void *shim_blas_malloc(size_t size);
void *shim_blas_malloc(size_t size) { return malloc(size); }
void shim_blas_free(void *block);
void shim_blas_free(void *block) { free(block); }
#endif

enum { row_major = 101, no_trans = 111, trans = 112 };

void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);
void sgemv_(const char *trans, const int *m, const int *n, const float *alpha, const float *a, const int *lda,
            const float *x, const int *stride_x, const float *beta, float *y, const int *stride_y, size_t length);
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t length);
void dgetrf_(const int *m, const int *n, double *a, const int *lda, int *pivots, int *info);
void dgetri_(const int *n, double *a, const int *lda, const int *pivots, double *work, const int *work_count,
             int *info);

/* A training step's shapes: batch x inputs times inputs x outputs. */
typedef struct {
    int m, n, k, repeats;
    float *a, *b, *expected;
} product;

static product products[] = {
    {32, 64, 784, 300, NULL, NULL, NULL},
    {256, 512, 784, 6, NULL, NULL, NULL},
};
enum { product_count = sizeof products / sizeof products[0], factor_order = 200 };

static double factor_input[factor_order * factor_order], factor_expected[factor_order * factor_order];
static double inverse_expected[factor_order * factor_order];

static float *random_values(size_t count, uint32_t seed) {
    float *values = malloc(count * sizeof *values);
    if (!values) exit(2);
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)(seed >> 8) / 8388608.0f - 1;
    }
    return values;
}

static void multiply(const product *p, float *c) {
    cblas_sgemm(row_major, no_trans, trans, p->m, p->n, p->k, 1, p->a, p->k, p->b, p->k, 0, c, p->n);
}

/* LAPACK on top of BLAS: a routine that holds a buffer calls others that ask for one. */
static int factor(double *cholesky, double *inverse) {
    int n = factor_order, info = 0, pivots[factor_order], work_count = factor_order * 64;
    double *work = malloc((size_t)work_count * sizeof *work);
    if (!work) return -1;
    memcpy(cholesky, factor_input, sizeof factor_input);
    dpotrf_("U", &n, cholesky, &n, &info, 1);
    memcpy(inverse, factor_input, sizeof factor_input);
    if (!info) dgetrf_(&n, &n, inverse, &n, pivots, &info);
    if (!info) dgetri_(&n, inverse, &n, pivots, work, &work_count, &info);
    free(work);
    return info;
}

static pthread_barrier_t start;

static void *worker(void *argument) {
    long *wrong = argument;
    float *c = malloc(256 * 512 * sizeof *c);
    double *cholesky = malloc(sizeof factor_input), *inverse = malloc(sizeof factor_input);
    pthread_barrier_wait(&start);
    if (!c || !cholesky || !inverse || shim_blas_reserve()) {
        *wrong = -1;
    } else {
        for (int i = 0; i < product_count; i++) {
            const product *p = &products[i];
            size_t bytes = (size_t)p->m * (size_t)p->n * sizeof *c;
            for (int r = 0; r < p->repeats; r++) {
                multiply(p, c);
                *wrong += memcmp(c, p->expected, bytes) != 0;
            }
        }
        int failed = factor(cholesky, inverse);
        *wrong += failed || memcmp(cholesky, factor_expected, sizeof factor_expected) != 0 ||
                  memcmp(inverse, inverse_expected, sizeof inverse_expected) != 0;
    }
    free(c);
    free(cholesky);
    free(inverse);
    return NULL;
}

static long wrong_products(int thread_count) {
    pthread_t *threads = calloc((size_t)thread_count, sizeof *threads);
    long *wrong = calloc((size_t)thread_count, sizeof *wrong), sum = 0;
    pthread_attr_t attributes;
    if (!threads || !wrong) exit(2);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1 << 20);
    pthread_barrier_init(&start, NULL, (unsigned)thread_count);
    for (int i = 0; i < thread_count; i++) {
        if (pthread_create(&threads[i], &attributes, worker, &wrong[i])) exit(2);
    }
    for (int i = 0; i < thread_count; i++) {
        pthread_join(threads[i], NULL);
        sum += wrong[i] < 0 ? 1000000 : wrong[i];
    }
    pthread_barrier_destroy(&start);
    pthread_attr_destroy(&attributes);
    free(threads);
    free(wrong);
    return sum;
}

static int entries(const char *directory) {
    int count = 0;
    DIR *handle = opendir(directory);
    if (!handle) return -1;
    while (readdir(handle)) count++;
    closedir(handle);
    return count - 2;
}

/* Kilobytes of address space: the first number of /proc/self/statm. */
static long address_space(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld", &pages) != 1) exit(2);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

#ifndef UNWRAPPED
void *__real_blas_memory_alloc(int position);

/* The kernels cut products to fill BUFFER_SIZE, which an archive is built with: ours may not be smaller. */
static void check_buffer_size(void) {
    long before = address_space();
    CHECK(__real_blas_memory_alloc(0) != NULL);
    long archive_bytes = (address_space() - before) * 1024;
    printf("the archive's own buffers take %ld bytes\n", archive_bytes);
    CHECK(archive_bytes > 0 && archive_bytes < (128L << 20) + 65536);
}

static void *reserve(void *argument) {
    *(int *)argument = shim_blas_reserve();
    return NULL;
}

static int reserve_on_new_thread(void) {
    pthread_t thread;
    int status = 1;
    if (pthread_create(&thread, NULL, reserve, &status)) exit(2);
    pthread_join(thread, NULL);
    return status;
}

/* No memory for a buffer is a status, not a crash and not an endless loop. */
static void check_limits(void) {
    struct rlimit old, low;
    CHECK_EQUAL(reserve_on_new_thread(), 0);
    getrlimit(RLIMIT_AS, &old);
    low = old;
    low.rlim_cur = (rlim_t)(address_space() + 65536) * 1024;
    if (!CHECK(setrlimit(RLIMIT_AS, &low) == 0)) return;
    CHECK_EQUAL(reserve_on_new_thread(), -1);
    CHECK_EQUAL(shim_blas_reserve(), 0); /* this thread has its buffer already */
    setrlimit(RLIMIT_AS, &old);
    CHECK_EQUAL(reserve_on_new_thread(), 0);
}
#endif

int main(int argc, char **argv) {
    static const int default_counts[] = {1, 2, 8, 200};
    CHECK_EQUAL(entries("/proc/self/task"), 1); /* OpenBLAS started no thread when it was loaded */

    if (shim_blas_reserve()) return 2;
    for (int i = 0; i < product_count; i++) {
        product *p = &products[i];
        p->a = random_values((size_t)p->m * (size_t)p->k, 1u + (uint32_t)i);
        p->b = random_values((size_t)p->n * (size_t)p->k, 101u + (uint32_t)i);
        p->expected = random_values((size_t)p->m * (size_t)p->n, 0);
        multiply(p, p->expected);
    }
    for (int i = 0; i < factor_order; i++) {
        for (int j = 0; j < factor_order; j++) {
            factor_input[i * factor_order + j] = (i == j ? factor_order : 0) + 1.0 / (1 + abs(i - j));
        }
    }
    CHECK_EQUAL(factor(factor_expected, inverse_expected), 0);

    int counts = argc > 1 ? argc - 1 : (int)(sizeof default_counts / sizeof *default_counts);
    long before = address_space();
    for (int i = 0; i < counts; i++) {
        int threads = argc > 1 ? atoi(argv[i + 1]) : default_counts[i];
        long wrong = wrong_products(threads);
        printf("%d threads: %ld results differ\n", threads, wrong);
        CHECK_EQUAL(wrong, 0);
    }
#ifndef UNWRAPPED
    /* A thread's buffer goes with the thread: 200 of them would be 25 GB. glibc keeps arenas and stacks. */
    CHECK(address_space() - before < 4 << 20);
    check_limits();
    check_buffer_size();
    CHECK_EQUAL(shim_blas_error_count(), 0);
#else
    (void)before;
#endif
    for (int i = 0; i < product_count; i++) {
        free(products[i].a);
        free(products[i].b);
        free(products[i].expected);
    }
    return check_finish();
}
