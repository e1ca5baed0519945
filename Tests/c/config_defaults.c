/* Every _init fills the defaults that the header documents, and nothing past its struct. */
#include <math.h>
#include <teleport.h>

#include "check.h"

/* Fills with rubbish first, so that a field left alone shows. */
#define INIT(type, name)            \
    type name;                      \
    memset(&name, 0xA5, sizeof name); \
    CHECK_EQUAL(type##_init(&name, sizeof name), TP_OK); \
    CHECK_EQUAL(name.struct_size, sizeof name)

int main(void) {
    INIT(tp_model_config, model);
    CHECK_EQUAL(model.activation, TP_ACTIVATION_LEAKY_RELU);
    CHECK(model.negative_slope == 0.01f);
    CHECK_EQUAL(model.bias, 1);
    CHECK_EQUAL(model.initialization, TP_INITIALIZATION_GLOROT_UNIFORM);
    CHECK(model.seed == 0);

    INIT(tp_image_config, image);
    CHECK_EQUAL(image.channels, 0);
    CHECK_EQUAL(image.height, 0);
    CHECK_EQUAL(image.width, 0);
    CHECK_EQUAL(image.resampling, TP_RESAMPLING_BILINEAR);
    CHECK_EQUAL(image.bad_image, TP_BAD_IMAGE_FAIL);
    CHECK_EQUAL(image.allow_empty_classes, 0);
    CHECK_EQUAL(image.flat, 0);
    for (int i = 0; i < 3; i++) CHECK_EQUAL(image.background[i], 0);
    for (int i = 0; i < 4; i++) CHECK(image.mean[i] == 0 && image.std[i] == 1);
    CHECK(image.class_names == NULL);
    CHECK_EQUAL(image.class_count, 0);
    CHECK_EQUAL(image.nested_classes, 0);
    CHECK_EQUAL(image.reserved, 0);
    CHECK_EQUAL(image.max_width, 65535);
    CHECK_EQUAL(image.max_height, 65535);
    CHECK_EQUAL(image.max_pixels, 1 << 26);
    CHECK_EQUAL(image.max_chunk_bytes, 8 << 20);
    CHECK_EQUAL(image.keep, TP_KEEP_PIXELS);
    CHECK_EQUAL(image.keep_bytes, 1 << 28);
    CHECK_EQUAL(image.normalize, 0);

    INIT(tp_augment_config, augment);
    CHECK(augment.flip == 0 && augment.flip_vertical == 0 && augment.crop == 1 && augment.stretch == 1);
    CHECK(augment.shift == 0 && augment.reserved == 0 && augment.seed == 0 && augment.epoch == 0);

    INIT(tp_metrics, metrics);
    CHECK(metrics.correct == 0 && metrics.count == 0);

    INIT(tp_teleport_config, teleport);
    CHECK_EQUAL(teleport.group, TP_GROUP_SCALING);
    CHECK_EQUAL(teleport.search, TP_SEARCH_LOOKAHEAD);
    CHECK_EQUAL(teleport.objective, TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE);
    CHECK_EQUAL(teleport.state, TP_STATE_KEEP);
    CHECK(teleport.radius == 0);
    CHECK_EQUAL(teleport.steps, 0);
    CHECK_EQUAL(teleport.candidates, 1000);
    CHECK_EQUAL(teleport.layer, TP_LAYER_ALL);
    CHECK_EQUAL(teleport.rollout_steps, 30);
    CHECK_EQUAL(teleport.rollout_batch, 32);
    CHECK_EQUAL(teleport.exact, 0);
    CHECK(teleport.learning_rate == 0);
    CHECK(teleport.loss_tolerance == 1e-5);
    CHECK(teleport.held_out_tolerance == 0.05);
    CHECK(teleport.held_out == NULL);
    CHECK(teleport.seed == 0);
    CHECK_EQUAL(teleport.sampler, TP_SAMPLER_EXPONENTIAL);
    CHECK_EQUAL(teleport.perturbations, 4);
    CHECK(teleport.perturbation_norms == NULL);
    CHECK_EQUAL(teleport.perturbation_norm_count, 0);
    CHECK_EQUAL(teleport.curves, 8);
    CHECK_EQUAL(teleport.reserved, 0);
    CHECK(teleport.null_tolerance == 1e-6);

    INIT(tp_teleport_report, report);
    CHECK_EQUAL(report.accepted, 0);
    CHECK_EQUAL(report.outcome, TP_TELEPORT_NONE);
    CHECK_EQUAL(report.reserved, 0);

    INIT(tp_optimizer_config, optimizer);
    CHECK_EQUAL(optimizer.optimizer, TP_OPTIMIZER_SGD);
    CHECK_EQUAL(optimizer.reserved, 0);
    CHECK(optimizer.learning_rate == 0.01);
    CHECK(optimizer.momentum == 0.9 && optimizer.beta1 == 0.9 && optimizer.beta2 == 0.999);
    CHECK(optimizer.alpha == 0.99);
    CHECK(optimizer.epsilon == -1 && optimizer.weight_decay == -1 && optimizer.clip_norm == 0);
    CHECK(optimizer.initial_radius == 0);
    CHECK_EQUAL(optimizer.dog_layerwise, 1);
    CHECK_EQUAL(optimizer.average, TP_AVERAGE_DEFAULT);
    CHECK(optimizer.label_smoothing == 0);

    INIT(tp_frame_config, frames);
    CHECK_EQUAL(frames.kind, TP_FRAME_WHITEN);
    CHECK_EQUAL(frames.input, TP_FRAME_INPUT_CENTRE);
    CHECK_EQUAL(frames.every, 200);
    CHECK_EQUAL(frames.early_every, 25);
    CHECK_EQUAL(frames.early_steps, 200);
    CHECK_EQUAL(frames.samples, 512);
    CHECK(frames.damping == 1);
    CHECK_EQUAL(frames.warmup_steps, 100);
    CHECK_EQUAL(frames.outputs, 0);
    CHECK_EQUAL(frames.reserved, 0);
    INIT(tp_frame_report, frame_report);
    CHECK_EQUAL(frame_report.framed, 0);
    CHECK_EQUAL(frame_report.renewed, 0);
    CHECK_EQUAL(frame_report.size, 0);
    CHECK_EQUAL(frame_report.rank, 0);
    CHECK(isnan(frame_report.condition_before) && isnan(frame_report.condition_after));
    CHECK(frame_report.reason == NULL);
    CHECK_EQUAL(frames.rank, 64);
    CHECK_EQUAL(frames.input_rank, 16);

    INIT(tp_schedule_config, schedule);
    CHECK_EQUAL(schedule.schedule, TP_SCHEDULE_CONSTANT);
    CHECK_EQUAL(schedule.reserved, 0);
    CHECK_EQUAL(schedule.warmup_steps, 0);
    CHECK_EQUAL(schedule.interval, 1000);
    CHECK(schedule.factor == 0.1 && schedule.floor == 0);
    CHECK(schedule.rate == NULL && schedule.user_data == NULL);

    INIT(tp_run_config, run);
    CHECK_EQUAL(run.epochs, 1);
    CHECK_EQUAL(run.batch_size, 32);
    CHECK(run.seed == 0);
    CHECK_EQUAL(run.shuffle, 1);
    CHECK_EQUAL(run.drop_last, 0);
    CHECK(run.teleport == NULL && run.teleport_epochs == NULL && run.stop_flag == NULL);
    CHECK_EQUAL(run.teleport_epoch_count, 0);
    CHECK_EQUAL(run.teleports_per_epoch, 1);
    CHECK_EQUAL(run.teleport_samples, 2048);
    CHECK_EQUAL(run.watch_steps, 200);
    CHECK_EQUAL(run.progress_interval, 0);
    CHECK(run.checkpoint_path == NULL && run.checkpoint_seconds == 0);
    CHECK_EQUAL(run.checkpoint_steps, 0);
    CHECK_EQUAL(run.checkpoint_keep, 1);
    CHECK_EQUAL(run.finish, TP_FINISH_DEFAULT);
    CHECK_EQUAL(run.centring, TP_CENTRING_DEFAULT);
    CHECK_EQUAL(run.reserved, 0);
    CHECK(run.frames == NULL);
    CHECK(run.class_weights == NULL);
    CHECK_EQUAL(run.class_weight_count, 0);
    CHECK_EQUAL(run.balance_classes, 0);
    CHECK_EQUAL(run.patience, 0);
    CHECK(run.min_delta == 0 && run.result == NULL);
    CHECK(run.augment == NULL);

    INIT(tp_run_result, result);
    CHECK(result.epochs == 0 && result.best_epoch == -1 && result.stopped_early == 0 && result.reserved == 0);
    CHECK(isnan(result.best_valid_loss) && isnan(result.best_valid_accuracy));

    INIT(tp_plane_function, function);
    CHECK(!function.value && !function.gradient && !function.to_uv && !function.from_uv && !function.hessian &&
          !function.from_uv_jacobian && !function.user_data);

    INIT(tp_plane_config, plane);
    CHECK_EQUAL(plane.steps, 1000);
    CHECK_EQUAL(plane.theta_steps, 10);
    CHECK(plane.learning_rate == 1e-3 && plane.theta_learning_rate == 0.1 && plane.loss_tolerance == 1e-9);
    CHECK(plane.teleport_steps == NULL && plane.theta_starts == NULL && plane.seed == 0);
    CHECK_EQUAL(plane.teleport_step_count + plane.theta_start_count, 0);

    INIT(tp_plane_report, plane_report);
    CHECK_EQUAL(plane_report.accepted, 0);
    CHECK_EQUAL(plane_report.outcome, TP_TELEPORT_NONE);

    return check_finish();
}
