/* What the fuzz targets share. A target is one C file with LLVMFuzzerTestOneInput; libFuzzer drives it, or replay.c
 * does, which runs the files of its corpus. It aborts where the library breaks its contract. */
#ifndef FUZZ_H
#define FUZZ_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <teleport.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                     \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            fprintf(stderr, "%s:%d: %s; last message: %s\n", __FILE__, __LINE__, #condition, tp_error_message()); \
            abort();                                                                           \
        }                                                                                      \
    } while (0)

/* A status is one of those in the header, and a failure has a sentence. */
static inline tp_status fuzz_check(tp_status status) {
    REQUIRE(strcmp(tp_status_string(status), "unknown status"));
    if (status < 0) REQUIRE(strlen(tp_error_message()) > 5);
    return status;
}

/* A file without a folder; its path is valid until it is closed. */
typedef struct {
    int descriptor;
    char path[40];
} fuzz_file;

static inline fuzz_file fuzz_file_open(const uint8_t *data, size_t size) {
    fuzz_file file;
    file.descriptor = memfd_create("fuzz", MFD_CLOEXEC);
    REQUIRE(file.descriptor >= 0 && write(file.descriptor, data, size) == (ssize_t)size);
    snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.descriptor);
    return file;
}

/* Bytes taken one after another; zeros after the end. */
typedef struct {
    const uint8_t *data;
    size_t left;
} fuzz_bytes;

static inline uint8_t fuzz_byte(fuzz_bytes *bytes) {
    if (!bytes->left) return 0;
    bytes->left--;
    return *bytes->data++;
}

static inline uint32_t fuzz_word(fuzz_bytes *bytes) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) value = value << 8 | fuzz_byte(bytes);
    return value;
}

#endif
