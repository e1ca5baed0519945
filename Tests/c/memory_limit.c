/* Little address space is a status: on a thread that has no work buffer for BLAS yet, and for blocks whose size
 * the caller decides. Afterwards everything works as before. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

static tp_model *model;
static float *x;
enum { width = 512, count = 512 };

static void *predict(void *argument) {
    static float out[count * width];
    *(tp_status *)argument = tp_model_predict(model, x, width, count, TP_OUTPUT_RAW, out, count * width);
    return NULL;
}

static tp_status predict_on_new_thread(void) {
    pthread_t thread;
    pthread_attr_t attributes;
    tp_status status = TP_ERROR;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1 << 20);
    if (pthread_create(&thread, &attributes, predict, &status)) exit(2);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    return status;
}

static void limit(long extra_bytes) {
    long pages = 0;
    struct rlimit low;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld", &pages) != 1) exit(2);
    fclose(file);
    getrlimit(RLIMIT_AS, &low);
    low.rlim_cur = (rlim_t)(pages * sysconf(_SC_PAGESIZE) + extra_bytes);
    if (setrlimit(RLIMIT_AS, &low)) exit(2);
}

int main(void) {
    static const int32_t widths[] = {width, width, width}, large[] = {8192, 8192};
    struct rlimit old;
    tp_model *made = NULL;

    x = calloc((size_t)count * width, sizeof *x);
    if (!x) return 2;
    MUST(tp_set_thread_count(1));
    MUST(tp_model_create_mlp(&model, widths, 3, NULL));
    float *before = fixture_parameters(model);
    CHECK_EQUAL(predict_on_new_thread(), TP_OK);

    getrlimit(RLIMIT_AS, &old);
    limit(64L << 20);
    CHECK_EQUAL(predict_on_new_thread(), TP_ERROR_OUT_OF_MEMORY);
    CHECK_EQUAL(tp_model_create_mlp(&made, large, 2, NULL), TP_ERROR_OUT_OF_MEMORY); /* 256 MiB of weights */
    CHECK(made == NULL);
    CHECK(strlen(tp_error_message()) > 6);
    setrlimit(RLIMIT_AS, &old);

    CHECK_EQUAL(predict_on_new_thread(), TP_OK);
    CHECK(fixture_equals(model, before));
    free(before);
    free(x);
    tp_model_free(model);
    return check_finish();
}
