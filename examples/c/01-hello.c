/* Trains a net on four points: the exclusive or of two inputs. */
#include <stdio.h>
#include <stdlib.h>
#include <teleport.h>

#define TRY(call) do { if ((call) < 0) { fprintf(stderr, "%s\n", tp_error_message()); exit(1); } } while (0)

int main(void) {
    const float x[] = {0, 0, 0, 1, 1, 0, 1, 1}, y[] = {0, 1, 1, 0};
    const int32_t widths[] = {2, 8, 1};
    const tp_batch batch = {.x = x, .x_width = 2, .targets = y, .target_width = 1, .count = 4};
    tp_model *model;
    tp_trainer *trainer;
    double loss = 0;
    float out[4];

    TRY(tp_model_create_mlp(&model, widths, 3, NULL));
    TRY(tp_trainer_create(&trainer, model, TP_LOSS_MEAN_SQUARED_ERROR, NULL));
    TRY(tp_trainer_set_learning_rate(trainer, 0.2));
    for (int step = 0; step < 2000; step++) TRY(tp_trainer_step(trainer, &batch, &loss));
    TRY(tp_model_predict(model, x, 2, 4, TP_OUTPUT_RAW, out, 4));
    for (int i = 0; i < 4; i++) printf("%g xor %g = %.3f\n", x[2 * i], x[2 * i + 1], out[i]);
    tp_trainer_free(trainer);
    tp_model_free(model);
    return loss < 0.01 ? EXIT_SUCCESS : EXIT_FAILURE;
}
