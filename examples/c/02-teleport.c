/* Trains the same net twice from the same weights, the second time after one teleport: the loss on the batch and
 * the outputs stay what they are, the gradient changes, and so does what the steps that follow achieve. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <teleport.h>

#define TRY(call) do { if ((call) < 0) { fprintf(stderr, "%s\n", tp_error_message()); exit(1); } } while (0)

enum { count = 200, steps = 200 };

/* Two classes: inside and outside a circle. */
static void make_points(float *x, int32_t *labels) {
    uint32_t state = 1;
    for (int i = 0; i < 2 * count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / 8388608.0f - 1;
    }
    for (int i = 0; i < count; i++) labels[i] = x[2 * i] * x[2 * i] + x[2 * i + 1] * x[2 * i + 1] < 0.6f;
}

static double train(const tp_model *start, const tp_batch *batch, int with_teleport) {
    tp_model *model;
    tp_trainer *trainer;
    double loss;

    TRY(tp_model_clone(&model, start));
    TRY(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, NULL)); /* SGD at rate 0.01 */
    if (with_teleport) {
        tp_teleport_report report = {.struct_size = sizeof report};
        TRY(tp_trainer_teleport(trainer, batch, NULL, &report));
        printf("teleport: %s, radius %g\n", tp_teleport_outcome_string(report.outcome), report.radius);
        printf("  loss              %.9f -> %.9f\n", report.loss_before, report.loss_after);
        printf("  |gradient|^2      %.4g -> %.4g\n", report.gradient_norm2_before, report.gradient_norm2_after);
        printf("  change of outputs %.1e of their range\n", report.output_change);
    }
    for (int step = 0; step < steps; step++) TRY(tp_trainer_step(trainer, batch, NULL));
    TRY(tp_model_loss(model, batch, TP_LOSS_CROSS_ENTROPY, &loss));
    tp_trainer_free(trainer);
    tp_model_free(model);
    return loss;
}

int main(void) {
    static float x[2 * count];
    static int32_t labels[count];
    const int32_t widths[] = {2, 16, 16, 2};
    const tp_batch batch = {.x = x, .x_width = 2, .labels = labels, .count = count};
    tp_model *start;

    make_points(x, labels);
    TRY(tp_model_create_mlp(&start, widths, 4, NULL));
    double plain = train(start, &batch, 0);
    double teleported = train(start, &batch, 1);
    printf("loss after %d steps: %.4f without the teleport, %.4f with it\n", steps, plain, teleported);
    tp_model_free(start);
    return isfinite(teleported) && teleported <= plain ? EXIT_SUCCESS : EXIT_FAILURE;
}
