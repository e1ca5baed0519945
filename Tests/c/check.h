/* Checks that count and stay in release builds. A program ends with `return check_finish();`, which prints
 * "N passed, N failed". Checks are for one thread: other threads hand their results to the main one. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <string.h>

static long check_passed, check_failed;

static inline int check_that(int holds, const char *file, int line, const char *text) {
    if (holds) {
        check_passed++;
    } else {
        check_failed++;
        printf("%s:%d: failed: %s\n", file, line, text);
        fflush(stdout);
    }
    return holds;
}

static inline int check_equal(long long got, long long expected, const char *file, int line, const char *text) {
    if (got != expected) printf("%s:%d: got %lld, expected %lld\n", file, line, got, expected);
    return check_that(got == expected, file, line, text);
}

static inline int check_text(const char *got, const char *part, const char *file, int line, const char *text) {
    int holds = got && strstr(got, part);
    if (!holds) printf("%s:%d: \"%s\" does not name \"%s\"\n", file, line, got ? got : "(null)", part);
    return check_that(holds, file, line, text);
}

static inline int check_finish(void) {
    printf("%ld passed, %ld failed\n", check_passed, check_failed);
    return check_failed ? 1 : 0;
}

#define CHECK(condition) check_that((condition) != 0, __FILE__, __LINE__, #condition)
#define CHECK_EQUAL(got, expected) check_equal((got), (expected), __FILE__, __LINE__, #got " == " #expected)
#define CHECK_NAMES(text, part) check_text((text), (part), __FILE__, __LINE__, #text " names " #part)

#endif
