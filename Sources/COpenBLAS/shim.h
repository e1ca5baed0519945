/* Prototypes of the BLAS and LAPACK routines that LinearAlgebra calls. They are declared here because Debian's
 * OpenBLAS installs no LAPACKE, and its cblas.h lives in a folder that depends on the flavour. The Fortran
 * routines take the length of each character argument as a trailing size_t (GNU Fortran's convention). */
#include <stddef.h>

enum { CblasRowMajor = 101, CblasColMajor = 102 };
enum { CblasNoTrans = 111, CblasTrans = 112 };

void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);
void cblas_dgemm(int order, int trans_a, int trans_b, int m, int n, int k, double alpha, const double *a, int lda,
                 const double *b, int ldb, double beta, double *c, int ldc);
char *openblas_get_config(void);
char *openblas_get_corename(void);
