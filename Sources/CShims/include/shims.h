/* The little C that Swift cannot do; each function says why. */
#ifndef TP_SHIMS_H
#define TP_SHIMS_H

#include <stddef.h>
#include <stdint.h>

#include "convolution.h"
#include "images.h"
#include "kernels.h"
#include "masks.h"
#include "norms.h"
#include "products.h"

/* Swift has no thread-local variables. 1,024 bytes a thread, zero at first; never fails. */
char *shim_error_text(void);

/* Where a thread keeps its innermost call of a host's callback, NULL at first; never fails. */
void **shim_innermost_callback(void);

/* Swift has no pause instruction. */
static inline void shim_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/* Asks for bytes that will be read soon; Swift has no prefetch. */
static inline void shim_prefetch(const void *address, size_t bytes) {
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)address + i);
}

/* Flags that other threads and signal handlers may write at any time; Swift's own atomics are objects, not places. */
static inline int32_t shim_read_flag(const volatile int32_t *flag) {
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}
static inline void shim_write_flag(volatile int32_t *flag, int32_t value) {
    __atomic_store_n(flag, value, __ATOMIC_RELEASE);
}
/* Writes `value` where the flag is `expected`; 0 where it is not. */
static inline int shim_exchange_flag(volatile int32_t *flag, int32_t expected, int32_t value) {
    return __atomic_compare_exchange_n(flag, &expected, value, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* A flag that ends the call under way on a thread, and those beside it. */
typedef struct shim_stop_source {
    const volatile int32_t *flag;          /* or NULL */
    const struct shim_stop_source *next;
} shim_stop_source;

/* What may end the calls of a thread. Zero at first. */
typedef struct shim_stop {
    const volatile int32_t *flag;          /* of every call of this thread, or NULL, as the callback */
    int32_t (*callback)(void *user_data);
    void *user_data;
    const shim_stop_source *sources;       /* of the call under way; NULL where none is that could stop */
    int64_t next_call;                     /* nanoseconds; the callback waits until then */
    int32_t is_asking;                     /* inside the callback */
} shim_stop;

/* The calling thread's; Swift has no thread-local variables. */
shim_stop *shim_thread_stop(void);

/* Whether the call under way on this thread is to end; LAPACK asks from C. */
int shim_stop_is_requested(void);

/* Processors this process may run on, at least 1; sched_getaffinity is a GNU extension that Glibc's module hides. */
int32_t shim_processor_count(void);

/* OpenBLAS's serial build keeps one table of work buffers without a lock, and its pthread build breaks past 128
 * threads; both loop for ever without memory; and some kernels write to what malloc gives without looking. The linker's
 * --wrap, and names changed in our copy of the archive, send its allocations here: one mapping a thread, released when
 * the thread ends. Call this before the first product on a thread; 0 done, -1 no memory. */
int shim_blas_reserve(void);

/* A singular value decomposition takes up to seconds and asks nobody. Its products come by for the work buffer, each
 * within milliseconds, and from there it is left by longjmp when `is_stopped` says so. LAPACK keeps all it has in its
 * caller's arrays, so nothing is lost; and a jump may not cross Swift frames, so C calls it. The arguments are those of
 * `dgesdd_`. 0 done; 1 stopped: its results are then anything. */
typedef void shim_dgesdd(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
                         const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork,
                         int *info, size_t);
int shim_decompose(shim_dgesdd *dgesdd, int (*is_stopped)(void), const char *jobz, int m, int n, double *a, double *s,
                   double *u, double *vt, int rank, double *work, int lwork, int *iwork, int *info);

/* LAPACK's only call into the Fortran runtime; with it defined here, libgfortran need not be linked. */
void _gfortran_concat_string(size_t length, char *target, size_t length_a, const char *a, size_t length_b,
                             const char *b);

/* xerbla_ of reference BLAS prints and stops; ours counts. Calls since the process began. */
int shim_blas_error_count(void);

/* libpng's classic API: it reports errors by longjmp, which must not cross Swift frames, so every call that
 * can fail sets its own jump point here. Rows come as they are stored: no scaling, gamma or expansion. */
typedef struct shim_png_limits {
    uint32_t max_width;
    uint32_t max_height;
    uint64_t max_pixels;
    uint64_t max_chunk_bytes;
} shim_png_limits;

/* One image at a time, again and again; zero at first. The first group is the caller's to set. */
typedef struct shim_png {
    uint8_t *input;            /* holds `input_capacity` bytes, refilled from `file` */
    size_t input_capacity;
    size_t input_count;        /* bytes in `input` at the start, to read an image from memory */
    int file;                  /* -1: all of the image is in `input` */
    uint64_t file_size;

    uint32_t width;            /* set by shim_png_begin */
    uint32_t height;
    int32_t bit_depth;         /* 1, 2, 4, 8, 16 */
    int32_t channels;          /* as stored: 1 grey or palette index, 2 grey and alpha, 3 RGB, 4 RGBA */
    int32_t interlaced;
    int32_t palette_count;     /* 0: not a palette image */
    int32_t has_transparency;  /* a tRNS chunk: the colour `transparent`, or alpha in `palette` */
    uint16_t transparent[3];   /* grey in the first, or R G B, in bits of the stored depth */
    uint8_t palette[256 * 4];  /* R G B A */

    size_t input_next;
    uint64_t rows_left;        /* after the row that is being read */
    size_t data_left;          /* bytes that IDAT may still have once no row is left */
    void *png;
    void *info;
    int system_error;          /* errno of a read that failed, or 0 */
    int out_of_memory;
    char warning[128];
    char message[256];         /* why the last call failed */
} shim_png;

/* Each gives 0, or -1 with `message`, `system_error` and `out_of_memory` set. shim_png_end follows every
 * shim_png_begin, whatever came of it. */
int shim_png_begin(shim_png *image, const shim_png_limits *limits);
/* The next `count` rows, `stride` bytes apart. An interlaced image gives the reduced rows of its seven passes,
 * one pass after another, and passes without pixels not at all. */
int shim_png_read_rows(shim_png *image, uint8_t *rows, size_t stride, uint32_t count);
/* What follows the pixels, up to the end chunk. */
int shim_png_finish(shim_png *image);
void shim_png_end(shim_png *image);

/* strerror depends on the locale and on the thread. Static; NULL for unknown numbers. */
const char *shim_system_error_text(int number);

#endif
