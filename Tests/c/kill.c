/* A process that is killed while it writes checkpoints leaves one that loads, and training goes on from it to the bit.
 *
 *   kill [COUNT]     20 kills; the record of the project is made with 200
 *
 * A child trains and writes a checkpoint after each step. The parent kills it after a random time, loads what is
 * there, compares it with a trainer of its own that nobody interrupts, and starts the next child from it. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

enum { width = 128, hidden = 512, samples = 64, batch_size = 2, kept = 3 };

static char folder[] = "/tmp/tp-kill-XXXXXX";
static char path[64], temporary[80], older[kept][80];
static int64_t stop_at;

static tp_dataset *make_dataset(void) {
    static float x[samples * width];
    static int32_t labels[samples];
    tp_dataset *dataset = NULL;
    uint32_t state = 1;
    for (int i = 0; i < samples * width; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / 8388608.0f - 1;
    }
    for (int i = 0; i < samples; i++) labels[i] = i % 7;
    MUST(tp_dataset_from_labels(&dataset, x, width, labels, samples, 7));
    return dataset;
}

static tp_trainer *make_trainer(void) {
    static const int32_t widths[] = {width, hidden, hidden, 7};
    tp_trainer *trainer = NULL;
    tp_model *model = NULL;
    tp_optimizer_config config;
    MUST(tp_model_create_mlp(&model, widths, 4, NULL));
    MUST(tp_optimizer_config_init(&config, sizeof config));
    config.optimizer = TP_OPTIMIZER_ADAM;
    config.learning_rate = 1e-4;
    MUST(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, &config));
    tp_model_free(model);
    return trainer;
}

static int32_t stop_in_time(const tp_event *event, void *user_data) {
    (void)user_data;
    return event->kind == TP_EVENT_STEP && event->step == stop_at;
}

/* The same run in parent and child, but for the checkpoints. */
static tp_status run(tp_trainer *trainer, const tp_dataset *dataset, int writes) {
    static const int32_t epochs[] = {0, 2, 5, 9, 30, 100, 101, 200};
    tp_run_config config;
    tp_teleport_config teleport;
    MUST(tp_run_config_init(&config, sizeof config));
    MUST(tp_teleport_config_init(&teleport, sizeof teleport));
    teleport.search = TP_SEARCH_RANDOM;
    teleport.candidates = 2;
    teleport.radius = 0.1;
    config.epochs = 1000000;
    config.batch_size = batch_size;
    config.progress_interval = 1;
    config.teleport = &teleport;
    config.teleport_epochs = epochs;
    config.teleport_epoch_count = sizeof epochs / sizeof *epochs;
    if (writes) {
        config.checkpoint_path = path;
        config.checkpoint_steps = 1;
        config.checkpoint_keep = kept;
    }
    return tp_trainer_run(trainer, dataset, NULL, &config, stop_in_time, NULL);
}

static int child(const char *place) {
    tp_trainer *trainer = NULL;
    snprintf(path, sizeof path, "%s", place);
    MUST(tp_set_thread_count(1));
    stop_at = -1;
    if (access(path, F_OK)) {
        trainer = make_trainer();
    } else {
        MUST(tp_trainer_load(&trainer, path));
    }
    tp_dataset *dataset = make_dataset();
    if (write(STDOUT_FILENO, "r", 1) != 1) return 3;
    return run(trainer, dataset, 1) != TP_OK;
}

/* Starts a child, waits until it trains, and kills it `delay` later. */
static int kill_one(const char *program, long microseconds) {
    int ready[2], status = 0;
    char byte;
    if (pipe(ready)) return 0;
    pid_t process = fork();
    if (process == 0) {
        dup2(ready[1], STDOUT_FILENO);
        close(ready[0]);
        close(ready[1]);
        execl(program, program, "child", path, (char *)NULL);
        _exit(127);
    }
    close(ready[1]);
    if (process < 0 || read(ready[0], &byte, 1) != 1) return 0;
    struct timespec wait = {microseconds / 1000000, microseconds % 1000000 * 1000};
    nanosleep(&wait, NULL);
    kill(process, SIGKILL);
    close(ready[0]);
    return waitpid(process, &status, 0) == process && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static int same(const tp_trainer *a, const tp_trainer *b) {
    tp_model *first = NULL, *second = NULL;
    MUST(tp_trainer_model(&first, a));
    MUST(tp_trainer_model(&second, b));
    float *parameters = fixture_parameters(first);
    int equal = fixture_equals(second, parameters);
    free(parameters);
    tp_model_free(first);
    tp_model_free(second);
    return equal;
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "child")) return child(argv[2]);
    int count = argc > 1 ? atoi(argv[1]) : 20, inside = 0, loaded = 0, equal = 0, beside = 0;
    unsigned seed = (unsigned)time(NULL);
    if (!mkdtemp(folder) || count < 1) return 2;
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    for (int i = 1; i < kept; i++) snprintf(older[i], sizeof older[i], "%s.%d", path, i);
    MUST(tp_set_thread_count(1));
    tp_dataset *dataset = make_dataset();
    tp_trainer *whole = make_trainer(), *last = NULL;
    int64_t step = -1;
    printf("seed %u\n", seed);
    srand(seed);
    for (int i = 0; i < count; i++) {
        /* The first child gets the time to write one checkpoint. */
        CHECK(kill_one(argv[0], i == 0 ? 500000 : 5000 + rand() % 60000));
        inside += access(temporary, F_OK) == 0;
        tp_trainer_free(last);
        last = NULL;
        if (CHECK_EQUAL(tp_trainer_load(&last, path), TP_OK)) loaded++;
        if (!last) break;
        CHECK(tp_trainer_step_count(last) >= step);
        step = tp_trainer_step_count(last);
        if (tp_trainer_step_count(whole) < step) {
            stop_at = step;
            CHECK_EQUAL(run(whole, dataset, 0), TP_STOPPED);
        }
        if (CHECK(same(whole, last))) equal++;
        for (int old = 1; old < kept; old++) {
            tp_trainer *before = NULL;
            if (access(older[old], F_OK)) continue;
            CHECK_EQUAL(tp_trainer_load(&before, older[old]), TP_OK);
            CHECK(tp_trainer_step_count(before) <= step);
            tp_trainer_free(before);
            beside++;
        }
    }
    /* Two more epochs on both sides, with checkpoints on the one. */
    stop_at = step + 2 * samples / batch_size + 1;
    CHECK_EQUAL(run(whole, dataset, 0), TP_STOPPED);
    if (last) CHECK_EQUAL(run(last, dataset, 1), TP_STOPPED);
    if (last) CHECK(same(whole, last));
    CHECK(access(temporary, F_OK) != 0);
    CHECK(inside * 2 >= count);
    printf("%d kills, %d inside a save; %d checkpoints loaded, %d older ones; "
           "%d equal to the run without a stop; %lld steps\n",
           count, inside, loaded, beside, equal, (long long)step);
    tp_trainer_free(whole);
    tp_trainer_free(last);
    tp_dataset_free(dataset);
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(system(command) == 0);
    return check_finish();
}
