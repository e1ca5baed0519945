/* Products of both types where malloc gives nothing: OpenBLAS's kernels for small products ask for memory on processors
 * with AVX-512 and write to it unasked. The program runs itself once for each kind of kernels that this processor has.
 *
 * malloc below stands before the system's. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "shims.h"

void *__libc_malloc(size_t);
static int fails;
static long calls;

void *malloc(size_t size) {
    calls++;
    return fails ? NULL : __libc_malloc(size);
}

enum { row_major = 101, no_trans = 111, trans = 112, most = 64 * 300 };

char *openblas_get_corename(void);
void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);
void cblas_dgemm(int order, int trans_a, int trans_b, int m, int n, int k, double alpha, const double *a, int lda,
                 const double *b, int ldb, double beta, double *c, int ldc);

static float a[most], b[most], c[most], first_c[most];
static double double_a[most], double_b[most], double_c[most], first_double_c[most];

/* Small whole numbers: every sum is exact in both types. */
static void fill(void) {
    for (int i = 0; i < most; i++) {
        double_a[i] = a[i] = (float)(i * 7 % 11 - 5);
        double_b[i] = b[i] = (float)(i * 5 % 13 - 6);
        first_double_c[i] = first_c[i] = (float)(i % 3);
    }
}

/* Elements that are wrong of C <- A B + beta C, with A: m x k (transposed: k x m) and B: k x n. */
static int wrong_elements(int m, int n, int k, int transposed, int beta) {
    const int order = transposed ? trans : no_trans, stride = transposed ? m : k;
    int wrong = 0;
    memcpy(c, first_c, sizeof c);
    memcpy(double_c, first_double_c, sizeof double_c);
    fails = 1;
    cblas_sgemm(row_major, order, no_trans, m, n, k, 1, a, stride, b, n, (float)beta, c, n);
    cblas_dgemm(row_major, order, no_trans, m, n, k, 1, double_a, stride, double_b, n, beta, double_c, n);
    fails = 0;
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            double sum = beta * first_double_c[i * n + j];
            for (int l = 0; l < k; l++) {
                sum += double_a[transposed ? l * m + i : i * k + l] * double_b[l * n + j];
            }
            wrong += (double)c[i * n + j] != sum || double_c[i * n + j] != sum;
        }
    }
    return wrong;
}

static int check_kernels(const char *kernels) {
    CHECK_NAMES(openblas_get_corename(), kernels);
    fill();
    if (!CHECK_EQUAL(shim_blas_reserve(), 0)) return check_finish();
    long before = calls;
    for (int m = 1; m <= 64; m += m < 12 ? 1 : 13) {
        for (int n = 1; n <= 100; n += n < 18 ? 1 : 41) {
            for (int k = 16; k <= 192; k *= 2) {
                for (int kind = 0; kind < 4; kind++) {
                    if (!CHECK_EQUAL(wrong_elements(m, n, k, kind & 1, kind >> 1), 0)) {
                        printf("m %d, n %d, k %d, kind %d\n", m, n, k, kind);
                    }
                }
            }
        }
    }
    CHECK_EQUAL(calls - before, 0);
    return check_finish();
}

static void run_itself(char *program, char *kernels) {
    int status = -1;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setenv("OPENBLAS_CORETYPE", kernels, 1);
        execl(program, program, kernels, (char *)NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    if (!CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0)) printf("%s: wait status %d\n", kernels, status);
}

int main(int argc, char **argv) {
    if (argc == 2) return check_kernels(argv[1]);
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) run_itself(argv[0], "Haswell"), run_itself(argv[0], "Zen");
    if (__builtin_cpu_supports("avx512vl")) run_itself(argv[0], "SkylakeX");
    if (__builtin_cpu_supports("avx512bf16")) run_itself(argv[0], "Cooperlake");
#else
    run_itself(argv[0], "");
#endif
    return check_finish();
}
