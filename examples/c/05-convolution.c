/* Trains a convolutional net on a folder of PNG images, one sub-folder a class; saves it, loads it, predicts a file.
 *
 *   05-convolution [options] FOLDER
 *
 * FOLDER holds train/ and test/ with one folder a class each; or the class folders themselves, and then a fifth of
 * every class becomes the test set. A tenth of what is trained on is held back: it says when to stop. */
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <teleport.h>
#include <unistd.h>

#define TRY(call) do { if ((call) < 0) fail(tp_error_message()); } while (0)

enum { text_size = 65537, path_size = 4096, stopped_exit = 130 };

static const char *const help =
    "usage: 05-convolution [options] FOLDER\n"
    "  --network resnet-8      or resnet-14, resnet-20, lenet, vgg-small, mlp; or a file with the text of a net\n"
    "  --size 32x32            resample images to height x width; otherwise all must have one size\n"
    "  --rate 0.01             learning rate of SGD with momentum 0.9; it falls to 0 as a cosine\n"
    "  --epochs 10             at most; fewer once --patience is used up\n"
    "  --patience 3            epochs without a lower loss on the images that are held back\n"
    "  --batch 32\n"
    "  --shift 1               moves images by up to so many pixels as they are drawn; 0: not\n"
    "  --flip                  mirrors half of them, left to right\n"
    "  --teleport              one by scaling before the first step, which helps at a rate that is too small\n"
    "  --seed 0\n"
    "  --save net.safetensors  the trained net\n"
    "  --predict FILE.png      otherwise the first test image\n";

static volatile int32_t interrupted; /* written by the signal handler, read by the library */

static void fail(const char *message) {
    fflush(stdout);
    fprintf(stderr, "05-convolution: %s\n", message);
    exit(EXIT_FAILURE);
}

static void on_interrupt(int signal) { interrupted = signal; }

static int32_t on_reading(int64_t done, int64_t total, void *user_data) {
    (void)done, (void)total, (void)user_data;
    return interrupted;
}

static tp_dataset *read_folder(const char *path, const tp_image_config *config) {
    tp_dataset *set;
    tp_status status = tp_dataset_from_image_folder(&set, path, config, on_reading, NULL);
    TRY(status);
    if (status == TP_STOPPED) exit(stopped_exit);
    return set;
}

/* The text of a known net for these images, or what is in a file. */
static void read_network(const char *network, const tp_dataset *images, char *text) {
    int32_t shape[3];
    TRY(tp_dataset_sample_shape(images, &shape[0], &shape[1], &shape[2]));
    FILE *file = fopen(network, "rb");
    if (!file) {
        TRY(tp_architecture(network, shape, tp_dataset_class_count(images), text, text_size, NULL));
        return;
    }
    size_t length = fread(text, 1, text_size - 1, file);
    if (ferror(file) || !feof(file)) fail("the file of the net cannot be read, or is longer than any text of one");
    fclose(file);
    text[length] = 0;
}

/* What a run tells: a bar on a terminal, a line an epoch. */
static int32_t on_event(const tp_event *event, void *user_data) {
    const int terminal = *(const int *)user_data;
    const char *line = terminal ? "\r\033[K" : "";
    if (event->kind == TP_EVENT_STEP && terminal) {
        double done = (double)event->step_in_epoch / (double)event->steps_per_epoch;
        printf("\r\033[Kepoch %lld  %3.0f %%  loss %.4f", (long long)event->epoch + 1, 100 * done, event->loss);
    } else if (event->kind == TP_EVENT_EPOCH) {
        printf("%s%5lld  %10.4f  %10.4f  %7.2f %%  %6.1f s\n", line, (long long)event->epoch + 1, event->loss,
               event->valid_loss, 100 * event->valid_accuracy, event->seconds);
    } else if (event->kind == TP_EVENT_TELEPORT) {
        const tp_teleport_report *t = event->teleport;
        printf("%steleport: %s, |gradient|^2 %.3g -> %.3g\n", line, tp_teleport_outcome_string(t->outcome),
               t->gradient_norm2_before, t->gradient_norm2_after);
    } else if (event->kind == TP_EVENT_EARLY_STOP) {
        printf("no lower loss since epoch %lld, whose weights are back\n", (long long)event->epoch + 1);
    }
    fflush(stdout);
    return 0;
}

typedef struct options {
    const char *network, *save, *predict, *folder;
    int32_t height, width, epochs, patience, batch, shift;
    int flip, teleport;
    double rate;
    uint64_t seed;
} options;

static double number(const char *text, double low, double high) {
    char *end;
    double value = strtod(text, &end);
    if (end != text && !*end && value >= low && value <= high) return value;
    fprintf(stderr, "05-convolution: \"%s\" is not a value for its option; see --help\n", text);
    exit(2);
}

static options parse(int argc, char **argv) {
    static const struct option known[] = {
        {"network", 1, NULL, 'n'}, {"size", 1, NULL, 's'}, {"rate", 1, NULL, 'r'}, {"epochs", 1, NULL, 'e'},
        {"patience", 1, NULL, 'p'}, {"batch", 1, NULL, 'b'}, {"shift", 1, NULL, 'm'}, {"flip", 0, NULL, 'f'},
        {"teleport", 0, NULL, 't'}, {"seed", 1, NULL, 'i'}, {"save", 1, NULL, 'o'}, {"predict", 1, NULL, 'x'},
        {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
    options o = {.network = "resnet-8", .save = "net.safetensors", .epochs = 10, .patience = 3, .batch = 32,
                 .shift = 1, .rate = 0.01};
    char after;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case 'n': o.network = optarg; break;
        case 's':
            if (sscanf(optarg, "%dx%d%c", &o.height, &o.width, &after) != 2) number(optarg, 1, 0);
            break;
        case 'r': o.rate = number(optarg, 0, 1e9); break;
        case 'e': o.epochs = (int32_t)number(optarg, 1, 1e6); break;
        case 'p': o.patience = (int32_t)number(optarg, 1, 1e6); break;
        case 'b': o.batch = (int32_t)number(optarg, 1, 1e9); break;
        case 'm': o.shift = (int32_t)number(optarg, 0, 1e6); break;
        case 'f': o.flip = 1; break;
        case 't': o.teleport = 1; break;
        case 'i': o.seed = (uint64_t)number(optarg, 0, 1e15); break;
        case 'o': o.save = optarg; break;
        case 'x': o.predict = optarg; break;
        case 'h': fputs(help, stdout); exit(EXIT_SUCCESS);
        default: fputs(help, stderr); exit(2);
        }
    }
    if (optind + 1 != argc) {
        fputs(help, stderr);
        exit(2);
    }
    o.folder = argv[optind];
    return o;
}

int main(int argc, char **argv) {
    const options o = parse(argc, argv);
    static char text[text_size], path[path_size], test_path[path_size];
    tp_dataset *all, *train, *valid, *test = NULL;
    tp_image_config images;
    tp_model *model;
    tp_model_config first_weights;
    struct stat status;
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);

    /* 1. Images: to train on, a tenth of them to stop by, and test. Their floats have mean 0 and deviation 1. */
    TRY(tp_image_config_init(&images, sizeof images));
    images.height = o.height;
    images.width = o.width;
    images.normalize = 1;
    snprintf(path, sizeof path, "%s/train", o.folder);
    snprintf(test_path, sizeof test_path, "%s/test", o.folder);
    if (!stat(path, &status) && !stat(test_path, &status)) {
        all = read_folder(path, &images);
    } else {
        tp_dataset *folder = read_folder(o.folder, &images);
        TRY(tp_dataset_split(&all, &test, folder, 0.2, 1, o.seed));
        tp_dataset_free(folder);
    }
    TRY(tp_dataset_split(&train, &valid, all, 0.1, 1, o.seed));
    printf("%lld images to train on, %lld to stop by, %d classes\n", (long long)tp_dataset_count(train),
           (long long)tp_dataset_count(valid), tp_dataset_class_count(train));

    /* 2. The net, of its text. */
    read_network(o.network, train, text);
    TRY(tp_model_config_init(&first_weights, sizeof first_weights));
    first_weights.initialization = TP_INITIALIZATION_HE_UNIFORM;
    first_weights.seed = o.seed;
    TRY(tp_model_create(&model, text, &first_weights));
    TRY(tp_model_summary(model, text, sizeof text, NULL));
    fputs(text, stdout);

    /* 3. Training. */
    tp_trainer *trainer;
    tp_optimizer_config optimizer;
    tp_schedule_config schedule;
    tp_run_config run;
    tp_augment_config augment;
    tp_teleport_config teleport;
    TRY(tp_optimizer_config_init(&optimizer, sizeof optimizer));
    optimizer.optimizer = TP_OPTIMIZER_MOMENTUM;
    optimizer.learning_rate = o.rate;
    TRY(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, &optimizer));
    TRY(tp_schedule_config_init(&schedule, sizeof schedule));
    schedule.schedule = TP_SCHEDULE_COSINE;
    schedule.interval = (tp_dataset_count(train) + o.batch - 1) / o.batch * o.epochs;
    TRY(tp_trainer_set_schedule(trainer, &schedule));
    TRY(tp_augment_config_init(&augment, sizeof augment));
    augment.shift = o.shift;
    augment.flip = o.flip ? 0.5 : 0;
    TRY(tp_teleport_config_init(&teleport, sizeof teleport));
    TRY(tp_run_config_init(&run, sizeof run));
    run.epochs = o.epochs;
    run.batch_size = o.batch;
    run.seed = o.seed;
    run.patience = o.patience; /* ends with the weights of the best epoch */
    run.augment = &augment;
    run.teleport = o.teleport ? &teleport : NULL; /* before the first epoch; stays where it is if that is best */
    run.stop_flag = &interrupted;
    int terminal = isatty(STDOUT_FILENO);
    printf("epoch  train loss  valid loss      acc.\n");
    tp_status ended = tp_trainer_run(trainer, train, valid, &run, on_event, &terminal);
    TRY(ended);
    TRY(tp_model_save(model, o.save));
    tp_trainer_free(trainer);
    tp_model_free(model);
    if (ended == TP_STOPPED) {
        printf("\nstopped; the net as it was then is in %s\n", o.save);
        return stopped_exit;
    }

    /* 4. The file knows all that is needed: how images are prepared and what the classes are called. */
    tp_metrics metrics = {.struct_size = sizeof metrics};
    TRY(tp_model_load(&model, o.save, NULL));
    if (!test) {
        TRY(tp_model_get_image_config(model, &images));
        images.allow_empty_classes = 1; /* a class that test/ has no image of */
        test = read_folder(test_path, &images);
    }
    TRY(tp_model_evaluate(model, test, TP_LOSS_CROSS_ENTROPY, &metrics));
    printf("%s: test accuracy %.2f %% of %lld images\n", o.save, 100 * metrics.accuracy, (long long)metrics.count);

    const char *file = o.predict ? o.predict : tp_dataset_sample_path(test, 0);
    static float probabilities[1 << 16];
    int32_t label;
    TRY(tp_model_predict_images(model, &file, 1, TP_OUTPUT_PROBABILITIES, probabilities, 1 << 16, &label, 1));
    const char *name = tp_model_class_name(model, label); /* NULL where there are more outputs than classes */
    printf("%s: %s, probability %.3f\n", file, name ? name : "no class", probabilities[label]);

    tp_model_free(model);
    tp_dataset_free(test);
    tp_dataset_free(valid);
    tp_dataset_free(train);
    tp_dataset_free(all);
    return EXIT_SUCCESS;
}
