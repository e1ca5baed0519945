/* Arrays whose length a host or a file decides are never taken from Swift's allocator, which ends the process when
 * there is no memory: malloc below stands before the system's and notes the largest block that it is asked for. Memory
 * of the checked allocator is aligned, and so does not come this way. Counts past their bounds are refused by name. */
#define _GNU_SOURCE
#include <unistd.h>

#include "check.h"
#include "fixture.h"

void *__libc_malloc(size_t size);

static size_t largest;
static int counting;

void *malloc(size_t size) {
    if (__atomic_load_n(&counting, __ATOMIC_RELAXED) && size > largest) largest = size;
    return __libc_malloc(size);
}

/* A model of 1,024 widths has 8 KiB of them. */
enum { most = 16384 };
#define SMALL(expected, call)                                                     \
    do {                                                                          \
        largest = 0;                                                              \
        counting = 1;                                                             \
        tp_status small_status = (call);                                          \
        counting = 0;                                                             \
        CHECK_EQUAL(small_status, (expected));                                    \
        if (!CHECK(largest <= most)) printf("malloc of %zu bytes: %s\n", largest, #call); \
    } while (0)

enum { many = 100000 };
static int32_t steps[many];
static double numbers[many];

static void check_plane(void) {
    tp_plane_function function;
    tp_plane_config config;
    static const double start[] = {-1, -1};
    static double values[many + 1], plain[many + 1];
    MUST(tp_plane_function_init(&function, sizeof function));
    MUST(tp_plane_booth(&function));
    MUST(tp_plane_config_init(&config, sizeof config));
    config.steps = many;
    config.learning_rate = 1e-6;
    config.theta_steps = 1;
    /* Backwards and each twice: the schedule is a set. */
    for (int i = 0; i < many; i++) {
        steps[i] = many - 2 - i / 2 * 2;
        numbers[i] = 1 + (double)i / many;
    }
    config.teleport_steps = steps;
    config.teleport_step_count = many;
    config.theta_starts = numbers;
    config.theta_start_count = many;
    SMALL(TP_OK, tp_plane_descend(&function, start, &config, NULL, 0, values, many + 1));
    /* The same set in order. */
    for (int i = 0; i < many / 2; i++) steps[i] = 2 * i;
    config.teleport_step_count = many / 2;
    MUST(tp_plane_descend(&function, start, &config, NULL, 0, plain, many + 1));
    CHECK(!memcmp(values, plain, sizeof values));
    config.theta_start_count = 0;
    config.theta_starts = NULL;
    MUST(tp_plane_descend(&function, start, &config, NULL, 0, plain, many + 1));
    CHECK(memcmp(values, plain, sizeof values));

    /* A step teleports once, so there are no more of either than steps. */
    config.steps = 10;
    config.teleport_step_count = 11;
    CHECK_EQUAL(tp_plane_descend(&function, start, &config, NULL, 0, NULL, 0), TP_ERROR_INVALID_ARGUMENT);
    CHECK_NAMES(tp_error_message(), "teleport_steps is 11; the most is 10");
    config.teleport_step_count = 10;
    config.theta_starts = numbers;
    config.theta_start_count = SIZE_MAX;
    CHECK_EQUAL(tp_plane_descend(&function, start, &config, NULL, 0, NULL, 0), TP_ERROR_INVALID_ARGUMENT);
    CHECK_NAMES(tp_error_message(), "theta_starts is 18446744073709551615; the most is 10");
}

static void check_run(void) {
    tp_model *model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_trainer *trainer = fixture_trainer(model);
    tp_dataset *dataset = fixture_dataset();
    tp_run_config run;
    MUST(tp_run_config_init(&run, sizeof run));
    for (int i = 0; i < many; i++) steps[i] = i;
    run.teleport_epochs = steps;
    run.teleport_epoch_count = 65536;
    SMALL(TP_OK, tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    run.teleport_epoch_count = 65537;
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL), TP_ERROR_INVALID_ARGUMENT);
    CHECK_NAMES(tp_error_message(), "teleport_epochs is 65537; the most is 65536");
    steps[4] = -7;
    run.teleport_epoch_count = 5;
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL), TP_ERROR_INVALID_ARGUMENT);
    CHECK_NAMES(tp_error_message(), "-7");
    tp_dataset_free(dataset);
    tp_trainer_free(trainer);
    tp_model_free(model);
}

static void check_teleports(void) {
    tp_model *model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_batch batch = fixture_batch();
    tp_teleport_config config;
    tp_teleport_report report;
    MUST(tp_teleport_report_init(&report, sizeof report));
    MUST(tp_teleport_config_init(&config, sizeof config));
    config.search = TP_SEARCH_RANDOM;
    config.objective = TP_OBJECTIVE_SHARPNESS_MINIMIZE;
    config.candidates = 1;
    config.perturbations = 1;
    for (int i = 0; i < many; i++) numbers[i] = 0.1;
    config.perturbation_norms = numbers;
    config.perturbation_norm_count = 10000;
    SMALL(TP_OK, tp_model_teleport(model, &batch, TP_LOSS_CROSS_ENTROPY, &config, NULL));
    config.perturbation_norm_count = 10001;
    CHECK_EQUAL(tp_model_check_teleport(model, &config), TP_ERROR_INVALID_ARGUMENT);
    CHECK_NAMES(tp_error_message(), "perturbation_norms is 10001; the most is 10000");

    /* Ranked candidates: one layer of the linear group, for the gradient norm. */
    MUST(tp_teleport_config_init(&config, sizeof config));
    config.group = TP_GROUP_LINEAR;
    config.search = TP_SEARCH_RANDOM;
    config.layer = 0;
    config.candidates = 20000;
    config.held_out_tolerance = -1;
    batch.count = 5; /* fewer than inputs: ranked before they are moved by */
    SMALL(TP_OK, tp_model_teleport(model, &batch, TP_LOSS_CROSS_ENTROPY, &config, &report));
    CHECK_EQUAL(report.candidates, 20001);
    tp_model_free(model);
}

static void check_files(void) {
    enum { width_count = 1024 };
    static int32_t widths[width_count];
    static char data[1 << 20];
    size_t size = 0;
    tp_model *model = NULL, *read = NULL;
    for (int i = 0; i < width_count; i++) widths[i] = 1;
    MUST(tp_model_create_mlp(&model, widths, width_count, NULL));
    MUST(tp_model_save_buffer(model, data, sizeof data, &size));
    SMALL(TP_OK, tp_model_load_buffer(&read, data, size, NULL));
    CHECK_EQUAL(tp_model_layer_count(read), width_count - 1);
    tp_model_free(read);
    /* Without the key that says whose it is the file is another program's. */
    char *key = memmem(data, size, "teleport.format", 15);
    if (CHECK(key != NULL)) memcpy(key, "another.program", 15);
    SMALL(TP_OK, tp_model_load_buffer(&read, data, size, NULL));
    CHECK_EQUAL(tp_model_layer_count(read), width_count - 1);
    tp_model_free(read);
    tp_model_free(model);
}

/* Names, too, are as long as a file says. */
static void check_names(void) {
    enum { name_size = 1 << 20 };
    static char data[name_size + 256];
    static const char end[] = ".weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]}}";
    tp_model *read = NULL;
    uint64_t length = 2 + name_size + sizeof end - 1;
    memcpy(data, &length, 8);
    memcpy(data + 8, "{\"", 2);
    memset(data + 10, 'n', name_size);
    memcpy(data + 10 + name_size, end, sizeof end - 1);
    SMALL(TP_ERROR_UNSUPPORTED, tp_model_load_buffer(&read, data, 8 + length + 4, NULL));
    CHECK_NAMES(tp_error_message(), "1048583 bytes");
    CHECK(!read);
    tp_model_free(read);
}

int main(void) {
    fixture_fill();
    check_plane();
    check_run();
    check_teleports();
    check_files();
    check_names();
    return check_finish();
}
