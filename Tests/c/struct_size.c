/* Hosts compiled against an older or a newer header: shorter structs keep defaults for what they lack, longer ones
 * are taken while their tail is zero, and the library never writes past struct_size. */
#include "check.h"
#include "fixture.h"

enum { room = 512, tail = 32, poison = 0xA5 };

typedef union {
    unsigned char bytes[room];
    size_t struct_size;
    double alignment;
} block;

static tp_model *model, *moved;
static tp_dataset *dataset, *images;

/* Each use passes the struct to a call that reads or fills it, with everything else in order. */
static tp_status use_model_config(void *config) {
    static const int32_t widths[] = {2, 3, 1};
    tp_model *made = NULL;
    tp_status status = tp_model_create_mlp(&made, widths, 3, config);
    CHECK((made != NULL) == (status == TP_OK));
    tp_model_free(made);
    return status;
}

static tp_status use_model_config_output(void *config) { return tp_model_get_config(model, config); }

static tp_status use_image_config(void *config) {
    static const uint8_t pixels[4] = {1, 2, 3, 4};
    static const int32_t shape[3] = {1, 2, 2};
    tp_dataset *made = NULL;
    tp_status status = tp_dataset_from_pixels(&made, pixels, shape, NULL, 1, config);
    CHECK((made != NULL) == (status == TP_OK));
    tp_dataset_free(made);
    return status;
}

static tp_status use_augment_config(void *config) {
    static const int64_t index = 0;
    float x[4];
    return tp_dataset_gather(images, &index, 1, config, x, 4, NULL, 0);
}

static tp_status use_metrics(void *metrics) {
    return tp_model_evaluate(model, dataset, TP_LOSS_CROSS_ENTROPY, metrics);
}

static tp_status use_teleport_config(void *config) { return tp_model_check_teleport(model, config); }

static tp_status use_teleport_report(void *report) {
    tp_batch batch = fixture_batch();
    tp_teleport_config config;
    MUST(tp_teleport_config_init(&config, sizeof config));
    config.search = TP_SEARCH_ASCENT;
    return tp_model_teleport(moved, &batch, TP_LOSS_CROSS_ENTROPY, &config, report);
}

static tp_status use_optimizer_config(void *config) {
    tp_trainer *trainer = NULL;
    tp_status status = tp_trainer_create(&trainer, moved, TP_LOSS_CROSS_ENTROPY, config);
    CHECK((trainer != NULL) == (status == TP_OK));
    tp_trainer_free(trainer);
    return status;
}

static tp_status use_run_config(void *config) {
    tp_model *own = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_trainer *trainer = fixture_trainer(own);
    tp_status status = tp_trainer_run(trainer, dataset, NULL, config, NULL, NULL);
    tp_trainer_free(trainer);
    tp_model_free(own);
    return status;
}

static tp_status use_run_result(void *result) {
    tp_run_config config;
    MUST(tp_run_config_init(&config, sizeof config));
    config.result = result;
    return use_run_config(&config);
}

static tp_status use_schedule_config(void *config) {
    tp_trainer *trainer = fixture_trainer(moved);
    tp_status status = tp_trainer_set_schedule(trainer, config);
    tp_trainer_free(trainer);
    return status;
}

static tp_status use_frame_config(void *config) {
    tp_trainer *trainer = fixture_trainer(moved);
    tp_status status = tp_trainer_set_frames(trainer, config);
    tp_trainer_free(trainer);
    return status;
}

static tp_status use_frame_report(void *report) {
    tp_trainer *trainer = fixture_trainer(moved);
    tp_frame_config config;
    MUST(tp_frame_config_init(&config, sizeof config));
    MUST(tp_trainer_set_frames(trainer, &config));
    tp_status status = tp_trainer_frame_report(trainer, 0, report);
    tp_trainer_free(trainer);
    return status;
}

static tp_status use_plane_function(void *function) { return tp_plane_rosenbrock(function); }

static tp_status use_plane_config(void *config) {
    const double start[2] = {-1, -1};
    tp_plane_function function;
    MUST(tp_plane_function_init(&function, sizeof function));
    MUST(tp_plane_booth(&function));
    return tp_plane_descend(&function, start, config, NULL, 0, NULL, 0);
}

static tp_status use_plane_report(void *report) {
    double xy[2] = {-1, -1};
    tp_plane_function function;
    MUST(tp_plane_function_init(&function, sizeof function));
    MUST(tp_plane_booth(&function));
    return tp_plane_teleport(&function, xy, 0.5, NULL, report);
}

#define INIT_OF(type) \
    static tp_status init_##type(void *config, size_t size) { return type##_init(config, size); }
INIT_OF(tp_model_config)
INIT_OF(tp_image_config)
INIT_OF(tp_augment_config)
INIT_OF(tp_metrics)
INIT_OF(tp_teleport_config)
INIT_OF(tp_teleport_report)
INIT_OF(tp_optimizer_config)
INIT_OF(tp_run_config)
INIT_OF(tp_run_result)
INIT_OF(tp_schedule_config)
INIT_OF(tp_frame_config)
INIT_OF(tp_frame_report)
INIT_OF(tp_plane_function)
INIT_OF(tp_plane_config)
INIT_OF(tp_plane_report)

typedef struct {
    const char *name;
    size_t size;
    int is_output;
    tp_status (*init)(void *, size_t);
    tp_status (*use)(void *);
} subject;

#define SUBJECT(type, is_output, use) {#type " in " #use, sizeof(type), is_output, init_##type, use}
static const subject subjects[] = {
    SUBJECT(tp_model_config, 0, use_model_config),
    SUBJECT(tp_model_config, 1, use_model_config_output),
    SUBJECT(tp_image_config, 0, use_image_config),
    SUBJECT(tp_augment_config, 0, use_augment_config),
    SUBJECT(tp_metrics, 1, use_metrics),
    SUBJECT(tp_teleport_config, 0, use_teleport_config),
    SUBJECT(tp_teleport_report, 1, use_teleport_report),
    SUBJECT(tp_optimizer_config, 0, use_optimizer_config),
    SUBJECT(tp_run_config, 0, use_run_config),
    SUBJECT(tp_run_result, 1, use_run_result),
    SUBJECT(tp_schedule_config, 0, use_schedule_config),
    SUBJECT(tp_frame_config, 0, use_frame_config),
    SUBJECT(tp_frame_report, 1, use_frame_report),
    SUBJECT(tp_plane_function, 1, use_plane_function),
    SUBJECT(tp_plane_config, 0, use_plane_config),
    SUBJECT(tp_plane_report, 1, use_plane_report),
};

static int all(const block *b, size_t from, size_t to, int value) {
    for (size_t i = from; i < to; i++) {
        if (b->bytes[i] != value) return 0;
    }
    return 1;
}

static void check_subject(const subject *s) {
    block b;
    long failed = check_failed;

    for (size_t size = sizeof(size_t); size <= s->size; size += 8) {
        memset(&b, poison, sizeof b);
        CHECK_EQUAL(s->init(&b, size), TP_OK);
        CHECK_EQUAL(b.struct_size, size);
        CHECK(all(&b, size, room, poison));
        CHECK_EQUAL(s->use(&b), TP_OK);
        CHECK_EQUAL(b.struct_size, size);
        CHECK(all(&b, size, room, poison));
    }

    memset(&b, poison, sizeof b);
    CHECK_EQUAL(s->init(&b, s->size + tail), TP_OK);
    CHECK_EQUAL(b.struct_size, s->size + tail);
    CHECK(all(&b, s->size, s->size + tail, 0));
    CHECK(all(&b, s->size + tail, room, poison));
    CHECK_EQUAL(s->use(&b), TP_OK);
    CHECK(all(&b, s->size, s->size + tail, 0));
    CHECK(all(&b, s->size + tail, room, poison));
    if (!s->is_output) {
        b.bytes[s->size + tail - 1] = 1;
        CHECK_EQUAL(s->use(&b), TP_ERROR_INVALID_ARGUMENT);
        CHECK(tp_error_message()[0] != 0);
    }

    for (size_t size = 0; size < sizeof(size_t); size++) {
        memset(&b, poison, sizeof b);
        CHECK_EQUAL(s->init(&b, size), TP_ERROR_INVALID_ARGUMENT);
        CHECK(all(&b, 0, room, poison));
        MUST(s->init(&b, s->size));
        b.struct_size = size;
        CHECK_EQUAL(s->use(&b), TP_ERROR_INVALID_ARGUMENT);
        CHECK(all(&b, s->size, room, poison));
    }
    if (check_failed > failed) printf("above: %s\n", s->name);
}

/* Values that an older struct does hold are taken, and poison behind it is not. */
static void check_older_model_config(void) {
    static const int32_t widths[] = {2, 3, 1};
    tp_model *made = NULL;
    tp_model_config old, full;
    memset(&old, poison, sizeof old);
    MUST(tp_model_config_init(&old, offsetof(tp_model_config, bias)));
    old.activation = TP_ACTIVATION_RELU;
    MUST(tp_model_create_mlp(&made, widths, 3, &old));
    MUST(tp_model_config_init(&full, sizeof full));
    MUST(tp_model_get_config(made, &full));
    CHECK_EQUAL(full.activation, TP_ACTIVATION_RELU);
    CHECK_EQUAL(full.bias, 1);
    CHECK_EQUAL(full.initialization, TP_INITIALIZATION_GLOROT_UNIFORM);
    CHECK(full.seed == 0);
    tp_model_free(made);
}

int main(void) {
    fixture_fill();
    model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    moved = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    dataset = fixture_dataset();
    static const uint8_t pixels[4] = {1, 2, 3, 4};
    static const int32_t shape[3] = {1, 2, 2};
    MUST(tp_dataset_from_pixels(&images, pixels, shape, NULL, 1, NULL));
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) check_subject(&subjects[i]);
    check_older_model_config();
    tp_dataset_free(images);
    tp_dataset_free(dataset);
    tp_model_free(moved);
    tp_model_free(model);
    return check_finish();
}
