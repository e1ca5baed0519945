#define _GNU_SOURCE
#include "shims.h"

#include <sched.h>
#include <string.h>

char *shim_error_text(void) {
    static _Thread_local char text[1024];
    return text;
}

void **shim_innermost_callback(void) {
    static _Thread_local void *innermost;
    return &innermost;
}

int32_t shim_processor_count(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

const char *shim_system_error_text(int number) { return strerrordesc_np(number); }
