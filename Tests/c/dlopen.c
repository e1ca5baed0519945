/* A host that loads the library at run time, works with it on threads and closes it: a plugin, or Python. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <teleport.h>

#include "check.h"

static tp_status (*create)(tp_model **, const int32_t *, size_t, const tp_model_config *);
static tp_status (*predict)(const tp_model *, const float *, int64_t, int64_t, tp_output, float *, size_t);
static void (*free_model)(tp_model *);
static pthread_barrier_t closed;

static void *work(void *argument) {
    static const int32_t widths[] = {784, 128, 10};
    static float x[64 * 784];
    float out[640];
    tp_model *model = NULL;
    *(int *)argument = create(&model, widths, 3, NULL) == TP_OK &&
                       predict(model, x, 784, 64, TP_OUTPUT_PROBABILITIES, out, 640) == TP_OK;
    free_model(model);
    /* The thread ends, and its buffers with it, after the library was closed. */
    pthread_barrier_wait(&closed);
    pthread_barrier_wait(&closed);
    return NULL;
}

static void *symbol(void *library, const char *name) {
    void *address = dlsym(library, name);
    CHECK(address != NULL);
    return address;
}

int main(void) {
    for (int round = 0; round < 3; round++) {
        void *library = dlopen("libteleport.so.0", RTLD_NOW | RTLD_LOCAL);
        pthread_t thread;
        int worked = 0;
        void *address;
        if (!CHECK(library != NULL)) {
            printf("%s\n", dlerror());
            return check_finish();
        }
        /* Not a cast: ISO C has none from an object's to a function's address. */
        address = symbol(library, "tp_model_create_mlp"), memcpy(&create, &address, sizeof address);
        address = symbol(library, "tp_model_predict"), memcpy(&predict, &address, sizeof address);
        address = symbol(library, "tp_model_free"), memcpy(&free_model, &address, sizeof address);
        CHECK(dlsym(library, "cblas_sgemm") == NULL);
        pthread_barrier_init(&closed, NULL, 2);
        if (!CHECK(pthread_create(&thread, NULL, work, &worked) == 0)) return check_finish();
        pthread_barrier_wait(&closed);
        CHECK(dlclose(library) == 0);
        pthread_barrier_wait(&closed);
        pthread_join(thread, NULL);
        pthread_barrier_destroy(&closed);
        CHECK(worked);
    }
    return check_finish();
}
