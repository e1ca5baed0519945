/* What it costs one core to write cache lines that another one has read, over a stretch of memory.
 *
 *   sharing MEGABYTES      JSON: nanoseconds a line, for a place every 16 MB
 *
 * Threads that share weights and activations pay this in every step. On some machines it depends on where in the memory of
 * the host the lines lie, and so from process to process. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "bench.h"

enum { LINE = 64, BYTES = 256 << 10, PLACES_APART = 16 << 20, ROUNDS = 12 };

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
    size_t places = argc == 2 ? (size_t)atoi(argv[1]) * (1 << 20) / PLACES_APART : 0;
    if (!places || sched_getaffinity(0, sizeof allowed, &allowed)) return 2;
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &allowed)) processors[1] = processors[0], processors[0] = i;
    }
    if (processors[1] < 0) return 2;
    char *memory = allocate(places, PLACES_APART);
    for (size_t i = 0; i < places * PLACES_APART; i += 4096) memory[i] = 1;
    stay_on(processors[0]);
    pthread_t thread;
    if (pthread_create(&thread, NULL, reader, &processors[1])) return 1;
    printf("{\"nanoseconds\": [");
    for (size_t i = 0; i < places; i++) {
        place = memory + i * PLACES_APART;
        printf("%s%.3g", i ? ", " : "", nanoseconds());
    }
    printf("]}\n");
    place = NULL;
    atomic_fetch_add(&turn, 1);
    pthread_join(thread, NULL);
    free(memory);
    return 0;
}
