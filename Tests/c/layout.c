/* Prints sizes and offsets of every struct and the values of every enum of the header as JSON, for hosts that
 * describe them a second time (ctypes). A test compares the names here with those in the header. */
#include <stdio.h>
#include <teleport.h>

static const char *separator = "";

#define STRUCT(type) printf("%s\n    \"%s\": {\"size\": %zu, \"fields\": {", separator, #type, sizeof(type)), separator = ""
#define FIELD(type, field) \
    printf("%s\"%s\": [%zu, %zu]", separator, #field, offsetof(type, field), sizeof(((type *)0)->field)), \
        separator = ", "
#define END_STRUCT() printf("}}"), separator = ","
#define VALUE(name) printf("%s\n    \"%s\": %d", separator, #name, (int)(name)), separator = ","

int main(void) {
    printf("{\n  \"structs\": {");
    STRUCT(tp_batch);
    FIELD(tp_batch, x);
    FIELD(tp_batch, x_width);
    FIELD(tp_batch, labels);
    FIELD(tp_batch, targets);
    FIELD(tp_batch, target_width);
    FIELD(tp_batch, weights);
    FIELD(tp_batch, count);
    END_STRUCT();

    STRUCT(tp_model_config);
    FIELD(tp_model_config, struct_size);
    FIELD(tp_model_config, activation);
    FIELD(tp_model_config, negative_slope);
    FIELD(tp_model_config, bias);
    FIELD(tp_model_config, initialization);
    FIELD(tp_model_config, seed);
    END_STRUCT();

    STRUCT(tp_image_config);
    FIELD(tp_image_config, struct_size);
    FIELD(tp_image_config, channels);
    FIELD(tp_image_config, height);
    FIELD(tp_image_config, width);
    FIELD(tp_image_config, resampling);
    FIELD(tp_image_config, bad_image);
    FIELD(tp_image_config, allow_empty_classes);
    FIELD(tp_image_config, flat);
    FIELD(tp_image_config, background);
    FIELD(tp_image_config, mean);
    FIELD(tp_image_config, std);
    FIELD(tp_image_config, class_names);
    FIELD(tp_image_config, class_count);
    FIELD(tp_image_config, max_width);
    FIELD(tp_image_config, max_height);
    FIELD(tp_image_config, max_pixels);
    FIELD(tp_image_config, max_chunk_bytes);
    END_STRUCT();

    STRUCT(tp_metrics);
    FIELD(tp_metrics, struct_size);
    FIELD(tp_metrics, loss);
    FIELD(tp_metrics, accuracy);
    FIELD(tp_metrics, correct);
    FIELD(tp_metrics, count);
    END_STRUCT();

    STRUCT(tp_teleport_config);
    FIELD(tp_teleport_config, struct_size);
    FIELD(tp_teleport_config, group);
    FIELD(tp_teleport_config, search);
    FIELD(tp_teleport_config, objective);
    FIELD(tp_teleport_config, state);
    FIELD(tp_teleport_config, radius);
    FIELD(tp_teleport_config, steps);
    FIELD(tp_teleport_config, candidates);
    FIELD(tp_teleport_config, layer);
    FIELD(tp_teleport_config, rollout_steps);
    FIELD(tp_teleport_config, rollout_batch);
    FIELD(tp_teleport_config, exact);
    FIELD(tp_teleport_config, learning_rate);
    FIELD(tp_teleport_config, loss_tolerance);
    FIELD(tp_teleport_config, held_out_tolerance);
    FIELD(tp_teleport_config, held_out);
    FIELD(tp_teleport_config, seed);
    END_STRUCT();

    STRUCT(tp_teleport_report);
    FIELD(tp_teleport_report, struct_size);
    FIELD(tp_teleport_report, accepted);
    FIELD(tp_teleport_report, outcome);
    FIELD(tp_teleport_report, group);
    FIELD(tp_teleport_report, search);
    FIELD(tp_teleport_report, layer);
    FIELD(tp_teleport_report, halves_shared);
    FIELD(tp_teleport_report, steps);
    FIELD(tp_teleport_report, backtracks);
    FIELD(tp_teleport_report, candidates);
    FIELD(tp_teleport_report, refused);
    FIELD(tp_teleport_report, rank);
    FIELD(tp_teleport_report, reserved);
    FIELD(tp_teleport_report, radius);
    FIELD(tp_teleport_report, loss_before);
    FIELD(tp_teleport_report, loss_after);
    FIELD(tp_teleport_report, held_out_before);
    FIELD(tp_teleport_report, held_out_after);
    FIELD(tp_teleport_report, gradient_norm2_before);
    FIELD(tp_teleport_report, gradient_norm2_after);
    FIELD(tp_teleport_report, output_change);
    FIELD(tp_teleport_report, condition);
    FIELD(tp_teleport_report, fit_residual);
    FIELD(tp_teleport_report, score_before);
    FIELD(tp_teleport_report, score_after);
    FIELD(tp_teleport_report, seconds);
    END_STRUCT();

    STRUCT(tp_optimizer_config);
    FIELD(tp_optimizer_config, struct_size);
    FIELD(tp_optimizer_config, optimizer);
    FIELD(tp_optimizer_config, reserved);
    FIELD(tp_optimizer_config, learning_rate);
    END_STRUCT();

    STRUCT(tp_event);
    FIELD(tp_event, struct_size);
    FIELD(tp_event, kind);
    FIELD(tp_event, reserved);
    FIELD(tp_event, epoch);
    FIELD(tp_event, step);
    FIELD(tp_event, step_in_epoch);
    FIELD(tp_event, steps_per_epoch);
    FIELD(tp_event, loss);
    FIELD(tp_event, learning_rate);
    FIELD(tp_event, seconds);
    FIELD(tp_event, valid_loss);
    FIELD(tp_event, valid_accuracy);
    FIELD(tp_event, teleport);
    END_STRUCT();

    STRUCT(tp_run_config);
    FIELD(tp_run_config, struct_size);
    FIELD(tp_run_config, epochs);
    FIELD(tp_run_config, batch_size);
    FIELD(tp_run_config, seed);
    FIELD(tp_run_config, shuffle);
    FIELD(tp_run_config, drop_last);
    FIELD(tp_run_config, teleport);
    FIELD(tp_run_config, teleport_epochs);
    FIELD(tp_run_config, teleport_epoch_count);
    FIELD(tp_run_config, teleports_per_epoch);
    FIELD(tp_run_config, teleport_samples);
    FIELD(tp_run_config, watch_steps);
    FIELD(tp_run_config, progress_interval);
    FIELD(tp_run_config, stop_flag);
    END_STRUCT();

    printf("\n  },\n  \"enums\": {");
    separator = "";
    VALUE(TP_OK);
    VALUE(TP_STOPPED);
    VALUE(TP_ERROR);
    VALUE(TP_ERROR_INVALID_ARGUMENT);
    VALUE(TP_ERROR_OUT_OF_MEMORY);
    VALUE(TP_ERROR_BUFFER_TOO_SMALL);
    VALUE(TP_ERROR_SHAPE_MISMATCH);
    VALUE(TP_ERROR_BAD_STATE);
    VALUE(TP_ERROR_UNSUPPORTED);
    VALUE(TP_ERROR_NOT_FINITE);
    VALUE(TP_ERROR_LINEAR_ALGEBRA);
    VALUE(TP_ERROR_NOT_FOUND);
    VALUE(TP_ERROR_IO);
    VALUE(TP_ERROR_FORMAT);
    VALUE(TP_ERROR_VERSION);
    VALUE(TP_LOSS_CROSS_ENTROPY);
    VALUE(TP_LOSS_MEAN_SQUARED_ERROR);
    VALUE(TP_LOSS_HALF_SQUARED_ERROR);
    VALUE(TP_ACTIVATION_IDENTITY);
    VALUE(TP_ACTIVATION_LEAKY_RELU);
    VALUE(TP_ACTIVATION_RELU);
    VALUE(TP_ACTIVATION_SIGMOID);
    VALUE(TP_ACTIVATION_TANH);
    VALUE(TP_INITIALIZATION_GLOROT_UNIFORM);
    VALUE(TP_INITIALIZATION_HE_UNIFORM);
    VALUE(TP_INITIALIZATION_TORCH_LINEAR);
    VALUE(TP_INITIALIZATION_UNIFORM_01);
    VALUE(TP_OUTPUT_RAW);
    VALUE(TP_OUTPUT_PROBABILITIES);
    VALUE(TP_BAD_IMAGE_FAIL);
    VALUE(TP_BAD_IMAGE_SKIP);
    VALUE(TP_RESAMPLING_BILINEAR);
    VALUE(TP_RESAMPLING_AREA);
    VALUE(TP_GROUP_SCALING);
    VALUE(TP_SEARCH_LOOKAHEAD);
    VALUE(TP_SEARCH_ASCENT);
    VALUE(TP_SEARCH_RANDOM);
    VALUE(TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE);
    VALUE(TP_OBJECTIVE_GRADIENT_NORM_MINIMIZE);
    VALUE(TP_STATE_KEEP);
    VALUE(TP_TELEPORT_NONE);
    VALUE(TP_TELEPORT_ACCEPTED);
    VALUE(TP_TELEPORT_STAYED);
    VALUE(TP_TELEPORT_LOSS_CHANGED);
    VALUE(TP_TELEPORT_HELD_OUT_CHANGED);
    VALUE(TP_TELEPORT_NOT_FINITE);
    VALUE(TP_TELEPORT_UNDONE);
    VALUE(TP_TELEPORT_INEXACT);
    VALUE(TP_OPTIMIZER_SGD);
    VALUE(TP_EVENT_STEP);
    VALUE(TP_EVENT_EPOCH);
    VALUE(TP_EVENT_TELEPORT);
    printf("\n  }\n}\n");
    return 0;
}
