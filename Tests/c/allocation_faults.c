/* Each block of the checked allocator fails in turn, through every kind of call: TP_ERROR_OUT_OF_MEMORY, no output, the
 * model and the trainer as before, no block left over, and the same call works as soon as there is memory.
 *
 * posix_memalign and free below stand before the system's; only the checked allocator asks for cache lines. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

void __libc_free(void *block);

enum { table_size = 1 << 16 };
static void *table[table_size];
static char table_lock;
static int left = -1, failed, live;

/* Puts `to` in the place of `from` and says whether `from` was there. */
static int replace(const void *from, void *to) {
    int found = 0;
    while (__atomic_test_and_set(&table_lock, __ATOMIC_ACQUIRE)) {}
    for (size_t i = (size_t)(to ? to : from) / 64 * 11400714819323198485u >> 48, n = 0; n < 64 && !found; n++) {
        void **place = &table[(i + n) % table_size];
        found = *place == from;
        if (found) *place = to;
    }
    if (found) live += to ? 1 : -1;
    __atomic_clear(&table_lock, __ATOMIC_RELEASE);
    return found;
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    static void *(*aligned)(size_t, size_t);
    if (!aligned) *(void **)&aligned = dlsym(RTLD_NEXT, "aligned_alloc");
    if (alignment == 64 && __atomic_load_n(&left, __ATOMIC_RELAXED) >= 0 &&
        __atomic_fetch_sub(&left, 1, __ATOMIC_RELAXED) == 0) {
        failed = 1;
        return ENOMEM;
    }
    *out = aligned(alignment, (size + alignment - 1) / alignment * alignment);
    if (*out && alignment == 64 && !replace(NULL, *out)) abort();
    return *out ? 0 : ENOMEM;
}

void free(void *block) {
    if (block && (size_t)block % 64 == 0) replace(block, NULL);
    __libc_free(block);
}

static tp_model *model;
static tp_dataset *dataset;
static tp_trainer *trainer;
static tp_batch batch, targets;
static char folder[] = "/tmp/tp-memory-XXXXXX";
static char file[64];

/* One call, or several of which the first that fails ends the scenario. Whatever was made is freed. */
#define TRY(call)                                    \
    do {                                             \
        tp_status try_status = (call);               \
        if (try_status) { status = try_status; goto end; } \
    } while (0)

static tp_status models(void) {
    tp_status status = TP_OK;
    tp_model *first = NULL, *second = NULL, *third = NULL;
    static const int32_t widths[] = {4, 3, 2};
    static char data[16384];
    size_t size = 0;
    TRY(tp_model_create_mlp(&first, widths, 3, NULL));
    TRY(tp_model_set_metadata(first, "key", "value"));
    TRY(tp_model_set_metadata(first, "key", "another value"));
    TRY(tp_model_clone(&second, first));
    TRY(tp_model_save_buffer(first, data, sizeof data, &size));
    TRY(tp_model_load_buffer(&third, data, size, NULL));
end:
    tp_model_free(first);
    tp_model_free(second);
    tp_model_free(third);
    return status;
}

static tp_status model_files(void) {
    tp_status status = TP_OK;
    tp_model *read = NULL;
    TRY(tp_model_save(model, file));
    TRY(tp_model_load(&read, file, NULL));
end:
    tp_model_free(read);
    return status;
}

static tp_status trainer_files(void) {
    tp_status status = TP_OK;
    tp_trainer *read = NULL;
    TRY(tp_trainer_save(trainer, file));
    TRY(tp_trainer_load(&read, file));
    CHECK_EQUAL(tp_trainer_step_count(read), tp_trainer_step_count(trainer));
end:
    if (status) CHECK(!read);
    tp_trainer_free(read);
    return status;
}

static tp_status data_sets(void) {
    tp_status status = TP_OK;
    tp_dataset *sets[9] = {NULL};
    tp_augment_config augment;
    static const int64_t indices[] = {3, 0};
    float x[2 * 3 * 2 * 2];
    char text[256];
    static const uint8_t pixels[4 * 3 * 2 * 2];
    static const int32_t shape[] = {3, 2, 2}, labels[] = {0, 1, 0, 1};
    TRY(tp_dataset_from_labels(&sets[0], fixture_x, input_width, fixture_labels, sample_count, 0));
    TRY(tp_dataset_from_targets(&sets[1], fixture_x, input_width, fixture_targets, output_width, sample_count));
    TRY(tp_dataset_from_pixels(&sets[2], pixels, shape, labels, 4, NULL));
    TRY(tp_dataset_split(&sets[3], &sets[4], sets[0], 0.3, 1, 7));
    TRY(tp_augment_config_init(&augment, sizeof augment));
    augment.crop = 0.5;
    TRY(tp_dataset_gather(sets[2], indices, 2, &augment, x, 2 * 3 * 2 * 2, NULL, 0));
    TRY(tp_dataset_subset(&sets[6], sets[2], indices, 2));
    TRY(tp_dataset_shuffled(&sets[7], sets[6], 1, 7));
    TRY(tp_dataset_normalized(&sets[8], sets[7], sets[2]));
    TRY(tp_dataset_summary(sets[8], text, sizeof text, NULL));
    TRY(tp_dataset_split(&sets[5], NULL, NULL, 0, 0, 0) == TP_ERROR_INVALID_ARGUMENT ? TP_OK : TP_ERROR);
end:
    for (int i = 0; i < 9; i++) tp_dataset_free(sets[i]);
    return status;
}

static tp_status measuring(void) {
    tp_status status = TP_OK;
    static float out[sample_count * 119], v[119];
    static int32_t labels[sample_count];
    int64_t confusion[9];
    double loss;
    tp_metrics metrics;
    v[0] = 1;
    TRY(tp_metrics_init(&metrics, sizeof metrics));
    TRY(tp_model_predict(model, fixture_x, input_width, sample_count, TP_OUTPUT_RAW, out, sample_count * 3));
    TRY(tp_model_predict(model, fixture_x, input_width, sample_count, TP_OUTPUT_PROBABILITIES, out, sample_count * 3));
    TRY(tp_model_predict_labels(model, fixture_x, input_width, sample_count, labels, sample_count));
    TRY(tp_model_loss(model, &batch, TP_LOSS_CROSS_ENTROPY, &loss));
    TRY(tp_model_loss(model, &targets, TP_LOSS_MEAN_SQUARED_ERROR, &loss));
    TRY(tp_model_gradient(model, &batch, TP_LOSS_CROSS_ENTROPY, out, 119, &loss));
    TRY(tp_model_hessian_vector_product(model, &batch, TP_LOSS_CROSS_ENTROPY, v, 119, out, 119));
    TRY(tp_model_evaluate(model, dataset, TP_LOSS_CROSS_ENTROPY, &metrics));
    TRY(tp_model_confusion_matrix(model, dataset, confusion, 9));
end:
    return status;
}

static tp_status training(void) {
    tp_status status = TP_OK;
    tp_model *copy = NULL, *handle = NULL;
    tp_trainer *made = NULL;
    tp_optimizer_config config;
    static float gradient[119];
    static int32_t optimizer;
    TRY(tp_optimizer_config_init(&config, sizeof config));
    config.optimizer = optimizer++ % 7;
    config.clip_norm = 1;
    TRY(tp_model_clone(&copy, model));
    TRY(tp_trainer_create(&made, copy, TP_LOSS_CROSS_ENTROPY, &config));
    TRY(tp_trainer_step(made, &batch, NULL));
    TRY(tp_trainer_apply_gradient(made, gradient, 119));
    TRY(tp_trainer_model(&handle, made));
end:
    tp_trainer_free(made);
    tp_model_free(copy);
    tp_model_free(handle);
    return status;
}

static tp_status runs(void) {
    tp_status status = TP_OK;
    tp_model *copy = NULL;
    tp_trainer *made = NULL;
    tp_run_config run;
    tp_teleport_config teleport;
    TRY(tp_run_config_init(&run, sizeof run));
    TRY(tp_teleport_config_init(&teleport, sizeof teleport));
    teleport.rollout_steps = 3;
    run.teleport = &teleport;
    run.teleport_samples = 64;
    run.checkpoint_path = file;
    run.checkpoint_keep = 2;
    TRY(tp_model_clone(&copy, model));
    TRY(tp_trainer_create(&made, copy, TP_LOSS_CROSS_ENTROPY, NULL));
    TRY(tp_trainer_run(made, dataset, dataset, &run, NULL, NULL));
end:
    tp_trainer_free(made);
    tp_model_free(copy);
    return status;
}

static tp_teleport_config teleport_config;
static tp_model *teleported;

/* On failure the weights are those of before, to the bit: compared by the caller. */
static tp_status teleport_a_model(void) {
    return tp_model_teleport(teleported, &batch, TP_LOSS_CROSS_ENTROPY, &teleport_config, NULL);
}

static tp_status teleport_a_trainer(void) {
    return tp_trainer_teleport(trainer, &batch, &teleport_config, NULL);
}

static tp_status moves(void) {
    tp_status status = TP_OK;
    tp_model *copy = NULL;
    static const float scale[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static float g[64];
    static double log_scale[13], gradient[89];
    double phi;
    for (int i = 0; i < 8; i++) g[i * 9] = 1 + (float)i / 8;
    TRY(tp_model_clone(&copy, model));
    TRY(tp_model_apply_scaling(copy, 0, scale, 8));
    TRY(tp_model_apply_linear(copy, 0, g, 64, &batch));
    TRY(tp_model_linear_gradient_norm(copy, &batch, TP_LOSS_CROSS_ENTROPY, &phi, gradient, 89));
    TRY(tp_model_scaling_gradient_norm(copy, &batch, TP_LOSS_CROSS_ENTROPY, log_scale, 13, &phi, gradient, 13));
end:
    tp_model_free(copy);
    return status;
}

static tp_status planes(void) {
    tp_plane_function function;
    tp_plane_config config;
    static const double start[] = {-1, -1};
    static const int32_t steps[] = {2, 4};
    static double trajectory[22], values[11];
    tp_status status = TP_OK;
    TRY(tp_plane_function_init(&function, sizeof function));
    TRY(tp_plane_rosenbrock(&function));
    TRY(tp_plane_config_init(&config, sizeof config));
    config.steps = 10;
    config.teleport_steps = steps;
    config.teleport_step_count = 2;
    TRY(tp_plane_descend(&function, start, &config, trajectory, 22, values, 11));
end:
    return status;
}

/* Fails each allocation of a scenario in turn and gives their number. `keeps` is set for calls that keep memory for the
 * next one even when they fail. */
static int sweep(const char *name, tp_status (*scenario)(void), tp_model *watched, int keeps) {
    for (int count = 0; count < 100000; count++) {
        float *before = fixture_parameters(watched);
        int blocks = live;
        failed = 0;
        left = count;
        tp_status status = scenario();
        left = -1;
        if (!failed) {
            if (!CHECK_EQUAL(status, TP_OK)) printf("%s: %s\n", name, tp_error_message());
            free(before);
            return count;
        }
        int right = CHECK_EQUAL(status, TP_ERROR_OUT_OF_MEMORY);
        right &= CHECK_NAMES(tp_error_message(), "memory");
        right &= CHECK(fixture_equals(watched, before));
        right &= CHECK(live <= blocks + (keeps ? 8 : 0));
        if (!right) printf("%s: allocation %d\n", name, count);
        free(before);
    }
    CHECK(!"allocations end");
    return 0;
}

static void check_scenario(const char *name, tp_status (*scenario)(void), int least) {
    /* What is made once for the process, such as threads, is made now. */
    CHECK_EQUAL(scenario(), TP_OK);
    int blocks = live;
    int count = sweep(name, scenario, model, 0);
    if (!CHECK(count >= least)) printf("%s: %d allocations\n", name, count);
    CHECK_EQUAL(live, blocks);
}

static void check_teleports(void) {
    static const double norm = 0.1;
    for (int32_t group = 0; group < 4; group++) {
        for (int32_t search = 0; search < 3; search++) {
            for (int32_t objective = 0; objective < 7; objective++) {
                char name[64];
                MUST(tp_teleport_config_init(&teleport_config, sizeof teleport_config));
                teleport_config.group = group;
                teleport_config.search = search;
                teleport_config.objective = objective;
                teleport_config.candidates = 2;
                teleport_config.steps = group == TP_GROUP_LINEAR ? 1 : 2;
                teleport_config.perturbations = 1;
                teleport_config.perturbation_norms = &norm;
                teleport_config.perturbation_norm_count = 1;
                teleport_config.rollout_steps = 3;
                teleport_config.curves = 2;
                teleport_config.learning_rate = 0.1;
                if (group == TP_GROUP_NULL_SPACE) teleport_config.null_tolerance = 0.5;
                if (tp_model_check_teleport(model, &teleport_config)) continue;
                snprintf(name, sizeof name, "group %d, search %d, objective %d", group, search, objective);
                /* Each failure leaves the clone alone; the call that ends the sweep moves it, so there is a new one. */
                MUST(tp_model_clone(&teleported, model));
                CHECK(sweep(name, teleport_a_model, teleported, 0) >= 3);
                tp_model_free(teleported);
                CHECK(sweep(name, teleport_a_trainer, model, 1) >= 3);
                /* Two snapshots of a trainer take turns. */
                for (int i = 0; i < 2; i++) MUST(teleport_a_trainer());
                int blocks = live;
                MUST(teleport_a_trainer());
                CHECK_EQUAL(live, blocks);
            }
        }
    }
}

int main(void) {
    tp_optimizer_config config;
    fixture_fill();
    if (!mkdtemp(folder)) return 2;
    snprintf(file, sizeof file, "%s/file", folder);
    MUST(tp_optimizer_config_init(&config, sizeof config));
    config.optimizer = TP_OPTIMIZER_ADAM;
    batch = fixture_batch();
    targets = fixture_target_batch();
    dataset = fixture_dataset();
    model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    MUST(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, &config));
    MUST(tp_trainer_step(trainer, &batch, NULL));
    int begun = live;
    for (int32_t threads = 1; threads <= 2; threads++) {
        MUST(tp_set_thread_count(threads));
        check_scenario("models", models, 20);
        check_scenario("model files", model_files, 10);
        check_scenario("data sets", data_sets, 8);
        check_scenario("measuring", measuring, 10);
        check_scenario("training", training, 3);
        check_scenario("runs", runs, 20);
        check_scenario("moves", moves, 5);
        sweep("planes", planes, model, 0);
        check_scenario("trainer files", trainer_files, 20);
    }
    printf("%d blocks before, %d after\n", begun, live);
    batch.count = 24;
    check_teleports();
    /* Now with a teleport that can be undone in the file. */
    check_scenario("trainer files", trainer_files, 25);
    tp_trainer_free(trainer);
    tp_model_free(model);
    tp_dataset_free(dataset);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(system(command) == 0);
    return check_finish();
}
