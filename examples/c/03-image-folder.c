/* Trains a net on a folder of PNG images, one sub-folder a class: without a learning rate to choose, or at one, and
 * then with and without teleports.
 *
 *   03-image-folder [options] FOLDER
 *
 * FOLDER holds train/ and test/ with one folder a class each; or the class folders themselves, and then a fifth
 * of every class becomes the test set. --help lists the options. Ctrl-C stops cleanly: the epochs that ended are
 * reported. */
#define _GNU_SOURCE
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <teleport.h>
#include <unistd.h>

#define TRY(call) do { if ((call) < 0) fail(tp_error_message()); } while (0)

enum { max_widths = 64, max_list = 256, stopped_exit = 130, without = -1, unset = -2 };

static const char *const help =
    "usage: 03-image-folder [options] FOLDER\n"
    "  --widths 64,64             hidden widths\n"
    "  --activation leaky-relu    or relu, tanh, sigmoid, identity\n"
    "  --initialization glorot    or he, torch, uniform\n"
    "  --rate 0.01                learning rate; without one: layerwise distance over gradients in frames, which\n"
    "                             has none to choose\n"
    "  --rates 0.01,0.1           tries each without teleports and frames and goes on with the best\n"
    "  --optimizer sgd            or momentum, nesterov, adagrad, rmsprop, adam, adamw; dog, the one without a rate\n"
    "  --frames none              or centre, whiten, rotate: coordinates that steps are taken in; whiten for dog\n"
    "  --epochs 10\n"
    "  --batch 32                 samples a mini-batch\n"
    "  --seed 0                   of the first weights and of the order of samples\n"
    "  --compare                  train with and without frames or teleports, from the same start\n"
    "  --quiet                    the end alone, without the table of epochs\n"
    "teleports by scaling, which help at a rate that is too small; not together with frames or dog:\n"
    "  --teleport-epochs 0        epochs that begin with a teleport: 0,5 for two of them\n"
    "  --teleport-samples 2048    samples a teleport looks at\n"
    "  --search lookahead         or ascent, random\n"
    "  --radius 1\n"
    "  --exact                    scale by powers of two: no output changes by a bit\n"
    "  --no-teleport              train without\n"
    "images, and the rest:\n"
    "  --size 28x28               resample images to height x width; otherwise all must have one size\n"
    "  --channels 1               1 grey, 3 RGB, 4 RGBA; otherwise as the first image has\n"
    "  --skip-bad                 leave out files that cannot be read\n"
    "  --nested-classes           a class may hold folders alone\n"
    "  --threads 0                0: all processors\n"
    "  --require-accuracy 0.9     exit 1 when the test accuracy ends lower\n";

typedef struct options {
    const char *folder;
    int32_t hidden[max_widths], hidden_count;
    int32_t activation, initialization, epochs, batch, threads, channels, height, width;
    int32_t skip_bad, nested_classes, exact, no_teleport, compare, quiet, search, teleport_samples;
    int32_t scaling; /* an option of teleports by scaling is given */
    int32_t optimizer, frames; /* tp_optimizer; tp_frame_kind or `without` */
    int32_t teleport_epochs[max_list];
    size_t teleport_epoch_count;
    double rate, rates[max_list], radius, require_accuracy; /* rate below 0: none is given */
    int rate_count;
    uint64_t seed;
} options;

/* One training run: a model, what trains it, and what was measured after each epoch (0: before the first). */
typedef struct run {
    const char *name;
    int teleports, frames, averages, diverged;
    tp_model *model;
    tp_trainer *trainer;
    double *train_loss, *test_accuracy;
} run;

static tp_dataset *train_set, *test_set;
static volatile int32_t interrupted; /* written by the signal handler, read by the library */
static int terminal;

/* ---- small things ---------------------------------------------------------------------------------------- */

static void clear_line(void) {
    if (terminal) fputs("\r\033[K", stdout);
}

static void fail(const char *message) {
    clear_line();
    fflush(stdout);
    fprintf(stderr, "03-image-folder: %s\n", message);
    exit(EXIT_FAILURE);
}

static void fail_option(const char *name, const char *text) {
    fprintf(stderr, "03-image-folder: --%s: \"%s\" is not a value for it; see --help\n", name, text);
    exit(2);
}

static void on_interrupt(int signal) {
    (void)signal;
    interrupted = 1;
}

static void *allocate(size_t count, size_t size) {
    void *block = calloc(count, size);
    if (!block) fail("out of memory");
    return block;
}

static void draw_bar(const char *what, double fraction, const char *note) {
    enum { cells = 30 };
    char bar[cells + 1];
    if (!terminal) return;
    int done = (int)(fraction * cells);
    for (int i = 0; i < cells; i++) bar[i] = i < done ? '#' : '.';
    bar[cells] = 0;
    printf("\r\033[K%s [%s] %3.0f %% %s", what, bar, 100 * fraction, note);
    fflush(stdout);
}

/* ---- options --------------------------------------------------------------------------------------------- */

static double number(const char *name, const char *text, double low, double high) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= low && value <= high)) fail_option(name, text);
    return value;
}

static int32_t whole(const char *name, const char *text, double low, double high) {
    double value = number(name, text, low, high);
    if (value != floor(value)) fail_option(name, text);
    return (int32_t)value;
}

/* Calls for each part of "a,b,c". */
static size_t list(const char *name, const char *text, double low, double high, double *values, size_t capacity) {
    char copy[4096], *rest = copy;
    size_t count = 0;
    if (strlen(text) >= sizeof copy) fail_option(name, text);
    strcpy(copy, text);
    for (char *part; (part = strsep(&rest, ","));) {
        if (count == capacity) fail_option(name, text);
        values[count++] = number(name, part, low, high);
    }
    return count;
}

static int32_t choice(const char *name, const char *text, const char *const *names) {
    for (int32_t i = 0; names[i]; i++) {
        if (!strcmp(text, names[i])) return i;
    }
    fail_option(name, text);
    return 0;
}

/* What no option says: without a rate the optimizer that needs none, in whitened frames; at a rate SGD, in none. */
static void choose_method(options *o) {
    int rate = o->rate >= 0 || o->rate_count;
    if (o->optimizer == unset) o->optimizer = rate ? TP_OPTIMIZER_SGD : TP_OPTIMIZER_DOG;
    int dog = o->optimizer == TP_OPTIMIZER_DOG;
    if (dog == rate) {
        fprintf(stderr, "03-image-folder: %s\n", dog ? "dog has no rate to choose; leave out --rate and --rates"
                                                     : "this optimizer needs --rate or --rates");
        exit(2);
    }
    if (o->frames == unset) o->frames = dog ? TP_FRAME_WHITEN : without;
    if (o->scaling && (dog || o->frames != without)) {
        fputs("03-image-folder: teleports by scaling are for --rate, without --frames\n", stderr);
        exit(2);
    }
}

static options parse(int argc, char **argv) {
    /* In the order of the header's enums. */
    static const char *const activations[] = {"identity", "leaky-relu", "relu", "sigmoid", "tanh", NULL};
    static const char *const initializations[] = {"glorot", "he", "torch", "uniform", NULL};
    static const char *const searches[] = {"lookahead", "ascent", "random", NULL};
    static const char *const optimizers[] = {"sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw",
                                             "dog", NULL};
    static const char *const frames[] = {"none", "whiten", "rotate", "centre", NULL}; /* the enum after none */
    enum { o_widths = 1, o_activation, o_initialization, o_rate, o_rates, o_epochs, o_batch, o_seed,
           o_teleport_epochs, o_teleport_samples, o_search, o_radius, o_exact, o_no_teleport, o_compare, o_size,
           o_channels, o_skip_bad, o_nested_classes, o_threads, o_require_accuracy, o_optimizer, o_frames,
           o_quiet, o_help };
    static const struct option known[] = {
        {"widths", 1, NULL, o_widths}, {"activation", 1, NULL, o_activation},
        {"initialization", 1, NULL, o_initialization}, {"rate", 1, NULL, o_rate}, {"rates", 1, NULL, o_rates},
        {"epochs", 1, NULL, o_epochs}, {"batch", 1, NULL, o_batch}, {"seed", 1, NULL, o_seed},
        {"teleport-epochs", 1, NULL, o_teleport_epochs}, {"teleport-samples", 1, NULL, o_teleport_samples},
        {"search", 1, NULL, o_search}, {"radius", 1, NULL, o_radius}, {"exact", 0, NULL, o_exact},
        {"no-teleport", 0, NULL, o_no_teleport}, {"compare", 0, NULL, o_compare}, {"size", 1, NULL, o_size},
        {"channels", 1, NULL, o_channels}, {"skip-bad", 0, NULL, o_skip_bad},
        {"nested-classes", 0, NULL, o_nested_classes}, {"threads", 1, NULL, o_threads},
        {"require-accuracy", 1, NULL, o_require_accuracy}, {"optimizer", 1, NULL, o_optimizer},
        {"frames", 1, NULL, o_frames}, {"quiet", 0, NULL, o_quiet}, {"help", 0, NULL, o_help}, {NULL, 0, NULL, 0}};
    options o = {.hidden = {64, 64}, .hidden_count = 2, .activation = TP_ACTIVATION_LEAKY_RELU, .epochs = 10,
                 .batch = 32, .rate = -1, .radius = 1, .teleport_samples = 2048, .teleport_epoch_count = 1,
                 .optimizer = unset, .frames = unset};
    double values[max_list];
    const double big = 2147483647;
    int option, index = 0;
    char after;

    while ((option = getopt_long(argc, argv, "", known, &index)) != -1) {
        const char *name = option == '?' ? NULL : known[index].name;
        if (option >= o_teleport_epochs && option <= o_exact) o.scaling = 1;
        switch (option) {
        case o_widths:
            o.hidden_count = (int32_t)list(name, optarg, 1, big, values, max_widths - 2);
            for (int i = 0; i < o.hidden_count; i++) o.hidden[i] = (int32_t)values[i];
            break;
        case o_activation: o.activation = choice(name, optarg, activations); break;
        case o_initialization: o.initialization = choice(name, optarg, initializations); break;
        case o_rate: o.rate = number(name, optarg, 0, 1e9); break;
        case o_optimizer: o.optimizer = choice(name, optarg, optimizers); break;
        case o_frames: o.frames = choice(name, optarg, frames) + without; break;
        case o_rates: o.rate_count = (int)list(name, optarg, 0, 1e9, o.rates, max_list); break;
        case o_epochs: o.epochs = whole(name, optarg, 1, 1e6); break;
        case o_batch: o.batch = whole(name, optarg, 1, big); break;
        case o_seed: o.seed = (uint64_t)number(name, optarg, 0, 9007199254740992.0); break;
        case o_teleport_epochs:
            o.teleport_epoch_count = list(name, optarg, 0, 1e6, values, max_list);
            for (size_t i = 0; i < o.teleport_epoch_count; i++) o.teleport_epochs[i] = (int32_t)values[i];
            break;
        case o_teleport_samples: o.teleport_samples = whole(name, optarg, 1, big); break;
        case o_search: o.search = choice(name, optarg, searches); break;
        case o_radius: o.radius = number(name, optarg, 0, 16); break;
        case o_exact: o.exact = 1; break;
        case o_no_teleport: o.no_teleport = 1; break;
        case o_compare: o.compare = 1; break;
        case o_quiet: o.quiet = 1; break;
        case o_size:
            if (sscanf(optarg, "%dx%d%c", &o.height, &o.width, &after) != 2) fail_option(name, optarg);
            break;
        case o_channels: o.channels = whole(name, optarg, 0, 4); break;
        case o_skip_bad: o.skip_bad = 1; break;
        case o_nested_classes: o.nested_classes = 1; break;
        case o_threads: o.threads = whole(name, optarg, 0, 256); break;
        case o_require_accuracy: o.require_accuracy = number(name, optarg, 0, 1); break;
        case o_help: fputs(help, stdout); exit(EXIT_SUCCESS);
        default: fputs(help, stderr); exit(2);
        }
    }
    if (optind + 1 != argc) {
        fputs(help, stderr);
        exit(2);
    }
    o.folder = argv[optind];
    choose_method(&o);
    return o;
}

/* ---- data ------------------------------------------------------------------------------------------------ */

static int32_t on_reading(int64_t done, int64_t total, void *what) {
    draw_bar(what, total ? (double)done / (double)total : 0, "");
    return interrupted;
}

static tp_dataset *read_folder(const char *path, const tp_image_config *config, char *what) {
    tp_dataset *set;
    tp_status status = tp_dataset_from_image_folder(&set, path, config, on_reading, what);
    TRY(status);
    clear_line();
    if (status == TP_STOPPED) exit(stopped_exit);
    int64_t skipped = tp_dataset_skipped_count(set);
    for (int64_t i = 0; i < skipped && i < 5; i++) {
        const char *file, *reason;
        TRY(tp_dataset_skipped(set, i, &file, &reason));
        printf("left out %s: %s\n", file, reason);
    }
    if (skipped > 5) printf("left out %lld more\n", (long long)(skipped - 5));
    return set;
}

static void read_data(const options *o) {
    char train_path[4096], test_path[4096];
    struct stat status;
    tp_image_config config;

    if (snprintf(train_path, sizeof train_path, "%s/train", o->folder) >= (int)sizeof train_path ||
        snprintf(test_path, sizeof test_path, "%s/test", o->folder) >= (int)sizeof test_path) {
        fail("the path of the folder is too long");
    }
    TRY(tp_image_config_init(&config, sizeof config));
    config.channels = o->channels;
    config.height = o->height;
    config.width = o->width;
    config.bad_image = o->skip_bad ? TP_BAD_IMAGE_SKIP : TP_BAD_IMAGE_FAIL;
    config.nested_classes = o->nested_classes;

    if (stat(train_path, &status) || stat(test_path, &status)) {
        tp_dataset *all = read_folder(o->folder, &config, "reading");
        TRY(tp_dataset_split(&train_set, &test_set, all, 0.2, 1, o->seed));
        tp_dataset_free(all);
    } else {
        train_set = read_folder(train_path, &config, "reading train");
        /* The classes of train/ in their order, and its number of channels. */
        int32_t classes = tp_dataset_class_count(train_set);
        const char **names = allocate((size_t)classes, sizeof *names);
        for (int32_t i = 0; i < classes; i++) names[i] = tp_dataset_class_name(train_set, i);
        config.class_names = names;
        config.class_count = (size_t)classes;
        config.allow_empty_classes = 1;
        TRY(tp_dataset_sample_shape(train_set, &config.channels, NULL, NULL));
        test_set = read_folder(test_path, &config, "reading test");
        free(names);
    }
}

/* ---- runs ------------------------------------------------------------------------------------------------ */

static run start_run(const char *name, const options *o, double rate, int teleports, int frames) {
    run r = {.name = name, .teleports = teleports, .frames = frames, .averages = o->optimizer == TP_OPTIMIZER_DOG};
    int32_t widths[max_widths], channels, height, width;
    size_t count = 0;
    tp_model_config model;
    tp_optimizer_config optimizer;

    TRY(tp_dataset_sample_shape(train_set, &channels, &height, &width));
    widths[count++] = channels * height * width;
    for (int i = 0; i < o->hidden_count; i++) widths[count++] = o->hidden[i];
    widths[count++] = tp_dataset_class_count(train_set);

    TRY(tp_model_config_init(&model, sizeof model));
    model.activation = o->activation;
    model.initialization = o->initialization;
    model.seed = o->seed;
    TRY(tp_model_create_mlp(&r.model, widths, count, &model));

    TRY(tp_optimizer_config_init(&optimizer, sizeof optimizer));
    optimizer.optimizer = o->optimizer;
    if (!r.averages) optimizer.learning_rate = rate;
    TRY(tp_trainer_create(&r.trainer, r.model, TP_LOSS_CROSS_ENTROPY, &optimizer));
    r.train_loss = allocate((size_t)o->epochs + 1, sizeof *r.train_loss);
    r.test_accuracy = allocate((size_t)o->epochs + 1, sizeof *r.test_accuracy);
    return r;
}

static void end_run(run *r) {
    tp_trainer_free(r->trainer);
    tp_model_free(r->model);
    free(r->train_loss);
    free(r->test_accuracy);
}

/* On the way the average of the weights is looked at, where there is one; the last epoch's run has ended with the
 * better of both. */
static void evaluate(run *r, const options *o, int32_t epoch) {
    tp_metrics metrics = {.struct_size = sizeof metrics};
    tp_model *averaged = NULL;
    if (r->diverged) {
        r->train_loss[epoch] = r->test_accuracy[epoch] = NAN;
        return;
    }
    if (r->averages && epoch < o->epochs) TRY(tp_trainer_averaged_model(&averaged, r->trainer));
    const tp_model *model = averaged ? averaged : r->model;
    TRY(tp_model_evaluate(model, train_set, TP_LOSS_CROSS_ENTROPY, &metrics));
    r->train_loss[epoch] = metrics.loss;
    TRY(tp_model_evaluate(model, test_set, TP_LOSS_CROSS_ENTROPY, &metrics));
    r->test_accuracy[epoch] = metrics.accuracy;
    tp_model_free(averaged);
}

static int32_t on_event(const tp_event *event, void *user_data) {
    const run *r = user_data;
    char what[128], note[64];
    if (event->kind == TP_EVENT_STEP) {
        snprintf(what, sizeof what, "epoch %lld %s", (long long)event->epoch + 1, r->name);
        snprintf(note, sizeof note, "loss %.4f", event->loss);
        draw_bar(what, (double)event->step_in_epoch / (double)event->steps_per_epoch, note);
    } else if (event->kind == TP_EVENT_TELEPORT) {
        const tp_teleport_report *t = event->teleport;
        if (r->frames && t->outcome != TP_TELEPORT_UNDONE) return 0; /* one every 200 steps */
        clear_line();
        printf("       teleport in epoch %lld: %s", (long long)event->epoch + 1,
               tp_teleport_outcome_string(t->outcome));
        if (t->accepted) {
            printf("; radius %g, loss %.6f -> %.6f, outputs moved by %.1e of their range", t->radius,
                   t->loss_before, t->loss_after, t->output_change);
        }
        printf("; %.2f s\n", t->seconds);
        fflush(stdout);
    }
    return 0;
}

/* Trains for one epoch, from 1. 0 when it was stopped. */
static int train_epoch(run *r, const options *o, int32_t epoch) {
    tp_run_config config;
    tp_frame_config frames;
    tp_teleport_config teleport;

    if (r->diverged) return 1;
    TRY(tp_run_config_init(&config, sizeof config));
    TRY(tp_teleport_config_init(&teleport, sizeof teleport));
    teleport.search = o->search;
    teleport.radius = o->radius;
    teleport.exact = o->exact;
    config.batch_size = o->batch;
    config.seed = o->seed;
    config.stop_flag = &interrupted;
    config.finish = epoch == o->epochs ? TP_FINISH_DEFAULT : TP_FINISH_LAST;
    if (r->frames) {
        TRY(tp_frame_config_init(&frames, sizeof frames));
        frames.kind = o->frames;
        config.frames = &frames;
    } else {
        config.centring = TP_CENTRING_OFF; /* none, also for dog, whose runs subtract the mean by themselves */
    }
    if (r->teleports) {
        config.teleport = &teleport;
        config.teleport_epochs = o->teleport_epochs; /* counted by the trainer, over all its runs */
        config.teleport_epoch_count = o->teleport_epoch_count;
        config.teleport_samples = o->teleport_samples;
    }
    tp_status status = tp_trainer_run(r->trainer, train_set, NULL, &config, on_event, r);
    if (status == TP_ERROR_NOT_FINITE) {
        r->diverged = 1;
    } else {
        TRY(status);
    }
    return status != TP_STOPPED;
}

static void print_row(const run *runs, int count, int32_t epoch) {
    clear_line();
    printf("%5d", epoch);
    for (int i = 0; i < count; i++) {
        if (isnan(runs[i].train_loss[epoch])) {
            printf("  %12s  %11s  ", "diverged", "");
        } else {
            printf("  %12.6f  %9.2f %%  ", runs[i].train_loss[epoch], 100 * runs[i].test_accuracy[epoch]);
        }
    }
    printf("\n");
    fflush(stdout);
}

/* Trains all runs side by side, epoch by epoch. Answers the epochs that were completed. */
static int32_t train(run *runs, int count, const options *o, int print) {
    for (int i = 0; i < count; i++) evaluate(&runs[i], o, 0);
    if (print) {
        printf("\n     ");
        for (int i = 0; i < count; i++) printf("  %-25s  ", runs[i].name);
        printf("\nepoch");
        for (int i = 0; i < count; i++) printf("  %12s  %11s  ", "train loss", "test acc.");
        printf("\n");
        print_row(runs, count, 0);
    }
    for (int32_t epoch = 1; epoch <= o->epochs; epoch++) {
        for (int i = 0; i < count; i++) {
            if (!train_epoch(&runs[i], o, epoch)) return epoch - 1;
            evaluate(&runs[i], o, epoch);
        }
        if (print) print_row(runs, count, epoch);
    }
    return o->epochs;
}

/* The rate at which training without teleports and frames ends with the lowest training loss. */
static double best_rate(const options *o) {
    double best = o->rates[0], best_loss = INFINITY;
    printf("\nwithout %s, %d epochs\n   rate    train loss    test acc.\n",
           o->frames == without ? "teleports" : "frames", o->epochs);
    for (int i = 0; i < o->rate_count; i++) {
        run r = start_run("", o, o->rates[i], 0, 0);
        if (train(&r, 1, o, 0) < o->epochs) exit(stopped_exit);
        clear_line();
        double loss = r.train_loss[o->epochs];
        if (r.diverged) {
            printf("%7g      diverged\n", o->rates[i]);
        } else {
            printf("%7g  %12.6f  %9.2f %%\n", o->rates[i], loss, 100 * r.test_accuracy[o->epochs]);
        }
        if (loss < best_loss) {
            best_loss = loss;
            best = o->rates[i];
        }
        end_run(&r);
    }
    printf("best rate: %g\n", best);
    return best;
}

static void print_comparison(const run *plain, const run *other, int32_t epochs) {
    const char *with = other->name;
    double goal = plain->train_loss[epochs], end = other->train_loss[epochs];
    int32_t epoch = 0;
    if (isnan(goal) || isnan(end)) {
        printf("\n%s diverged.\n", isnan(goal) ? (isnan(end) ? "Both runs" : plain->name) : with);
        return;
    }
    while (epoch <= epochs && !(other->train_loss[epoch] <= goal)) epoch++;
    printf("\nfinal training loss: %.6f without, %.6f %s; ratio %.2f\n", goal, end, with, end / goal);
    printf("final test accuracy: %.2f %% without, %.2f %% %s\n", 100 * plain->test_accuracy[epochs],
           100 * other->test_accuracy[epochs], with);
    if (epoch <= epochs) {
        printf("the run %s reaches %.6f after epoch %d of %d\n", with, goal, epoch, epochs);
    } else {
        printf("the run %s does not reach %.6f in %d epochs\n", with, goal, epochs);
    }
}

static void print_end(const run *r, int32_t epochs) {
    if (isnan(r->train_loss[epochs])) return;
    printf("\nfinal training loss: %.6f; test accuracy: %.2f %%\n", r->train_loss[epochs],
           100 * r->test_accuracy[epochs]);
}

int main(int argc, char **argv) {
    options o = parse(argc, argv);
    run runs[2];
    int count = 0;
    int32_t channels, height, width;
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};

    terminal = isatty(STDOUT_FILENO);
    sigaction(SIGINT, &action, NULL);
    TRY(tp_set_thread_count(o.threads));
    read_data(&o);
    TRY(tp_dataset_sample_shape(train_set, &channels, &height, &width));
    printf("%lld images to train on, %lld to test on, %d classes, %d x %d x %d\n",
           (long long)tp_dataset_count(train_set), (long long)tp_dataset_count(test_set),
           tp_dataset_class_count(train_set), channels, height, width);
    printf("classes:");
    for (int32_t i = 0; i < tp_dataset_class_count(train_set); i++) printf(" %s", tp_dataset_class_name(train_set, i));
    printf("\n");

    if (o.rate_count) o.rate = best_rate(&o);
    if (o.optimizer == TP_OPTIMIZER_DOG) {
        printf("no --rate given: layerwise distance over gradients%s\n", o.frames == without ? "" : " in frames");
    }
    int framed = o.frames != without, scalable = !framed && o.optimizer != TP_OPTIMIZER_DOG;
    int scaled = scalable && (o.compare || !o.no_teleport);
    if (o.compare || !(framed || scaled)) {
        runs[count++] = start_run(scalable ? "without teleports" : "without frames", &o, o.rate, 0, 0);
    }
    if (framed) runs[count++] = start_run("in frames", &o, o.rate, 0, 1);
    if (scaled) runs[count++] = start_run("with teleports", &o, o.rate, 1, 0);
    printf("%lld parameters, ", (long long)tp_model_parameter_count(runs[0].model));
    if (o.optimizer != TP_OPTIMIZER_DOG) printf("rate %g, ", o.rate);
    printf("batch %d, seed %llu\n", o.batch, (unsigned long long)o.seed);

    int32_t epochs = train(runs, count, &o, !o.quiet);
    if (epochs < o.epochs) {
        clear_line();
        printf("stopped after %d epochs\n", epochs);
    }
    if (count == 2) print_comparison(&runs[0], &runs[1], epochs);
    else print_end(&runs[0], epochs);
    double accuracy = runs[count - 1].test_accuracy[epochs];

    for (int i = 0; i < count; i++) end_run(&runs[i]);
    tp_dataset_free(train_set);
    tp_dataset_free(test_set);
    if (interrupted) return stopped_exit;
    if (isnan(accuracy)) {
        fprintf(stderr, "training diverged\n");
        return EXIT_FAILURE;
    }
    if (accuracy < o.require_accuracy) {
        fprintf(stderr, "the test accuracy is %.4f, less than %.4f\n", accuracy, o.require_accuracy);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
