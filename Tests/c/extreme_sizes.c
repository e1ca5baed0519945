/* Layers of 1 and of 100,000 units, 10 million samples, a batch of more than 2^31 values, and counts whose products
 * leave 64 bits: what fits is computed exactly, the rest is a status before anything is read. */
#define _GNU_SOURCE
#include <math.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "check.h"
#include "fixture.h"

static void *allocate(size_t bytes) {
    void *block = calloc(bytes, 1);
    if (!block) exit(2);
    return block;
}

/* ---- widths ------------------------------------------------------------------------------------------------- */

/* What a network of one hidden layer computes, written out in double. */
typedef struct {
    int inputs, hidden, outputs;
    int64_t count; /* parameters */
    tp_loss loss;
    tp_batch batch;
} network;

static double direct(const network *net, const float *p, double *gradient) {
    const float *w = p, *b = w + (size_t)net->hidden * net->inputs, *v = b + net->hidden;
    const float *c = v + (size_t)net->outputs * net->hidden;
    double *h = allocate(net->hidden * sizeof *h), *o = allocate(net->outputs * sizeof *o), loss = 0;
    double *below = allocate(net->hidden * sizeof *below);
    if (gradient) memset(gradient, 0, (size_t)net->count * sizeof *gradient);
    for (int64_t n = 0; n < net->batch.count; n++) {
        const float *x = net->batch.x + n * net->inputs;
        for (int i = 0; i < net->hidden; i++) {
            double z = b[i];
            for (int j = 0; j < net->inputs; j++) z += (double)w[(size_t)i * net->inputs + j] * x[j];
            h[i] = z > 0 ? z : 0.01f * z;
        }
        double top = -INFINITY, sum = 0;
        for (int k = 0; k < net->outputs; k++) {
            o[k] = c[k];
            for (int i = 0; i < net->hidden; i++) o[k] += v[(size_t)k * net->hidden + i] * h[i];
            top = o[k] > top ? o[k] : top;
        }
        for (int k = 0; k < net->outputs; k++) sum += exp(o[k] - top);
        /* o becomes the derivative of the loss by o. */
        for (int k = 0; k < net->outputs; k++) {
            double difference =
                net->loss == TP_LOSS_CROSS_ENTROPY ? 0 : o[k] - net->batch.targets[n * net->outputs + k];
            if (net->loss != TP_LOSS_CROSS_ENTROPY) {
                loss += difference * difference / net->outputs;
                o[k] = 2 * difference / net->outputs;
            } else {
                if (k == net->batch.labels[n]) loss += top + log(sum) - o[k];
                o[k] = exp(o[k] - top) / sum - (k == net->batch.labels[n]);
            }
        }
        if (!gradient) continue;
        double *gw = gradient, *gb = gw + (b - w), *gv = gb + net->hidden, *gc = gv + (c - v);
        memset(below, 0, net->hidden * sizeof *below);
        for (int k = 0; k < net->outputs; k++) {
            gc[k] += o[k];
            for (int i = 0; i < net->hidden; i++) {
                gv[(size_t)k * net->hidden + i] += o[k] * h[i];
                below[i] += o[k] * v[(size_t)k * net->hidden + i];
            }
        }
        for (int i = 0; i < net->hidden; i++) {
            double delta = h[i] > 0 ? below[i] : 0.01f * below[i];
            gb[i] += delta;
            for (int j = 0; j < net->inputs; j++) gw[(size_t)i * net->inputs + j] += delta * x[j];
        }
    }
    for (int64_t i = 0; gradient && i < net->count; i++) gradient[i] /= (double)net->batch.count;
    free(h);
    free(o);
    free(below);
    return loss / (double)net->batch.count;
}

static double direct_loss(const network *net, const tp_model *model) {
    float *parameters = fixture_parameters(model);
    double loss = direct(net, parameters, NULL);
    free(parameters);
    return loss;
}

static int near(double a, double b, double tolerance) {
    int holds = fabs(a - b) <= tolerance * fabs(b);
    if (!holds) printf("%.9g is not near %.9g\n", a, b);
    return holds;
}

static void check_measures(const network *net, const tp_model *model) {
    float *parameters = fixture_parameters(model), *found = allocate((size_t)net->count * sizeof *found);
    double *wanted = allocate((size_t)net->count * sizeof *wanted), loss = -1, error = 0, size = 0;
    double expected = direct(net, parameters, wanted);
    CHECK_EQUAL(tp_model_loss(model, &net->batch, net->loss, &loss), TP_OK);
    CHECK(near(loss, expected, 1e-5));
    CHECK_EQUAL(tp_model_gradient(model, &net->batch, net->loss, found, (size_t)net->count, &loss), TP_OK);
    CHECK(near(loss, expected, 1e-5));
    for (int64_t i = 0; i < net->count; i++) {
        error += (found[i] - wanted[i]) * (found[i] - wanted[i]);
        size += wanted[i] * wanted[i];
    }
    CHECK(size > 0 && error <= 1e-9 * size);
    free(parameters);
    free(found);
    free(wanted);
}

static void check_file(const tp_model *model) {
    size_t size = 0, again = 0;
    CHECK_EQUAL(tp_model_save_buffer(model, NULL, 0, &size), TP_OK);
    char *data = allocate(size);
    tp_model *read = NULL;
    CHECK_EQUAL(tp_model_save_buffer(model, data, size, &again), TP_OK);
    CHECK_EQUAL(again, size);
    CHECK_EQUAL(tp_model_load_buffer(&read, data, size, NULL), TP_OK);
    float *parameters = fixture_parameters(model);
    CHECK_EQUAL(tp_model_parameter_count(read), tp_model_parameter_count(model));
    CHECK(fixture_equals(read, parameters));
    free(parameters);
    tp_model_free(read);
    free(data);
}

/* A teleport keeps the loss and moves the weights, or leaves them to the bit. */
static void check_teleport(const network *net, tp_model *model, tp_teleport_config *config, int must_move) {
    tp_teleport_report report;
    float *before = fixture_parameters(model);
    double loss = direct(net, before, NULL);
    MUST(tp_teleport_report_init(&report, sizeof report));
    config->learning_rate = 0.001;
    config->rollout_steps = 3;
    config->candidates = 4;
    config->steps = 2;
    CHECK_EQUAL(tp_model_teleport(model, &net->batch, net->loss, config, &report), TP_OK);
    CHECK(near(report.loss_before, loss, config->group == TP_GROUP_SCALING ? 1e-5 : 0.5));
    CHECK_EQUAL(report.accepted, report.outcome == TP_TELEPORT_ACCEPTED);
    CHECK_EQUAL(fixture_equals(model, before), !report.accepted);
    if (must_move) CHECK_EQUAL(report.outcome, TP_TELEPORT_ACCEPTED);
    /* The held-out quarter may change by a twentieth. */
    CHECK(near(direct_loss(net, model), loss, config->group == TP_GROUP_SCALING ? 2e-5 : 0.05));
    free(before);
}

static void check_width(int32_t inputs, int32_t hidden, int32_t outputs, tp_loss loss, tp_group last_group) {
    enum { count = 64 };
    const int32_t widths[] = {inputs, hidden, outputs};
    network net = {inputs, hidden, outputs, 0, loss, {0}};
    float *x = allocate((size_t)inputs * count * sizeof *x), targets[count];
    int32_t labels[count];
    uint32_t state = 1;
    for (int i = 0; i < inputs * count; i++) {
        state = state * 1664525u + 1013904223u;
        /* The values of a sample together have a size of about 1. */
        x[i] = ((float)(state >> 8) / 8388608.0f - 1) / sqrtf((float)inputs);
    }
    for (int i = 0; i < count; i++) {
        labels[i] = i % 2;
        targets[i] = 2 * x[i * inputs] + 1;
    }
    net.batch.x = x;
    net.batch.x_width = inputs;
    net.batch.count = count;
    if (loss == TP_LOSS_CROSS_ENTROPY) net.batch.labels = labels;
    if (loss != TP_LOSS_CROSS_ENTROPY) net.batch.targets = targets;
    net.batch.target_width = loss == TP_LOSS_CROSS_ENTROPY ? 0 : outputs;

    tp_model *model = NULL;
    tp_trainer *trainer = NULL;
    int32_t got[3];
    CHECK_EQUAL(tp_model_create_mlp(&model, widths, 3, NULL), TP_OK);
    net.count = tp_model_parameter_count(model);
    CHECK_EQUAL(net.count, (int64_t)hidden * (inputs + 1) + (int64_t)outputs * (hidden + 1));
    MUST(tp_model_widths(model, got, 3));
    CHECK(!memcmp(got, widths, sizeof widths));
    check_measures(&net, model);

    /* Steps go down; the first goes where the gradient says. */
    tp_optimizer_config sgd;
    MUST(tp_optimizer_config_init(&sgd, sizeof sgd));
    sgd.learning_rate = hidden > 1000 ? 0.01 : 0.1;
    MUST(tp_trainer_create(&trainer, model, loss, &sgd));
    double first = direct_loss(&net, model), told = -1;
    float *before = fixture_parameters(model), *gradient = allocate((size_t)net.count * sizeof *gradient);
    MUST(tp_model_gradient(model, &net.batch, loss, gradient, (size_t)net.count, NULL));
    CHECK_EQUAL(tp_trainer_step(trainer, &net.batch, &told), TP_OK);
    CHECK(near(told, first, 1e-5));
    float *after = fixture_parameters(model);
    int wrong = 0;
    for (int64_t i = 0; i < net.count; i++) {
        float step = (float)sgd.learning_rate * gradient[i];
        wrong += !(fabsf(after[i] - (before[i] - step)) <= 1e-6f * fabsf(before[i]) + 1e-5f * (fabsf(step) + 1e-3f));
    }
    CHECK_EQUAL(wrong, 0);
    for (int i = 0; i < 3; i++) CHECK_EQUAL(tp_trainer_step(trainer, &net.batch, &told), TP_OK);
    CHECK(direct_loss(&net, model) < first);
    free(before);
    free(after);
    free(gradient);
    tp_trainer_free(trainer);

    /* The default teleport, the other searches of the scaling group, and the groups up to the last by ascent. */
    tp_teleport_config config;
    for (int group = TP_GROUP_SCALING; group <= (int)last_group; group++) {
        for (int search = TP_SEARCH_LOOKAHEAD; search <= TP_SEARCH_RANDOM; search++) {
            MUST(tp_teleport_config_init(&config, sizeof config));
            config.group = group;
            config.search = search;
            if (group != TP_GROUP_SCALING && search != TP_SEARCH_ASCENT) continue;
            /* Its matrices have hidden^2 elements. */
            if (group == TP_GROUP_LINEAR && hidden > 1000) continue;
            check_teleport(&net, model, &config, group == TP_GROUP_SCALING && search != TP_SEARCH_LOOKAHEAD);
        }
    }
    float *factors = allocate(hidden * sizeof *factors);
    for (int i = 0; i < hidden; i++) factors[i] = i % 2 ? 0.5f : 4;
    double kept = -1, scaled = -2;
    MUST(tp_model_loss(model, &net.batch, loss, &kept));
    CHECK_EQUAL(tp_model_apply_scaling(model, 0, factors, (size_t)hidden), TP_OK);
    MUST(tp_model_loss(model, &net.batch, loss, &scaled));
    CHECK(scaled == kept); /* powers of two round nothing */
    free(factors);

    float *out = allocate((size_t)count * outputs * sizeof *out);
    CHECK_EQUAL(tp_model_predict(model, x, inputs, count, TP_OUTPUT_RAW, out, (size_t)count * outputs), TP_OK);
    wrong = 0;
    for (int i = 0; i < count * outputs; i++) wrong += !isfinite(out[i]);
    CHECK_EQUAL(wrong, 0);
    free(out);
    check_file(model);
    free(x);
    tp_model_free(model);
}

/* GL(100,000) has elements of 80 GB: no memory is a status, and nothing moves. */
static void check_linear_without_memory(void) {
    static const int32_t widths[] = {input_width, 100000, class_count};
    struct rlimit old, low;
    tp_batch batch = fixture_batch();
    tp_model *model = NULL;
    tp_teleport_config config;
    MUST(tp_model_create_mlp(&model, widths, 3, NULL));
    MUST(tp_teleport_config_init(&config, sizeof config));
    config.group = TP_GROUP_LINEAR;
    config.search = TP_SEARCH_RANDOM;
    config.candidates = 1;
    float *before = fixture_parameters(model);
    getrlimit(RLIMIT_AS, &old);
    low = old;
    low.rlim_cur = (rlim_t)8 << 30;
    if (setrlimit(RLIMIT_AS, &low)) exit(2);
    CHECK_EQUAL(tp_model_teleport(model, &batch, TP_LOSS_CROSS_ENTROPY, &config, NULL), TP_ERROR_OUT_OF_MEMORY);
    CHECK_NAMES(tp_error_message(), "80000000000");
    setrlimit(RLIMIT_AS, &old);
    CHECK(fixture_equals(model, before));
    free(before);
    tp_model_free(model);
}

/* ---- samples ------------------------------------------------------------------------------------------------ */

/* Two outputs, 0 and x - 0.5: a white pixel is of class 1. */
static tp_model *threshold(void) {
    static const int32_t widths[] = {1, 2};
    static const float weights[] = {0, 1}, bias[] = {0, -0.5f};
    tp_model *model = NULL;
    MUST(tp_model_create_mlp(&model, widths, 2, NULL));
    MUST(tp_model_set_layer(model, 0, weights, 2, bias, 2));
    return model;
}

static int32_t note_epoch(const tp_event *event, void *user_data) {
    if (event->kind == TP_EVENT_EPOCH) *(tp_event *)user_data = *event;
    return 0;
}

static void check_ten_million(void) {
    const int64_t count = 10000000;
    static const int32_t shape[] = {1, 1, 1};
    uint8_t *pixels = allocate((size_t)count);
    int32_t *labels = allocate((size_t)count * sizeof *labels);
    int64_t counts[4] = {0}, found[4], of_class[2] = {0};
    for (int64_t i = 0; i < count; i++) {
        int white = i % 3 != 0, label = white ^ (i % 7 == 0);
        pixels[i] = white ? 255 : 0;
        labels[i] = label;
        counts[2 * label + white]++;
        of_class[label]++;
    }
    tp_dataset *dataset = NULL, *first = NULL, *second = NULL;
    CHECK_EQUAL(tp_dataset_from_pixels(&dataset, pixels, shape, labels, count, NULL), TP_OK);
    free(pixels);
    free(labels);
    CHECK_EQUAL(tp_dataset_count(dataset), count);
    CHECK_EQUAL(tp_dataset_class_count(dataset), 2);

    float x = -1;
    int32_t label = -1;
    CHECK_EQUAL(tp_dataset_get(dataset, count - 1, 1, &x, 1, &label, 1), TP_OK);
    CHECK(x == (float)((count - 1) % 3 != 0));
    CHECK_EQUAL(label, ((count - 1) % 3 != 0) ^ ((count - 1) % 7 == 0));
    CHECK_EQUAL(tp_dataset_get(dataset, count, 1, &x, 1, &label, 1), TP_ERROR_INVALID_ARGUMENT);
    CHECK_NAMES(tp_error_message(), "9999999");

    tp_model *model = threshold();
    tp_metrics metrics;
    MUST(tp_metrics_init(&metrics, sizeof metrics));
    CHECK_EQUAL(tp_model_evaluate(model, dataset, TP_LOSS_CROSS_ENTROPY, &metrics), TP_OK);
    const int64_t correct = counts[0] + counts[3];
    CHECK_EQUAL(metrics.count, count);
    CHECK_EQUAL(metrics.correct, correct);
    CHECK(metrics.accuracy == (double)correct / (double)count);
    /* Every sample lies half a unit on the right or on the wrong side. */
    double loss = ((double)correct * log1p(exp(-0.5)) + (double)(count - correct) * log1p(exp(0.5))) / (double)count;
    CHECK(near(metrics.loss, loss, 1e-6));
    CHECK_EQUAL(tp_model_confusion_matrix(model, dataset, found, 4), TP_OK);
    CHECK(!memcmp(found, counts, sizeof counts));
    CHECK_EQUAL(found[0] + found[1] + found[2] + found[3], count);

    /* A stratified third; what is left is trained on, the last batch not full. */
    CHECK_EQUAL(tp_dataset_split(&first, &second, dataset, 1.0 / 3, 1, 7), TP_OK);
    CHECK_EQUAL(tp_dataset_count(second), 3333333);
    CHECK_EQUAL(tp_dataset_count(first), count - 3333333);
    int64_t rows[2] = {0};
    MUST(tp_model_confusion_matrix(model, second, found, 4));
    for (int i = 0; i < 4; i++) rows[i / 2] += found[i];
    for (int i = 0; i < 2; i++) CHECK(llabs(3 * rows[i] - of_class[i]) <= 3);
    tp_dataset_free(first);

    tp_trainer *trainer = fixture_trainer(model);
    tp_event epoch;
    tp_run_config run;
    memset(&epoch, 0, sizeof epoch);
    MUST(tp_run_config_init(&run, sizeof run));
    run.batch_size = 300000;
    run.progress_interval = -1;
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, second, &run, note_epoch, &epoch), TP_OK);
    CHECK_EQUAL(tp_trainer_step_count(trainer), 34);
    CHECK_EQUAL(tp_trainer_epoch(trainer), 1);
    CHECK_EQUAL(epoch.step, 34);
    CHECK_EQUAL(epoch.steps_per_epoch, 34);
    CHECK(near(epoch.loss, loss, 0.05));
    CHECK(epoch.valid_loss < epoch.loss && near(epoch.valid_loss, loss, 0.05));
    tp_trainer_free(trainer);
    tp_dataset_free(second);
    tp_dataset_free(dataset);
    tp_model_free(model);
}

/* 22,000 samples of 100,000 values are more than 2^31 values. All are 0, in pages that are never made, but for one
 * value of the last sample: outputs, and a step on the batch, follow from that sample alone. */
static void check_past_32_bits(void) {
    enum { width = 100000, count = 22000, last = count - 1, place = 77777 };
    const size_t bytes = (size_t)width * count * sizeof(float), page = 4096;
    static const int32_t widths[] = {width, 1, 2};
    static int32_t labels[count];
    static float weights[count], out[2 * count];
    float *x = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (x == MAP_FAILED) {
        printf("skipped: no address space for 8.8 GB\n");
        CHECK(1);
        return;
    }
    (void)madvise(x, bytes, MADV_HUGEPAGE); /* fewer faults, if it can be had */
    float *value = x + (size_t)last * width + place;
    if (mprotect((char *)x + ((char *)value - (char *)x) / page * page, page, PROT_READ | PROT_WRITE)) exit(2);
    *value = 3;
    tp_model *model = NULL, *alone = NULL;
    MUST(tp_model_create_mlp(&model, widths, 3, NULL));
    /* The unit is on for positive values, so that the step reaches the weights below it. */
    float weight = 0.25f, bias[2] = {0.5f, -0.25f}, *first = allocate(width * sizeof *first);
    for (int j = 0; j < width; j++) first[j] = j == place ? weight : -1;
    MUST(tp_model_set_layer(model, 0, first, width, NULL, 0));
    MUST(tp_model_set_layer(model, 1, NULL, 0, bias, 2));
    MUST(tp_model_clone(&alone, model));
    free(first);

    CHECK_EQUAL(tp_model_predict(model, x, width, count, TP_OUTPUT_RAW, out, 2 * count), TP_OK);
    float outgoing[2];
    MUST(tp_model_get_layer(model, 1, outgoing, 2, NULL, 0));
    int wrong = 0;
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < 2; k++) {
            wrong += fabsf(out[2 * i + k] - (bias[k] + (i == last ? outgoing[k] * 3 * weight : 0))) > 1e-6f;
        }
    }
    CHECK_EQUAL(wrong, 0);

    labels[last] = 1;
    weights[last] = 2;
    tp_batch batch = {.x = x, .x_width = width, .labels = labels, .weights = weights, .count = count};
    tp_batch single = {.x = x + (size_t)last * width, .x_width = width, .labels = labels + last, .count = 1};
    tp_trainer *trainers[2] = {fixture_trainer(model), fixture_trainer(alone)};
    double losses[2] = {-1, -2};
    CHECK_EQUAL(tp_trainer_step(trainers[0], &batch, &losses[0]), TP_OK);
    CHECK_EQUAL(tp_trainer_step(trainers[1], &single, &losses[1]), TP_OK);
    CHECK(near(losses[0], losses[1], 1e-6));
    float *stepped = fixture_parameters(model), *expected = fixture_parameters(alone);
    CHECK(stepped[place] != weight);
    wrong = 0;
    for (int64_t i = 0; i < tp_model_parameter_count(model); i++) wrong += fabsf(stepped[i] - expected[i]) > 1e-6f;
    CHECK_EQUAL(wrong, 0);
    free(stepped);
    free(expected);
    for (int i = 0; i < 2; i++) tp_trainer_free(trainers[i]);
    tp_model_free(model);
    tp_model_free(alone);
    munmap(x, bytes);
}

/* Counts that no memory holds are refused before the arrays are looked at: reading past these would end the process. */
static void check_impossible_counts(void) {
    static const int64_t counts[] = {INT64_MAX, INT64_MAX / 2, INT64_MAX / 4, ((int64_t)1 << 62) + 1};
    tp_model *model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_trainer *trainer = fixture_trainer(model), *squared = NULL;
    MUST(tp_trainer_create(&squared, model, TP_LOSS_MEAN_SQUARED_ERROR, NULL));
    float *before = fixture_parameters(model), gradient[256], g[64] = {0}, v[256] = {0};
    double loss = 77, slopes[128], s[13] = {0};
    for (int i = 0; i < 8; i++) g[9 * i] = 1;
    const size_t n = (size_t)tp_model_parameter_count(model);
    for (int i = 0; i < 8; i++) {
        const tp_loss kind = i < 4 ? TP_LOSS_CROSS_ENTROPY : TP_LOSS_MEAN_SQUARED_ERROR;
        tp_batch batch = i < 4 ? fixture_batch() : fixture_target_batch(), good = batch;
        batch.count = counts[i % 4];
#define NO_MEMORY(call)                                   \
    do {                                                  \
        CHECK_EQUAL((call), TP_ERROR_OUT_OF_MEMORY);      \
        CHECK_NAMES(tp_error_message(), " x ");           \
    } while (0)
        NO_MEMORY(tp_model_loss(model, &batch, kind, &loss));
        NO_MEMORY(tp_model_gradient(model, &batch, kind, gradient, n, &loss));
        NO_MEMORY(tp_model_hessian_vector_product(model, &batch, kind, v, n, gradient, n));
        NO_MEMORY(tp_model_linear_gradient_norm(model, &batch, kind, &loss, slopes, 89));
        NO_MEMORY(tp_model_scaling_gradient_norm(model, &batch, kind, s, 13, &loss, NULL, 0));
        NO_MEMORY(tp_model_apply_linear(model, 0, g, 64, &batch));
        CHECK_EQUAL(tp_trainer_step(i < 4 ? trainer : squared, &batch, &loss), TP_ERROR_INVALID_ARGUMENT);
        CHECK_NAMES(tp_error_message(), "at most 2147483647");
        NO_MEMORY(tp_trainer_teleport(i < 4 ? trainer : squared, &batch, NULL, NULL));
        NO_MEMORY(tp_model_predict(model, fixture_x, input_width, batch.count, TP_OUTPUT_RAW, gradient, 256));
        for (int group = TP_GROUP_SCALING; group <= TP_GROUP_LEVEL_SET; group++) {
            tp_teleport_config config;
            MUST(tp_teleport_config_init(&config, sizeof config));
            config.group = group;
            config.search = TP_SEARCH_ASCENT;
            NO_MEMORY(tp_model_teleport(model, &batch, kind, &config, NULL));
            config.held_out = &batch;
            NO_MEMORY(tp_model_teleport(model, &good, kind, &config, NULL));
        }
    }
    /* What a product of matrices cannot count is refused as early. */
    tp_batch batch = fixture_batch();
    batch.count = (int64_t)1 << 31;
    CHECK_EQUAL(tp_trainer_step(trainer, &batch, &loss), TP_ERROR_INVALID_ARGUMENT);
    CHECK_NAMES(tp_error_message(), "2147483648");
    CHECK_EQUAL(tp_model_apply_linear(model, 0, g, 64, &batch), TP_ERROR_INVALID_ARGUMENT);
    CHECK_NAMES(tp_error_message(), "2147483648");
    CHECK(loss == 77);
    CHECK(fixture_equals(model, before));
    CHECK_EQUAL(tp_trainer_step_count(trainer) + tp_trainer_step_count(squared), 0);
    free(before);
    tp_trainer_free(trainer);
    tp_trainer_free(squared);
    tp_model_free(model);
}

int main(void) {
    fixture_fill();
    check_impossible_counts();
    check_width(3, 100000, 2, TP_LOSS_CROSS_ENTROPY, TP_GROUP_LEVEL_SET);
    check_width(100000, 1, 2, TP_LOSS_CROSS_ENTROPY, TP_GROUP_LEVEL_SET);
    check_width(1, 1, 1, TP_LOSS_MEAN_SQUARED_ERROR, TP_GROUP_LEVEL_SET);
    check_linear_without_memory();
    check_ten_million();
    check_past_32_bits();
    return check_finish();
}
