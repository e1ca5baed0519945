/* A process that has trained with several threads forks: the child, which has none of them, goes on training and
 * gets the same weights to the bit as the parent. */
#define _POSIX_C_SOURCE 200809L
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

enum { width = 256, count = 1024 };
static float x[count * width];
static int32_t labels[count];

static double sum_after_steps(const tp_model *start) {
    tp_batch batch = {.x = x, .x_width = width, .labels = labels, .count = count};
    tp_model *model = NULL;
    tp_trainer *trainer = NULL;
    double sum = 0;
    MUST(tp_model_clone(&model, start));
    MUST(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, NULL));
    for (int i = 0; i < 20; i++) MUST(tp_trainer_step(trainer, &batch, NULL));
    float *parameters = fixture_parameters(model);
    for (int64_t i = 0; i < tp_model_parameter_count(model); i++) sum += parameters[i];
    free(parameters);
    tp_trainer_free(trainer);
    tp_model_free(model);
    return sum;
}

int main(void) {
    static const int32_t widths[] = {width, 256, 10};
    tp_model *model;
    int ends[2], status = -1;
    double parent, child = 0;

    for (int i = 0; i < count * width; i++) x[i] = (float)(i * 7919 % 1000) / 500 - 1;
    for (int i = 0; i < count; i++) labels[i] = i % 10;
    MUST(tp_set_thread_count(4));
    MUST(tp_model_create_mlp(&model, widths, 3, NULL));
    parent = sum_after_steps(model);
    if (!CHECK(pipe(ends) == 0)) return check_finish();
    fflush(stdout);
    pid_t process = fork();
    if (process == 0) {
        alarm(60);
        child = sum_after_steps(model);
        _exit(write(ends[1], &child, sizeof child) == sizeof child ? 0 : 1);
    }
    CHECK(process > 0);
    CHECK(waitpid(process, &status, 0) == process);
    CHECK_EQUAL(status, 0);
    CHECK(status != 0 || read(ends[0], &child, sizeof child) == sizeof child);
    CHECK(child == parent);
    CHECK(sum_after_steps(model) == parent);
    tp_model_free(model);
    return check_finish();
}
