/* Every function of the ABI in any order on live handles, with good arguments, bad ones and NULL. Each call gives a
 * status of the header, and what it says it did, it did. */
#include "fuzz.h"

enum { model_slots = 4, dataset_slots = 3, trainer_slots = 3, room = 4096 };

static tp_model *models[model_slots];
static tp_dataset *datasets[dataset_slots];
static tp_trainer *trainers[trainer_slots];
static fuzz_bytes in;
static float x[room], y[room], out[room];
static double doubles[room];
static int32_t labels[room];
static char path[64];

static uint8_t byte(void) { return fuzz_byte(&in); }

/* Small numbers mostly, then the ones at which things break. */
static int64_t whole(void) {
    static const int64_t edges[] = {-1, 0, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1 << 24, 65537};
    uint8_t choice = byte();
    return choice < 224 ? choice % 17 : edges[choice % 8];
}

static int32_t small(void) { return (int32_t)(whole() & 0xffffffff); }

static double number(void) {
    static const double edges[] = {0, -1, 1e-320, 1e308, -1e30, 1e-40, 0.5, 1e38};
    uint8_t choice = byte();
    if (choice < 200) return (double)choice / 100;
    if (choice == 200) return (double)NAN;
    if (choice == 201) return (double)INFINITY;
    return edges[choice % 8];
}

static void fill(void) {
    uint32_t state = fuzz_word(&in);
    float odd = (float)number();
    uint8_t every = byte();
    for (int i = 0; i < room; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / 8388608.0f - 1;
        y[i] = x[i] * x[i];
        labels[i] = (int32_t)(state >> 28) % 4;
    }
    if (every & 1) x[every] = odd;
    if (every & 2) y[every] = odd;
    if (every & 4) labels[every % 16] = small();
    doubles[every] = number();
}

#define PICK(array) (array[byte() % (sizeof array / sizeof *array)])
#define PLACE(array) (&array[byte() % (sizeof array / sizeof *array)])
#define MAYBE(pointer) (byte() % 16 ? (pointer) : NULL)

static tp_batch batch(void) {
    tp_batch result = {.x = x};
    uint8_t choice = byte();
    result.x_width = whole();
    result.count = whole();
    if (choice & 1) result.labels = labels;
    if (choice & 2) result.targets = y, result.target_width = whole();
    if (choice & 4) result.weights = y;
    if (!(choice & 0xf0)) result.x = NULL;
    /* A pointer's extent is the host's promise. */
    if (result.count > 0 && (result.x_width > room || result.target_width > room || result.count > room ||
                             result.count * result.x_width > room || result.count * result.target_width > room)) {
        result.count = 1;
        if (result.x_width > room) result.x_width = 3;
        if (result.target_width > room) result.target_width = 3;
    }
    return result;
}

/* One that fits a model, mostly. */
static tp_batch fitting(const tp_model *model, tp_loss loss) {
    int32_t widths[1024];
    if (!model || byte() % 8 == 0 || tp_model_widths(model, widths, 1024)) return batch();
    int32_t outputs = widths[tp_model_layer_count(model)];
    tp_batch result = {.x = x, .x_width = widths[0], .count = 1 + byte() % 12};
    if (loss == TP_LOSS_CROSS_ENTROPY) {
        result.labels = labels;
    } else {
        result.targets = y;
        result.target_width = outputs;
    }
    if ((int64_t)widths[0] * result.count > room || (int64_t)outputs * result.count > room) return batch();
    return result;
}

static tp_teleport_config teleport(tp_batch *held_out) {
    tp_teleport_config config;
    static const double norms[] = {0.1, 0.5};
    REQUIRE(tp_teleport_config_init(&config, sizeof config) == TP_OK);
    config.group = byte() % 5;
    config.search = byte() % 4;
    config.objective = byte() % 10;
    config.state = byte() % 4;
    config.radius = number();
    config.steps = byte() % 5;
    config.candidates = 1 + byte() % 4;
    config.layer = byte() % 2 ? -1 : (int32_t)(byte() % 6) - 3;
    config.rollout_steps = 3 + byte() % 3;
    config.rollout_batch = 1 + byte() % 8;
    config.exact = byte() % 8 == 0;
    config.learning_rate = number();
    if (byte() % 8 == 0) config.loss_tolerance = number();
    if (byte() % 4 == 0) config.held_out_tolerance = number();
    if (byte() % 8 == 0) config.held_out = held_out;
    config.seed = fuzz_word(&in);
    config.sampler = byte() % 8 == 0 ? small() : 0;
    config.perturbations = 1 + byte() % 3;
    if (byte() % 2) config.perturbation_norms = norms, config.perturbation_norm_count = 1 + byte() % 2;
    config.curves = 1 + byte() % 3;
    if (byte() % 8 == 0) config.null_tolerance = number();
    if (byte() % 32 == 0) config.struct_size = (size_t)whole();
    if (config.struct_size > sizeof config) config.struct_size = sizeof config;
    return config;
}

static int all_finite(const tp_model *model) {
    if (tp_model_parameter_count(model) > room) return 1;
    REQUIRE(tp_model_get_parameters(model, out, room) == TP_OK);
    for (int64_t i = 0; i < tp_model_parameter_count(model); i++)
        if (!isfinite(out[i])) return 0;
    return 1;
}

static void make_model(void) {
    tp_model **place = PLACE(models);
    tp_model_config config;
    int32_t widths[6];
    size_t count = byte() % 7;
    int64_t weights = 0;
    REQUIRE(tp_model_config_init(&config, sizeof config) == TP_OK);
    config.activation = byte() % 6;
    config.negative_slope = (float)number();
    config.bias = byte() % 8 ? byte() % 2 : small();
    config.initialization = byte() % 5;
    config.seed = fuzz_word(&in);
    for (int i = 0; i < 6; i++) {
        widths[i] = byte() % 16 ? 1 + byte() % 12 : small();
        if (i && widths[i] > 0 && widths[i - 1] > 0) weights += (int64_t)widths[i] * widths[i - 1];
    }
    /* What could be had, but takes gigabytes, or seconds for a level-set ascent under the sanitizers (each step is a
     * gradient for every correction of every halving), is left to other tests. */
    if (weights > 1 << 17 && weights < INT64_MAX / 64) return;
    tp_model_free(*place);
    tp_status status = fuzz_check(tp_model_create_mlp(place, MAYBE(widths), count, MAYBE(&config)));
    REQUIRE((status == TP_OK) == (*place != NULL));
}

/* Parts of sets, samples at indices, and what a set is like. */
static void use_dataset(void) {
    tp_dataset *source = PICK(datasets), **place = PLACE(datasets), *made = NULL;
    tp_augment_config config;
    const int64_t indices[] = {0, whole(), byte() % 16, 0};
    const int64_t count = byte() % 5;
    float mean[4], std[4];
    int64_t counts[64];
    char text[256];
    size_t length;
    tp_status status = TP_OK;
    switch (byte() % 8) {
    case 0: status = tp_dataset_subset(&made, source, indices, count); break;
    case 1: status = tp_dataset_shuffled(&made, source, whole(), byte()); break;
    case 2: status = tp_dataset_normalized(&made, source, MAYBE(PICK(datasets))); break;
    case 3:
        REQUIRE(tp_augment_config_init(&config, sizeof config) == TP_OK);
        config.flip = number();
        config.flip_vertical = byte() % 2;
        config.crop = number();
        config.stretch = byte() % 2 ? number() : 2;
        config.shift = small();
        config.epoch = whole();
        fuzz_check(tp_dataset_gather(source, indices, count, MAYBE(&config), out, byte() % 2 ? room : byte(), labels,
                                     byte()));
        break;
    case 4: fuzz_check(tp_dataset_gather_targets(source, indices, count, out, room)); break;
    case 5: fuzz_check(tp_dataset_channel_statistics(source, mean, std, byte() % 5)); break;
    case 6:
        fuzz_check(tp_dataset_class_counts(source, counts, byte() % 65));
        fuzz_check(tp_dataset_normalization(source, mean, std, byte() % 5));
        break;
    default: fuzz_check(tp_dataset_summary(source, text, (size_t)byte() + 1, &length));
    }
    REQUIRE((fuzz_check(status) == TP_OK) || !made);
    if (!made) return;
    tp_dataset_free(*place);
    *place = made;
}

/* No bytes of its own, so that the corpus reads as before. */
static void use_images(tp_model *model, const tp_dataset *dataset, int32_t any) {
    const char *const paths[] = {path, "/nowhere/a.png"};
    tp_image_config config;
    REQUIRE(tp_image_config_init(&config, sizeof config) == TP_OK);
    config.channels = any % 4;
    config.height = any % 3;
    config.width = any % 3;
    config.mean[0] = x[0];
    config.class_names = any % 5 ? NULL : paths;
    config.class_count = any % 5 ? 0 : 2;
    if (any % 2) fuzz_check(tp_model_set_images(model, dataset));
    else fuzz_check(tp_model_set_image_config(model, &config));
    if (fuzz_check(tp_model_get_image_config(model, &config)) == TP_OK) {
        REQUIRE(config.channels > 0 && (config.class_count > 0) == (tp_model_class_name(model, 0) != NULL));
        REQUIRE(fuzz_check(tp_model_set_image_config(model, &config)) == TP_OK || config.channels == 2);
    }
    REQUIRE(fuzz_check(tp_model_predict_images(model, paths, 2, TP_OUTPUT_RAW, out, room, labels, room)) != TP_OK);
}

/* A net of a text, or the arrays of one. */
static void make_graph(void) {
    static const char *const texts[] = {
        "input 3; dense 4; s = relu; dense 4; add of fc2 s; leaky_relu 0.1; dense 3",
        "input 1x2x3\ndense 5\ntanh\nout = dense 2 nobias",
        "input 4; dense 0",
        "input 2; dense 6; relu; dense 6; relu; dense 4",
        "input 1x4x4; conv 3 3x3 pad same; batch_norm; s = relu; conv 3 3x3 pad same groups 3; r = batch_norm; "
        "add of r s; leaky_relu; dropout 0.3; global_avg_pool; dense 4",
        "input 3x2x2; conv 4 2x2 pad 1; leaky_relu 0.1; max_pool 2; dense 5; leaky_relu 0.1; dense 4",
    };
    tp_model **place = PLACE(models), *made = NULL;
    char name[80];
    int32_t sizes[4] = {0}, rank = 0;
    if (byte() % 2) {
        if (fuzz_check(tp_model_create(&made, MAYBE(PICK(texts)), NULL)) != TP_OK) return;
        tp_model_free(*place);
        *place = made;
        return;
    }
    tp_model *model = PICK(models);
    if (tp_model_parameter_count(model) > room) return;
    fuzz_check(tp_model_architecture(model, (char *)doubles, sizeof doubles, NULL));
    fuzz_check(tp_model_summary(model, (char *)doubles, sizeof doubles, NULL));
    memset(doubles, 0, sizeof doubles);
    fuzz_check(tp_model_scaling_variables(model, small(), (int64_t *)doubles, byte()));
    memset(doubles, 0, sizeof doubles);
    if (fuzz_check(tp_model_tensor_name(model, small(), name, sizeof name, NULL)) != TP_OK) return;
    REQUIRE(tp_model_tensor_shape(model, name, sizes, byte() % 5, &rank) != TP_ERROR_NOT_FOUND && rank <= 4);
    fuzz_check(tp_model_get_tensor(model, name, out, byte() % 8 ? room : byte()));
    fuzz_check(tp_model_set_tensor(model, name, y, byte() % 8 ? (size_t)sizes[0] % room : byte()));
    use_images(model, datasets[rank % dataset_slots], sizes[0]);
}

static void make_dataset(void) {
    tp_dataset **place = PLACE(datasets), *first = NULL;
    int32_t shape[3];
    uint8_t kind = byte();
    if (kind >= 192) return use_dataset();
    int64_t width = whole(), count = whole(), targets = whole();
    if (count > room || width > room || targets > room) return;
    if (count > 0 && (count * width > room || count * targets > room)) return;
    tp_status status;
    if (kind % 4 == 3) {
        if (fuzz_check(tp_dataset_split(&first, place, PICK(datasets), number(), byte() % 3, byte())) == TP_OK) {
            tp_dataset_free(*place);
            *place = first;
            tp_dataset *weighted = NULL;
            if (fuzz_check(tp_dataset_with_weights(&weighted, first, y, (size_t)tp_dataset_count(first))) == TP_OK) {
                tp_dataset_free(first);
                *place = weighted;
            }
        }
        return;
    }
    tp_dataset_free(*place);
    if (kind % 4 == 0) {
        status = tp_dataset_from_labels(place, MAYBE(x), width, MAYBE(labels), count, small());
    } else if (kind % 4 == 1) {
        status = tp_dataset_from_targets(place, MAYBE(x), width, MAYBE(y), targets, count);
    } else {
        for (int i = 0; i < 3; i++) shape[i] = byte() % 8 ? 1 + byte() % 4 : small();
        int64_t values = 1;
        for (int i = 0; i < 3; i++) values = shape[i] > 0 && values <= room ? values * shape[i] : values;
        if (count > 0 && values > room) return (void)(*place = NULL);
        if (count > 0 && count * values > room) count = 1;
        status = tp_dataset_from_pixels(place, (const uint8_t *)x, MAYBE(shape), MAYBE(labels), count, NULL);
    }
    REQUIRE((fuzz_check(status) == TP_OK) == (*place != NULL));
}

static int32_t on_event(const tp_event *event, void *user_data) {
    tp_trainer *trainer = user_data;
    REQUIRE(event->struct_size == sizeof *event && event->step >= 0);
    switch (byte() % 16) {
    case 0: REQUIRE(tp_trainer_step(trainer, NULL, NULL) < 0); break;
    case 1: REQUIRE(tp_trainer_undo_teleport(trainer) == TP_ERROR_BAD_STATE); break;
    case 2: fuzz_check(tp_trainer_set_learning_rate(trainer, number())); break;
    case 3: fuzz_check(tp_trainer_save(trainer, path)); break;
    case 4: return 1;
    case 5: REQUIRE(tp_trainer_end_epoch(trainer) == TP_ERROR_BAD_STATE); break;
    case 6: tp_trainer_request_stop(trainer); break;
    case 7: REQUIRE(tp_set_stop(NULL, NULL, NULL) == TP_OK); break;
    default: break;
    }
    return 0;
}

static double rate(int64_t step, double base, void *user_data) {
    (void)user_data;
    return step % 5 == 4 ? number() : base;
}

/* Frames of any kind and numbers, and what becomes of averages in them. */
static void frame(tp_trainer *trainer, tp_frame_config *config) {
    REQUIRE(tp_frame_config_init(config, sizeof *config) == TP_OK);
    config->kind = byte() % 4;
    config->input = byte() % 3;
    config->every = small();
    config->early_every = small();
    config->early_steps = small();
    config->samples = whole() % 70000;
    config->damping = number();
    config->warmup_steps = small();
    config->outputs = config->samples % 2;
    fuzz_check(tp_trainer_set_frames(trainer, MAYBE(config)));
    tp_frame_report report;
    REQUIRE(tp_frame_report_init(&report, sizeof report) == TP_OK);
    fuzz_check(tp_trainer_frame_report(trainer, config->kind, &report));
    tp_model *averaged = NULL;
    fuzz_check(tp_trainer_averaged_model(&averaged, trainer));
    tp_model_free(averaged);
}

static void use_trainer(tp_trainer *trainer) {
    tp_model *model = NULL;
    tp_loss loss = TP_LOSS_CROSS_ENTROPY;
    double value;
    if (trainer) REQUIRE(tp_trainer_model(&model, trainer) == TP_OK);
    if (trainer) REQUIRE(tp_trainer_get_config(trainer, &loss, NULL) == TP_OK);
    tp_batch samples = fitting(model, loss), held_out = fitting(model, loss);
    switch (byte() % 8) {
    case 0:
    case 1: fuzz_check(tp_trainer_step(trainer, &samples, MAYBE(&value))); break;
    case 2: fuzz_check(tp_trainer_apply_gradient(trainer, y, (size_t)tp_model_parameter_count(model) % room)); break;
    case 3: {
        tp_teleport_config config = teleport(&held_out);
        tp_teleport_report report;
        REQUIRE(tp_teleport_report_init(&report, sizeof report) == TP_OK);
        int before = model && all_finite(model);
        if (fuzz_check(tp_trainer_teleport(trainer, &samples, &config, MAYBE(&report))) == TP_OK && before)
            REQUIRE(all_finite(model));
        break;
    }
    case 4:
        /* Nothing to undo: something else that has no arguments. */
        if (fuzz_check(tp_trainer_undo_teleport(trainer)) == TP_ERROR_BAD_STATE) {
            const int64_t epoch = tp_trainer_epoch(trainer);
            REQUIRE(tp_trainer_end_epoch(trainer) == TP_OK && tp_trainer_epoch(trainer) == epoch + 1);
        }
        break;
    case 5: {
        tp_schedule_config config;
        REQUIRE(tp_schedule_config_init(&config, sizeof config) == TP_OK);
        config.schedule = byte() % 5;
        config.warmup_steps = whole();
        config.interval = whole();
        config.factor = number();
        config.floor = number();
        config.rate = MAYBE(rate);
        fuzz_check(tp_trainer_set_schedule(trainer, &config));
        tp_trainer_learning_rate(trainer);
        break;
    }
    case 6: {
        size_t parameters = (size_t)tp_model_parameter_count(model);
        fuzz_check(tp_trainer_set_learning_rate(trainer, number()));
        fuzz_check(tp_trainer_loss(trainer, &samples, &value));
        fuzz_check(tp_trainer_gradient(trainer, &samples, out, room, &value));
        fuzz_check(tp_trainer_hessian_vector_product(trainer, &samples, y, parameters, out, room));
        break;
    }
    default: {
        tp_run_config config;
        tp_teleport_config moves = teleport(&held_out);
        int32_t epochs[] = {0, 1, small()};
        REQUIRE(tp_run_config_init(&config, sizeof config) == TP_OK);
        config.epochs = byte() % 3;
        config.batch_size = small();
        config.drop_last = byte() % 2;
        config.shuffle = byte() % 2;
        if (byte() % 2) config.teleport = &moves;
        config.teleport_epochs = MAYBE(epochs);
        config.teleport_epoch_count = byte() % 4;
        config.teleports_per_epoch = byte() % 3;
        config.teleport_samples = small();
        config.watch_steps = byte();
        config.progress_interval = byte() % 2 ? 1 : small();
        tp_frame_config frames;
        frame(trainer, &frames);
        config.finish = byte() % 5;
        /* Bytes that are read already, so that the corpus stays what it is. */
        config.balance_classes = config.watch_steps % 5 == 0;
        config.patience = config.watch_steps % 7 == 0;
        if (byte() % 2) config.frames = &frames;
        tp_augment_config changes;
        REQUIRE(tp_augment_config_init(&changes, sizeof changes) == TP_OK);
        changes.flip = 0.5;
        changes.crop = byte() % 2 ? 0.5 : number();
        changes.shift = byte() % 4;
        if (byte() % 4 == 0) config.augment = &changes;
        if (!config.frames) config.centring = config.finish % 4;
        if (byte() % 4 == 0) {
            config.checkpoint_path = path;
            config.checkpoint_steps = whole();
            config.checkpoint_seconds = number();
            config.checkpoint_keep = byte() % 3;
        }
        fuzz_check(tp_trainer_run(trainer, PICK(datasets), PICK(datasets), &config, MAYBE(on_event), trainer));
    }
    }
    tp_model_free(model);
}

static void use_model(tp_model *model) {
    tp_loss loss = (tp_loss)(byte() % 4);
    tp_batch samples = fitting(model, loss), held_out = fitting(model, loss);
    int64_t parameters = tp_model_parameter_count(model);
    size_t capacity = byte() % 8 ? room : (size_t)byte();
    double value;
    if (parameters > room) return;
    switch (byte() % 16) {
    case 0: fuzz_check(tp_model_set_parameters(model, MAYBE(y), (size_t)parameters)); break;
    case 1: fuzz_check(tp_model_set_layer(model, small(), x, byte(), NULL, 0)); break;
    case 2: fuzz_check(tp_model_get_layer(model, small(), out, capacity, doubles[0] > 1 ? y : NULL, byte())); break;
    case 3: {
        char key[4] = {(char)byte(), (char)byte(), 0, 0}, text[8];
        fuzz_check(tp_model_set_metadata(model, key, byte() % 2 ? key : NULL));
        fuzz_check(tp_model_get_metadata(model, key, text, byte() % 9, NULL));
        fuzz_check(tp_model_metadata_key(model, tp_model_metadata_count(model) - 1, text, sizeof text, NULL));
        break;
    }
    case 4:
    case 5:
        if (samples.count > 0 && samples.count * 16 < room)
            fuzz_check(tp_model_predict(model, samples.x, samples.x_width, samples.count, (tp_output)(byte() % 3), out,
                                        capacity));
        break;
    case 6: fuzz_check(tp_model_loss(model, &samples, loss, MAYBE(&value))); break;
    case 7: fuzz_check(tp_model_gradient(model, &samples, loss, MAYBE(out), capacity, MAYBE(&value))); break;
    case 8:
        fuzz_check(tp_model_hessian_vector_product(model, &samples, loss, y, (size_t)parameters, out, capacity));
        break;
    case 9: {
        tp_metrics metrics;
        REQUIRE(tp_metrics_init(&metrics, sizeof metrics) == TP_OK);
        fuzz_check(tp_model_evaluate(model, PICK(datasets), loss, &metrics));
        if (fuzz_check(tp_model_confusion_matrix(model, PICK(datasets), (int64_t *)doubles, capacity)) == TP_OK) {
            double precision[64], f1[64];
            fuzz_check(tp_confusion_metrics((int64_t *)doubles, 4, precision, NULL, f1, 64));
        }
        memset(doubles, 0, sizeof doubles);
        break;
    }
    case 10:
    case 11: {
        tp_teleport_config config = teleport(&held_out);
        int before = model && all_finite(model);
        if (fuzz_check(tp_model_teleport(model, &samples, loss, &config, NULL)) == TP_OK && before)
            REQUIRE(all_finite(model));
        fuzz_check(tp_model_check_teleport(model, &config));
        break;
    }
    case 12: fuzz_check(tp_model_apply_scaling(model, small(), y, byte() % 16)); break;
    case 13: fuzz_check(tp_model_apply_linear(model, small(), x, byte(), MAYBE(&samples))); break;
    case 14:
        fuzz_check(tp_model_scaling_gradient_norm(model, &samples, loss, doubles, byte() % 32, &value, doubles + 64,
                                                  byte()));
        fuzz_check(tp_model_linear_gradient_norm(model, &samples, loss, &value, doubles, capacity));
        break;
    default: {
        size_t size = 0;
        tp_model **place = PLACE(models), *read = NULL;
        static char data[1 << 17];
        tp_status status = fuzz_check(tp_model_save_buffer(model, data, sizeof data, &size));
        if (status == TP_OK) REQUIRE(tp_model_load_buffer(&read, data, size, NULL) == TP_OK);
        if (status != TP_OK) break;
        tp_model_free(*place);
        *place = read;
    }
    }
}

static void plane(void) {
    tp_plane_function function;
    tp_plane_config config;
    double point[2] = {number(), number()};
    int32_t steps[] = {0, byte(), small()};
    REQUIRE(tp_plane_function_init(&function, sizeof function) == TP_OK);
    REQUIRE((byte() % 2 ? tp_plane_rosenbrock : tp_plane_booth)(&function) == TP_OK);
    REQUIRE(tp_plane_config_init(&config, sizeof config) == TP_OK);
    config.steps = byte() % 32;
    config.theta_steps = byte() % 16;
    config.learning_rate = number();
    config.theta_learning_rate = number();
    config.loss_tolerance = number();
    config.teleport_steps = steps;
    config.teleport_step_count = byte() % 4;
    if (byte() % 2) function.hessian = NULL;
    fuzz_check(tp_plane_teleport(&function, point, number(), &config, NULL));
    fuzz_check(tp_plane_descend(&function, point, &config, doubles, byte(), doubles + 512, byte()));
    memset(doubles, 0, sizeof doubles);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    in = (fuzz_bytes){data, size};
    snprintf(path, sizeof path, "/dev/shm/tp-fuzz-abi-%d", (int)getpid());
    memset(doubles, 0, sizeof doubles);
    fill();
    for (int step = 0; in.left && step < 64; step++) {
        uint8_t choice = byte();
        if (choice >= 252) {
            make_graph();
            continue;
        }
        switch (choice % 12) {
        case 0:
        case 1: make_model(); break;
        case 2: make_dataset(); break;
        case 3: {
            tp_optimizer_config config;
            tp_trainer **place = PLACE(trainers);
            REQUIRE(tp_optimizer_config_init(&config, sizeof config) == TP_OK);
            config.optimizer = byte() % 8;
            config.learning_rate = number();
            config.clip_norm = byte() % 4 ? 0 : number();
            config.weight_decay = byte() % 4 ? -1 : number();
            /* No byte of its own, so that the corpus reads as before. */
            if (config.optimizer % 4 == 1) config.label_smoothing = config.learning_rate / 4;
            tp_trainer_free(*place);
            fuzz_check(tp_trainer_create(place, PICK(models), (tp_loss)(byte() % 4), MAYBE(&config)));
            break;
        }
        case 4: fill(); break;
        case 5: {
            tp_model **place = PLACE(models), *copy = NULL;
            fuzz_check(tp_model_clone(&copy, PICK(models)));
            tp_model_free(*place);
            *place = copy;
            break;
        }
        case 6: {
            tp_trainer **place = PLACE(trainers), *read = NULL;
            if (fuzz_check(tp_trainer_save(PICK(trainers), path)) != TP_OK) break;
            REQUIRE(tp_trainer_load(&read, path) == TP_OK);
            tp_trainer_free(*place);
            *place = read;
            break;
        }
        case 7: plane(); break;
        case 8:
        case 9: use_trainer(PICK(trainers)); break;
        default: use_model(PICK(models));
        }
    }
    for (int i = 0; i < model_slots; i++) tp_model_free(models[i]), models[i] = NULL;
    for (int i = 0; i < dataset_slots; i++) tp_dataset_free(datasets[i]), datasets[i] = NULL;
    for (int i = 0; i < trainer_slots; i++) tp_trainer_free(trainers[i]), trainers[i] = NULL;
    unlink(path);
    strcat(path, ".1");
    unlink(path);
    return 0;
}
