#define _GNU_SOURCE
#include "shims.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

/* As large as OpenBLAS's own BUFFER_SIZE of Debian's x86-64 build. Pages are only taken when touched. */
#define BUFFER_BYTES ((size_t)128 << 20)

static _Thread_local void *thread_buffer;
static _Thread_local int thread_buffer_in_use;
static pthread_key_t release_key;
static pthread_once_t release_once = PTHREAD_ONCE_INIT;
static int release_key_status;

static void release_buffer(void *buffer) {
    munmap(buffer, BUFFER_BYTES);
    thread_buffer = NULL;
}

static void make_key(void) { release_key_status = pthread_key_create(&release_key, release_buffer); }

static void *map_buffer(void) {
    void *buffer = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return buffer == MAP_FAILED ? NULL : buffer;
}

int shim_blas_reserve(void) {
    if (thread_buffer) return 0;
    pthread_once(&release_once, make_key);
    if (release_key_status) return -1;
    void *buffer = map_buffer();
    if (!buffer) return -1;
    if (pthread_setspecific(release_key, buffer)) {
        munmap(buffer, BUFFER_BYTES);
        return -1;
    }
    thread_buffer = buffer;
    return 0;
}

void *__wrap_blas_memory_alloc(int position);
void __wrap_blas_memory_free(void *buffer);

/* LAPACK routines hold one buffer while the BLAS they call asks for another: nested calls get a mapping of
 * their own. Without a reservation or memory for one, NULL: OpenBLAS then faults, so callers reserve first. */
void *__wrap_blas_memory_alloc(int position) {
    (void)position;
    if (!thread_buffer_in_use && shim_blas_reserve() == 0) {
        thread_buffer_in_use = 1;
        return thread_buffer;
    }
    return map_buffer();
}

void __wrap_blas_memory_free(void *buffer) {
    if (buffer == thread_buffer) {
        thread_buffer_in_use = 0;
    } else if (buffer) {
        munmap(buffer, BUFFER_BYTES);
    }
}

static atomic_int blas_errors;

int shim_blas_error_count(void) { return atomic_load(&blas_errors); }

void xerbla_(const char *name, const int *argument, size_t length);
void xerbla_(const char *name, const int *argument, size_t length) {
    (void)name;
    (void)argument;
    (void)length;
    atomic_fetch_add(&blas_errors, 1);
}
