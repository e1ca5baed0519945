/* A host with a BLAS, a xerbla_ and an allocator hook of its own, all exported: the library must not call them,
 * nor must its own copies take their place. */
#include <teleport.h>

#include "check.h"
#include "fixture.h"

static int calls;

void cblas_sgemm(void);
void cblas_sgemm(void) { calls++; }
void cblas_dgemm(void);
void cblas_dgemm(void) { calls++; }
void sgemm_(void);
void sgemm_(void) { calls++; }
void xerbla_(void);
void xerbla_(void) { calls++; }
void *blas_memory_alloc(int position);
void *blas_memory_alloc(int position) {
    (void)position;
    calls++;
    return NULL;
}
void *swift_retain(void *object);
void *swift_retain(void *object) {
    calls++;
    return object;
}

int main(void) {
    static const int32_t widths[] = {256, 256, 10};
    static float x[256 * 256], out[256 * 10];
    tp_model *model;
    for (int i = 0; i < 256 * 256; i++) x[i] = (float)(i % 17) - 8;
    MUST(tp_model_create_mlp(&model, widths, 3, NULL));
    CHECK_EQUAL(tp_model_predict(model, x, 256, 256, TP_OUTPUT_RAW, out, 2560), TP_OK);
    CHECK(out[0] != 0);
    tp_model_free(model);
    CHECK_EQUAL(calls, 0);
    cblas_sgemm();
    CHECK_EQUAL(calls, 1);
    return check_finish();
}
