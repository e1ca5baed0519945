/* Every group, search and objective on one net, one line each: what is set besides the defaults, and what came of it.
 * What does not fit together is refused with a sentence that says why. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <teleport.h>

#define TRY(call) do { if ((call) < 0) { fprintf(stderr, "%s\n", tp_error_message()); exit(1); } } while (0)

/* Few samples, many inputs: that leaves the moves that depend on data room to keep the loss. */
enum { count = 12, inputs = 40, classes = 3 };

typedef struct {
    const char *name;
    int32_t group, search, objective;
} example;

static const example examples[] = {
    {"scaling, lookahead", TP_GROUP_SCALING, TP_SEARCH_LOOKAHEAD, TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE},
    {"scaling, ascent", TP_GROUP_SCALING, TP_SEARCH_ASCENT, TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE},
    {"scaling, ascent, gradient norm down", TP_GROUP_SCALING, TP_SEARCH_ASCENT, TP_OBJECTIVE_GRADIENT_NORM_MINIMIZE},
    {"scaling, ascent, sharpness down", TP_GROUP_SCALING, TP_SEARCH_ASCENT, TP_OBJECTIVE_SHARPNESS_MINIMIZE},
    {"scaling, random, curvature up", TP_GROUP_SCALING, TP_SEARCH_RANDOM, TP_OBJECTIVE_CURVATURE_MAXIMIZE},
    {"scaling, path conditioning", TP_GROUP_SCALING, TP_SEARCH_ASCENT, TP_OBJECTIVE_PATH_CONDITIONING},
    {"scaling, equal norms", TP_GROUP_SCALING, TP_SEARCH_ASCENT, TP_OBJECTIVE_EQUAL_NORMS},
    {"linear, lookahead", TP_GROUP_LINEAR, TP_SEARCH_LOOKAHEAD, TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE},
    {"linear, ascent", TP_GROUP_LINEAR, TP_SEARCH_ASCENT, TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE},
    {"linear, ascent, sharpness up", TP_GROUP_LINEAR, TP_SEARCH_ASCENT, TP_OBJECTIVE_SHARPNESS_MAXIMIZE},
    {"linear, random", TP_GROUP_LINEAR, TP_SEARCH_RANDOM, TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE},
    {"linear, random, curvature down", TP_GROUP_LINEAR, TP_SEARCH_RANDOM, TP_OBJECTIVE_CURVATURE_MINIMIZE},
    {"linear, random, by rollouts", TP_GROUP_LINEAR, TP_SEARCH_RANDOM, TP_OBJECTIVE_LOOKAHEAD},
    {"null space, ascent", TP_GROUP_NULL_SPACE, TP_SEARCH_ASCENT, TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE},
    {"null space, lookahead", TP_GROUP_NULL_SPACE, TP_SEARCH_LOOKAHEAD, TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE},
    {"level set, ascent", TP_GROUP_LEVEL_SET, TP_SEARCH_ASCENT, TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE},
    {"level set, lookahead", TP_GROUP_LEVEL_SET, TP_SEARCH_LOOKAHEAD, TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE},
    {"linear, ascent, curvature up", TP_GROUP_LINEAR, TP_SEARCH_ASCENT, TP_OBJECTIVE_CURVATURE_MAXIMIZE},
    {"null space, random", TP_GROUP_NULL_SPACE, TP_SEARCH_RANDOM, TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE},
};

int main(void) {
    static float x[count * inputs];
    int32_t labels[count];
    const int32_t widths[] = {inputs, 32, 24, classes};
    const tp_batch batch = {.x = x, .x_width = inputs, .labels = labels, .count = count};
    tp_model_config net;
    tp_model *start;
    uint32_t state = 1;
    int accepted = 0, wrong = 0;

    for (int i = 0; i < count * inputs; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / 8388608.0f - 1;
    }
    for (int i = 0; i < count; i++) labels[i] = i % classes;
    TRY(tp_model_config_init(&net, sizeof net));
    net.negative_slope = 0.1f;
    TRY(tp_model_create_mlp(&start, widths, 4, &net));

    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        tp_teleport_config config;
        tp_teleport_report report = {.struct_size = sizeof report};
        tp_model *model;

        TRY(tp_teleport_config_init(&config, sizeof config));
        config.group = examples[i].group;
        config.search = examples[i].search;
        config.objective = examples[i].objective;
        config.candidates = 100;
        config.learning_rate = 0.1;      /* of the rollouts; a trainer uses its own */
        config.held_out_tolerance = -1;  /* twelve samples say nothing about others: off */

        TRY(tp_model_clone(&model, start));
        if (tp_model_check_teleport(model, &config) < 0) {
            printf("%-36s refused: %s\n", examples[i].name, tp_error_message());
        } else {
            TRY(tp_model_teleport(model, &batch, TP_LOSS_CROSS_ENTROPY, &config, &report));
            printf("%-36s %s; loss %.6f -> %.6f, objective %.3g -> %.3g\n", examples[i].name,
                   tp_teleport_outcome_string(report.outcome), report.loss_before, report.loss_after,
                   report.objective_before, report.objective_after);
            accepted += report.accepted;
            wrong += fabs(report.loss_after - report.loss_before) > 1e-4 * report.loss_before;
        }
        tp_model_free(model);
    }
    tp_model_free(start);
    return accepted >= 10 && wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
