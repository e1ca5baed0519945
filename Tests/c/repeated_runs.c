/* Equal seed, data and threads give equal results to the bit: a hundred runs in this process on 1 thread, a hundred on
 * 2, and some in processes of their own, whose memory lies elsewhere and whose locale is another.
 *
 *   repeated_runs THREADS     one run on THREADS threads; prints its hash */
#define _GNU_SOURCE
#include <locale.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

/* A mini-batch's pass takes more than 2 x 4 million multiply-adds: threads share it. */
enum { inputs = 64, hidden = 160, classes = 10, batch_size = 128, samples = 3 * batch_size, epochs = 2 };
enum { parameters = hidden * (inputs + 1) + hidden * (hidden + 1) + classes * (hidden + 1) };

/* All that a run shows. */
typedef struct {
    float weights[parameters];
    float outputs[samples * classes];
    double losses[64];
    double reports[4][9];
    int64_t numbers[4][8];
    double measured[2];
    int32_t loss_count, report_count;
} result;

static float x[samples * inputs];
static int32_t labels[samples];

static void fill(void) {
    uint32_t state = 99;
    for (int i = 0; i < samples; i++) {
        for (int j = 0; j < inputs; j++) {
            state = state * 1664525u + 1013904223u;
            x[i * inputs + j] = (float)(state >> 8) / 8388608.0f - 1;
        }
        labels[i] = (int32_t)(5 * (x[i * inputs] + 1)) % classes;
    }
}

static void note_report(result *r, const tp_teleport_report *report) {
    const int at = r->report_count++ % 4;
    const double numbers[] = {report->radius,        report->loss_before,  report->loss_after,
                              report->held_out_after, report->output_change, report->condition,
                              report->score_before,  report->score_after,  report->objective_after};
    const int64_t counts[] = {report->accepted,   report->outcome,    report->steps, report->backtracks,
                              report->candidates, report->refused, report->rank,  report->layer};
    memcpy(r->reports[at], numbers, sizeof numbers);
    memcpy(r->numbers[at], counts, sizeof counts);
}

static int32_t note(const tp_event *event, void *user_data) {
    result *r = user_data;
    if (event->kind == TP_EVENT_TELEPORT) {
        note_report(r, event->teleport);
    } else {
        r->losses[r->loss_count++ % 64] = event->loss;
        if (event->kind == TP_EVENT_EPOCH) r->losses[r->loss_count++ % 64] = event->valid_loss;
    }
    return 0;
}

/* Two shuffled epochs with Adam, a default teleport before the first, and one by random elements of the general linear
 * group in the end. */
static void run_once(result *r) {
    static const int32_t widths[] = {inputs, hidden, hidden, classes};
    tp_model *model = NULL;
    tp_trainer *trainer = NULL;
    tp_dataset *dataset = NULL, *train = NULL, *valid = NULL;
    tp_model_config made;
    tp_optimizer_config adam;
    tp_teleport_config teleport;
    tp_teleport_report report;
    tp_run_config run;
    tp_metrics metrics;
    memset(r, 0, sizeof *r);
    MUST(tp_model_config_init(&made, sizeof made));
    made.seed = 7;
    MUST(tp_model_create_mlp(&model, widths, 4, &made));
    MUST(tp_dataset_from_labels(&dataset, x, inputs, labels, samples, classes));
    MUST(tp_dataset_split(&train, &valid, dataset, 1.0 / 3, 1, 3));
    MUST(tp_optimizer_config_init(&adam, sizeof adam));
    adam.optimizer = TP_OPTIMIZER_ADAM;
    adam.learning_rate = 0.0001;
    MUST(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, &adam));
    MUST(tp_teleport_config_init(&teleport, sizeof teleport));
    teleport.rollout_steps = 3;
    MUST(tp_run_config_init(&run, sizeof run));
    run.epochs = epochs;
    run.batch_size = batch_size;
    run.seed = 11;
    run.progress_interval = 1;
    run.teleport = &teleport;
    run.teleport_samples = 128;
    MUST(tp_trainer_run(trainer, train, valid, &run, note, r));

    tp_batch few = {.x = x, .x_width = inputs, .labels = labels, .count = 16};
    MUST(tp_teleport_config_init(&teleport, sizeof teleport));
    MUST(tp_teleport_report_init(&report, sizeof report));
    teleport.group = TP_GROUP_LINEAR;
    teleport.search = TP_SEARCH_RANDOM;
    teleport.candidates = 1;
    teleport.layer = 1;
    teleport.seed = 5;
    teleport.held_out_tolerance = -1;
    teleport.loss_tolerance = 0.01;
    MUST(tp_trainer_teleport(trainer, &few, &teleport, &report));
    note_report(r, &report);
    MUST(tp_metrics_init(&metrics, sizeof metrics));
    MUST(tp_model_evaluate(model, dataset, TP_LOSS_CROSS_ENTROPY, &metrics));
    r->measured[0] = metrics.loss;
    r->measured[1] = metrics.accuracy;
    MUST(tp_model_predict(model, x, inputs, samples, TP_OUTPUT_PROBABILITIES, r->outputs, samples * classes));
    MUST(tp_model_get_parameters(model, r->weights, parameters));
    tp_trainer_free(trainer);
    tp_dataset_free(train);
    tp_dataset_free(valid);
    tp_dataset_free(dataset);
    tp_model_free(model);
}

/* FNV-1a. */
static uint64_t hash(const result *r) {
    uint64_t value = 14695981039346656037u;
    for (size_t i = 0; i < sizeof *r; i++) value = (value ^ ((const unsigned char *)r)[i]) * 1099511628211u;
    return value;
}

/* The hash of a run in another process, or 0. */
static uint64_t hash_elsewhere(const char *program, int threads, const char *environment) {
    char command[4200];
    unsigned long long value = 0;
    snprintf(command, sizeof command, "%s '%s' %d", environment, program, threads);
    FILE *output = popen(command, "r");
    if (!output || fscanf(output, "%llx", &value) != 1) value = 0;
    if (output && pclose(output) != 0) value = 0;
    return value;
}

int main(int argc, char **argv) {
    static result first[2], again;
    static char program[4096];
    fill();
    if (argc > 1) {
        setlocale(LC_ALL, "");
        MUST(tp_set_thread_count(atoi(argv[1])));
        run_once(&again);
        printf("%llx\n", (unsigned long long)hash(&again));
        return 0;
    }
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) return 2;

    for (int threads = 1; threads <= 2; threads++) {
        result *expected = &first[threads - 1];
        MUST(tp_set_thread_count(threads));
        run_once(expected);
        int differ = 0;
        for (int i = 1; i < 100; i++) {
            run_once(&again);
            differ += memcmp(&again, expected, sizeof again) != 0;
        }
        CHECK_EQUAL(differ, 0);
        CHECK_EQUAL(expected->report_count, 2);
        CHECK_EQUAL(expected->loss_count, epochs * (2 + 2));
        for (int i = 0; i < 2; i++) CHECK_EQUAL(expected->numbers[i][0], 1); /* both accepted */
        const uint64_t wanted = hash(expected);
        CHECK(hash_elsewhere(program, threads, "") == wanted);
        CHECK(hash_elsewhere(program, threads, "LC_ALL=de_DE.UTF-8") == wanted);
        CHECK(hash_elsewhere(program, threads, "MALLOC_PERTURB_=165") == wanted);
    }
    /* Other threads are other sums of losses: the runs above did share their batches. */
    CHECK(memcmp(first[0].losses, first[1].losses, sizeof first[0].losses) != 0);
    return check_finish();
}
