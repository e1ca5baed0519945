/* With RLIMIT_AS anywhere from just above the size at the start to what the work needs: each call ends with a status,
 * TP_OK or TP_ERROR_OUT_OF_MEMORY, in time. Never a crash, never a loop. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

static char folder[] = "/tmp/tp-space-XXXXXX";
static char path[64];
static int failures;

static int taken(tp_status status) {
    if (status == TP_ERROR_OUT_OF_MEMORY) failures++;
    if (status != TP_OK && status != TP_ERROR_OUT_OF_MEMORY) {
        printf("status %d: %s\n", status, tp_error_message());
        fflush(stdout);
        _exit(3);
    }
    return status == TP_OK;
}

/* A little of everything, on two threads, with weights of 1 MB and batches of 2 MB. */
static int work(void) {
    enum { count = 1024, width = 512 };
    static const int32_t widths[] = {width, 512, 8};
    static float x[count * width], out[count * 8];
    static int32_t labels[count];
    tp_model *model = NULL, *clone = NULL, *read = NULL;
    tp_dataset *dataset = NULL, *first = NULL, *second = NULL;
    tp_trainer *trainer = NULL, *continued = NULL;
    tp_run_config run;
    tp_teleport_config teleport;
    tp_metrics metrics;
    for (int i = 0; i < count * width; i++) x[i] = (float)(i % 251) / 125 - 1;
    for (int i = 0; i < count; i++) labels[i] = i % 8;
    MUST(tp_set_thread_count(2));
    MUST(tp_run_config_init(&run, sizeof run));
    MUST(tp_teleport_config_init(&teleport, sizeof teleport));
    MUST(tp_metrics_init(&metrics, sizeof metrics));
    run.batch_size = 256;
    run.checkpoint_path = path;
    run.teleport = &teleport;
    teleport.rollout_steps = 3;
    if (taken(tp_dataset_from_labels(&dataset, x, width, labels, count, 8))) {
        if (taken(tp_dataset_split(&first, &second, dataset, 0.25, 1, 1))) {
            tp_dataset_free(first);
            tp_dataset_free(second);
        }
    }
    if (taken(tp_model_create_mlp(&model, widths, 3, NULL))) {
        taken(tp_model_clone(&clone, model));
        taken(tp_model_predict(model, x, width, count, TP_OUTPUT_RAW, out, count * 8));
        if (dataset) taken(tp_model_evaluate(model, dataset, TP_LOSS_CROSS_ENTROPY, &metrics));
        if (taken(tp_model_save(model, path))) taken(tp_model_load(&read, path, NULL));
        if (dataset && taken(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, NULL))) {
            if (taken(tp_trainer_run(trainer, dataset, dataset, &run, NULL, NULL))) {
                taken(tp_trainer_load(&continued, path));
            }
        }
    }
    tp_trainer_free(trainer);
    tp_trainer_free(continued);
    tp_model_free(model);
    tp_model_free(clone);
    tp_model_free(read);
    tp_dataset_free(dataset);
    return failures > 0;
}

/* The child's exit status, or minus the signal that ended it. */
static int in_child(long extra_kilobytes) {
    int status = 0;
    pid_t process = fork();
    if (process == 0) {
        long pages = 0;
        struct rlimit limit;
        FILE *file = fopen("/proc/self/statm", "r");
        if (!file || fscanf(file, "%ld", &pages) != 1) _exit(4);
        fclose(file);
        getrlimit(RLIMIT_AS, &limit);
        limit.rlim_cur = (rlim_t)(pages * sysconf(_SC_PAGESIZE) + extra_kilobytes * 1024);
        if (setrlimit(RLIMIT_AS, &limit)) _exit(4);
        alarm(60);
        _exit(work());
    }
    if (process < 0 || waitpid(process, &status, 0) != process) return 5;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int main(void) {
    int failed = 0, succeeded = 0;
    if (!mkdtemp(folder)) return 2;
    snprintf(path, sizeof path, "%s/model", folder);
    /* Small steps where small blocks fail, large ones where BLAS takes 128 MiB a thread. */
    for (long extra = 0; extra < 640 << 10; extra += extra < 1024 ? 64 : extra < 8192 ? 512 : 12288) {
        int status = in_child(extra);
        if (!CHECK(status == 0 || status == 1)) printf("%ld kB above the start: %d\n", extra, status);
        failed += status == 1;
        succeeded += status == 0;
    }
    CHECK(failed > 10);
    CHECK(succeeded > 3);
    printf("%d limits with failures, %d without\n", failed, succeeded);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(system(command) == 0);
    return check_finish();
}
