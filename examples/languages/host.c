/* The exclusive or of two inputs, as the hosts in other languages train it: all print the same loss.
 * cc host.c -o host $(pkg-config --cflags --libs teleport) */
#include <stdio.h>
#include <teleport.h>

int main(void) {
    const float x[] = {0, 0, 0, 1, 1, 0, 1, 1}, y[] = {0, 1, 1, 0};
    const int32_t widths[] = {2, 8, 1};
    const tp_batch batch = {.x = x, .x_width = 2, .targets = y, .target_width = 1, .count = 4};
    tp_model *model = NULL;
    tp_trainer *trainer = NULL;
    double loss = 0;
    int bad = tp_model_create_mlp(&model, widths, 3, NULL) < 0 ||
              tp_trainer_create(&trainer, model, TP_LOSS_MEAN_SQUARED_ERROR, NULL) < 0;
    for (int step = 0; step < 500 && !bad; step++) bad = tp_trainer_step(trainer, &batch, &loss) < 0;
    printf("%.17g %s\n", loss, bad ? tp_error_message() : "");
    tp_trainer_free(trainer);
    tp_model_free(model);
    return bad;
}
