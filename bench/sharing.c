/* What it costs one core to write cache lines that another one has read, as time goes by.
 *
 *   sharing SECONDS      JSON: nanoseconds a line, a hundred times a second
 *
 * Threads that share weights and activations pay this in every step. On a virtual machine it may change from one second
 * to the next, as the host moves its processors. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "bench.h"

enum { LINE = 64, BYTES = 256 << 10, ROUNDS = 12 };

static volatile char *place; /* NULL: the reader ends */
static atomic_int turn;      /* odd: the reader's */

static void stay_on(int processor) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    sched_setaffinity(0, sizeof one, &one);
}

static void *reader(void *processor) {
    stay_on(*(int *)processor);
    for (;;) {
        while (!(atomic_load(&turn) & 1)) {}
        if (!place) return NULL;
        for (size_t i = 0; i < BYTES; i += LINE) (void)place[i];
        atomic_fetch_add(&turn, 1);
    }
}

static void write_lines(void) {
    for (size_t i = 0; i < BYTES; i += LINE) place[i]++;
}

static double nanoseconds(void) {
    double least = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        write_lines();
        atomic_fetch_add(&turn, 1);
        while (atomic_load(&turn) & 1) {}
        double start = now();
        write_lines();
        double each = (now() - start) / (BYTES / LINE) * 1e9;
        if (each < least) least = each;
    }
    return least;
}

int main(int argc, char **argv) {
    cpu_set_t allowed;
    int processors[2] = {-1, -1};
    const double seconds = argc == 2 ? atof(argv[1]) : 0;
    if (!(seconds > 0) || sched_getaffinity(0, sizeof allowed, &allowed)) return 2;
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &allowed)) processors[1] = processors[0], processors[0] = i;
    }
    if (processors[1] < 0) return 2;
    char *memory = allocate(1, BYTES);
    memset(memory, 0, BYTES);
    place = memory;
    stay_on(processors[0]);
    pthread_t thread;
    if (pthread_create(&thread, NULL, reader, &processors[1])) return 1;
    printf("{\"nanoseconds\": [");
    const double start = now();
    for (int i = 0; now() - start < seconds; i++) {
        printf("%s%.3g", i ? ", " : "", nanoseconds());
        while (now() - start < 0.01 * (i + 1)) {}
    }
    printf("]}\n");
    place = NULL;
    atomic_fetch_add(&turn, 1);
    pthread_join(thread, NULL);
    free(memory);
    return 0;
}
