#define _POSIX_C_SOURCE 200809L
#include "shims.h"

#include <time.h>

/* A callback may take a lock of its host's, such as an interpreter's: not more often than a person could notice. */
#define NANOSECONDS_BETWEEN_CALLS 5000000

shim_stop *shim_thread_stop(void) {
    static _Thread_local shim_stop stop;
    return &stop;
}

static int64_t nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int says_stop(shim_stop *stop) {
    if (!stop->callback || stop->is_asking) return 0;
    int64_t now = nanoseconds();
    if (now < stop->next_call) return 0;
    stop->next_call = now + NANOSECONDS_BETWEEN_CALLS;
    /* What the callback calls is not asked by it again. */
    stop->is_asking = 1;
    int answer = stop->callback(stop->user_data) != 0;
    stop->is_asking = 0;
    return answer;
}

int shim_stop_is_requested(void) {
    shim_stop *stop = shim_thread_stop();
    if (!stop->sources) return 0;
    for (const shim_stop_source *source = stop->sources; source; source = source->next) {
        if (source->flag && shim_read_flag(source->flag)) return 1;
    }
    return (stop->flag && shim_read_flag(stop->flag)) || says_stop(stop);
}
