/* dlopen and dlclose, 100 times: the library stays at its address and memory stays flat. Then a second copy of the file
 * in the same process: it has its own state, and gives the same results to the bit. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <teleport.h>
#include <unistd.h>

#include "check.h"

typedef struct {
    tp_status (*create)(tp_model **, const int32_t *, size_t, const tp_model_config *);
    tp_status (*predict)(const tp_model *, const float *, int64_t, int64_t, tp_output, float *, size_t);
    tp_status (*set_threads)(int32_t);
    int32_t (*threads)(void);
    const char *(*message)(void);
    void (*free)(tp_model *);
} functions;

static void *find(void *library, void *place, const char *name) {
    void *address = dlsym(library, name);
    CHECK(address != NULL);
    memcpy(place, &address, sizeof address);
    return address;
}

static void *open_functions(const char *path, functions *f) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!CHECK(library != NULL)) {
        printf("%s\n", dlerror());
        exit(check_finish());
    }
    find(library, &f->create, "tp_model_create_mlp");
    find(library, &f->predict, "tp_model_predict");
    find(library, &f->set_threads, "tp_set_thread_count");
    find(library, &f->threads, "tp_thread_count");
    find(library, &f->message, "tp_error_message");
    find(library, &f->free, "tp_model_free");
    return library;
}

static void work(const functions *f, float *out) {
    static const int32_t widths[] = {784, 128, 10};
    static float x[64 * 784];
    tp_model *model = NULL;
    for (int i = 0; i < 64 * 784; i++) x[i] = (float)(i % 97) / 97;
    CHECK(f->create(&model, widths, 3, NULL) == TP_OK);
    CHECK(f->predict(model, x, 784, 64, TP_OUTPUT_RAW, out, 640) == TP_OK);
    f->free(model);
}

static long resident(void) {
    long pages = 0, total = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &total, &pages) != 2) exit(2);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(void) {
    functions first, second;
    static float out[640], again[640];
    const void *address = NULL;
    long before = 0;
    char path[4096] = "", folder[] = "/tmp/tp-copy-XXXXXX", copy[64], command[8400];
    for (int round = 0; round < 100; round++) {
        void *library = open_functions("libteleport.so.0", &first);
        void *here;
        memcpy(&here, &first.create, sizeof here);
        if (!address) address = here;
        CHECK(address == here);
        /* Kernels may sum the rows of another share in another order: what is compared has one thread. */
        CHECK(first.set_threads(1) == TP_OK);
        work(&first, out);
        CHECK(dlclose(library) == 0);
        if (round == 9) before = resident();
    }
    CHECK(resident() - before < 1024);

    Dl_info info;
    CHECK(dladdr(address, &info) != 0);
    CHECK(realpath(info.dli_fname, path) != NULL && mkdtemp(folder) != NULL);
    snprintf(copy, sizeof copy, "%s/copy.so", folder);
    snprintf(command, sizeof command, "cp '%s' '%s'", path, copy);
    CHECK(system(command) == 0);
    void *library = open_functions("libteleport.so.0", &first);
    void *other = open_functions(copy, &second);
    /* The soname is the same: a loader may say so by giving the first again. */
    if (first.create == second.create) printf("the loader gives one copy for both\n");
    CHECK(second.set_threads(1) == TP_OK);
    work(&second, again);
    CHECK(!memcmp(out, again, sizeof out));
    CHECK(second.set_threads(2) == TP_OK);
    CHECK_EQUAL(first.threads(), first.create == second.create ? 2 : 1);
    CHECK_EQUAL(second.threads(), 2);
    CHECK(second.set_threads(-7) < 0);
    CHECK_NAMES(second.message(), "-7");
    work(&first, again);
    CHECK(!memcmp(out, again, sizeof out));
    CHECK(dlclose(library) == 0 && dlclose(other) == 0);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CHECK(system(command) == 0);
    return check_finish();
}
