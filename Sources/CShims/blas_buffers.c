#define _GNU_SOURCE
#include "shims.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/mman.h>

/* OpenBLAS's own BUFFER_SIZE on x86-64 and arm64: its kernels cut a product to fill just this. Pages are only
 * taken when touched. */
#define BUFFER_BYTES ((size_t)128 << 20)

/* No page after the buffer may be touched: an archive built with larger buffers dies here, and in a test, rather
 * than write over its neighbour. */
#define GUARD_BYTES ((size_t)64 << 10)

static _Thread_local void *thread_buffer;
static _Thread_local int thread_buffer_in_use;
static pthread_key_t release_key;
static pthread_once_t release_once = PTHREAD_ONCE_INIT;
static int release_key_status;

static void unmap_buffer(void *buffer) { munmap(buffer, BUFFER_BYTES + GUARD_BYTES); }

static void release_buffer(void *buffer) {
    unmap_buffer(buffer);
    thread_buffer = NULL;
}

static void make_key(void) { release_key_status = pthread_key_create(&release_key, release_buffer); }

/* OpenBLAS's kernels prefetch past the end of what they have packed. A prefetch from a page that was never touched
 * walks the page tables each time, in vain: a fifth of a step of 784-64-64-10 on a Zen processor. Reading gives every
 * page the system's page of zeros, which takes no memory. What is packed for small products, where it matters, lies
 * here. */
#define PREFETCHED_BYTES ((size_t)4 << 20)
#define SMALLEST_PAGE ((size_t)4096)

static void map_zeros(const char *buffer) {
    for (size_t i = 0; i < PREFETCHED_BYTES; i += SMALLEST_PAGE) (void)*(const volatile char *)(buffer + i);
}

static void *map_buffer(void) {
    char *buffer = mmap(NULL, BUFFER_BYTES + GUARD_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (buffer == MAP_FAILED) return NULL;
    if (mprotect(buffer + BUFFER_BYTES, GUARD_BYTES, PROT_NONE)) {
        unmap_buffer(buffer);
        return NULL;
    }
    map_zeros(buffer);
    return buffer;
}

int shim_blas_reserve(void) {
    if (thread_buffer) return 0;
    pthread_once(&release_once, make_key);
    if (release_key_status) return -1;
    void *buffer = map_buffer();
    if (!buffer) return -1;
    if (pthread_setspecific(release_key, buffer)) {
        unmap_buffer(buffer);
        return -1;
    }
    thread_buffer = buffer;
    return 0;
}

/* Where a decomposition under way on this thread is left when it is stopped. */
typedef struct stop_point {
    int (*is_stopped)(void);
    jmp_buf jump;
} stop_point;
static _Thread_local stop_point *thread_stop_point;

int shim_decompose(shim_dgesdd *dgesdd, int (*is_stopped)(void), const char *jobz, int m, int n, double *a, double *s,
                   double *u, double *vt, int rank, double *work, int lwork, int *iwork, int *info) {
    stop_point point = {.is_stopped = is_stopped};
    thread_stop_point = &point;
    int stopped = setjmp(point.jump);
    if (!stopped) dgesdd(jobz, &m, &n, a, &m, s, u, &m, vt, &rank, work, &lwork, iwork, info, 1);
    thread_stop_point = NULL;
    return stopped;
}

void *__wrap_blas_memory_alloc(int position);
void __wrap_blas_memory_free(void *buffer);

static void *take_buffer(void) {
    if (!thread_buffer_in_use && shim_blas_reserve() == 0) {
        thread_buffer_in_use = 1;
        return thread_buffer;
    }
    return map_buffer();
}

static void give_buffer(void *buffer) {
    if (buffer == thread_buffer) {
        thread_buffer_in_use = 0;
    } else if (buffer) {
        unmap_buffer(buffer);
    }
}

/* No routine of OpenBLAS 0.3.21 that we know of (gemm; potrf, potri, getrf, getri, trtri, geqrf, gesdd, syevd)
 * asks for a second buffer while it holds one; one that did would get a mapping of its own. Without a reservation
 * or memory for one, NULL: OpenBLAS then faults, so callers reserve first. */
void *__wrap_blas_memory_alloc(int position) {
    (void)position;
    stop_point *point = thread_stop_point;
    if (point && !thread_buffer_in_use && point->is_stopped()) longjmp(point->jump, 1);
    return take_buffer();
}

void __wrap_blas_memory_free(void *buffer) { give_buffer(buffer); }

void *shim_blas_malloc(size_t size);
void shim_blas_free(void *block);

/* malloc and free of our copy of the archive (scripts/private-openblas). The kernels for small products of processors
 * with AVX-512 pack into a block that they malloc and use unchecked: at most 8 columns of a product of 10^6
 * multiply-adds, 8 MB in double. They hold no buffer then, so the thread's own is free for it. */
void *shim_blas_malloc(size_t size) { return size <= BUFFER_BYTES ? take_buffer() : NULL; }

void shim_blas_free(void *block) { give_buffer(block); }

static atomic_int blas_errors;

int shim_blas_error_count(void) { return atomic_load(&blas_errors); }

void xerbla_(const char *name, const int *argument, size_t length);
void xerbla_(const char *name, const int *argument, size_t length) {
    (void)name;
    (void)argument;
    (void)length;
    atomic_fetch_add(&blas_errors, 1);
}
