/* The little C that Swift cannot do; each function says why. */
#ifndef TP_SHIMS_H
#define TP_SHIMS_H

#include <stddef.h>
#include <stdint.h>

/* Swift has no thread-local variables. 1,024 bytes a thread, zero at first; never fails. */
char *shim_error_text(void);

/* Swift has no pause instruction. */
static inline void shim_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/* Reads a flag that another thread of the host may write at any time; Swift has no volatile. */
static inline int32_t shim_read_flag(const volatile int32_t *flag) {
    return __atomic_load_n(flag, __ATOMIC_RELAXED);
}

/* Processors this process may run on, at least 1; sched_getaffinity is a GNU extension that Glibc's module hides. */
int32_t shim_processor_count(void);

/* OpenBLAS's serial build keeps one table of work buffers without a lock, and its pthread build breaks past 128
 * threads; both loop for ever without memory. The linker's --wrap sends its allocations here: one mapping a
 * thread, released when the thread ends. Call this before the first product on a thread; 0 done, -1 no memory. */
int shim_blas_reserve(void);

/* xerbla_ of reference BLAS prints and stops; ours counts. Calls since the process began. */
int shim_blas_error_count(void);

#endif
