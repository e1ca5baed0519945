/* Folders of PNG images.
 *
 *   folder decode FOLDER THREADS       decodes every image; one line of JSON
 *   folder epoch FOLDER THREADS        decodes, trains 784-64-64-10 (as the images are) for one epoch; one line of JSON
 *   folder samples FILE COUNT [FOLDER] writes COUNT samples drawn from FOLDER, or made up, for the teleports:
 *                                      two int32 (count, width), the floats, the int32 labels
 */
#include "bench.h"

static tp_dataset *read_folder(const char *path, int threads) {
    tp_dataset *set;
    TRY(tp_set_thread_count(threads));
    TRY(tp_dataset_from_image_folder(&set, path, NULL, NULL, NULL));
    return set;
}

static int decode(const char *path, int threads) {
    double start = now();
    tp_dataset *set = read_folder(path, threads);
    double seconds = now() - start;
    printf("{\"images\": %lld, \"seconds\": %.9g}\n", (long long)tp_dataset_count(set), seconds);
    tp_dataset_free(set);
    return 0;
}

static int epoch(const char *path, int threads) {
    double start = now(), loss = 0;
    tp_dataset *set = read_folder(path, threads);
    double decoded = now();
    int32_t channels, height, width;
    TRY(tp_dataset_sample_shape(set, &channels, &height, &width));
    int32_t widths[4] = {channels * height * width, 64, 64, tp_dataset_class_count(set)};
    tp_model *model;
    tp_trainer *trainer;
    tp_metrics metrics;
    TRY(tp_model_create_mlp(&model, widths, 4, NULL));
    TRY(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, NULL));
    TRY(tp_trainer_run(trainer, set, NULL, NULL, NULL, NULL));
    double trained = now();
    TRY(tp_metrics_init(&metrics, sizeof metrics));
    TRY(tp_model_evaluate(model, set, TP_LOSS_CROSS_ENTROPY, &metrics));
    loss = metrics.loss;
    printf("{\"images\": %lld, \"decode\": %.9g, \"train\": %.9g, \"evaluate\": %.9g, \"loss\": %.9g}\n",
           (long long)tp_dataset_count(set), decoded - start, trained - decoded, now() - trained, loss);
    tp_trainer_free(trainer);
    tp_model_free(model);
    tp_dataset_free(set);
    return 0;
}

/* As MNIST is: four in five pixels black, a border that always is, ten classes with a pattern each. */
static void make_up(float *x, int32_t *labels, int count) {
    float *pattern = numbers(10 * 784, 1), *noise = numbers((size_t)count * 784, 1);
    for (int i = 0; i < count; i++) {
        labels[i] = i % 10;
        for (int p = 0; p < 784; p++) {
            int row = p / 28, column = p % 28;
            float ink = pattern[labels[i] * 784 + p] + noise[(size_t)i * 784 + (size_t)p] - 0.3f;
            int border = row < 3 || row > 24 || column < 3 || column > 24;
            x[(size_t)i * 784 + (size_t)p] = border || ink < 0 ? 0 : ink > 1 ? 1 : ink;
        }
    }
    free(pattern), free(noise);
}

static int samples(const char *path, int count, const char *folder) {
    int32_t head[2] = {count, 784};
    tp_dataset *set = NULL, *drawn = NULL, *rest = NULL;
    if (folder) {
        int32_t shape[3];
        set = read_folder(folder, 0);
        double fraction = (double)count / (double)tp_dataset_count(set);
        if (fraction >= 1) {
            fprintf(stderr, "%s has fewer than %d images\n", folder, count + 1);
            return 1;
        }
        TRY(tp_dataset_split(&rest, &drawn, set, fraction, 0, 0));
        TRY(tp_dataset_sample_shape(set, shape, shape + 1, shape + 2));
        head[0] = (int32_t)tp_dataset_count(drawn), head[1] = shape[0] * shape[1] * shape[2];
    }
    size_t rows = (size_t)head[0], values = rows * (size_t)head[1];
    float *x = allocate(values, sizeof *x);
    int32_t *labels = allocate(rows, sizeof *labels);
    if (drawn) TRY(tp_dataset_get(drawn, 0, head[0], x, values, labels, rows));
    else make_up(x, labels, count);
    /* The split keeps the order of the folder, class after class; teleports want a random one. */
    uint32_t state = 1;
    for (size_t i = rows - 1; i > 0; i--) {
        state = state * 1664525u + 1013904223u;
        size_t j = (size_t)(state >> 8) % (i + 1);
        int32_t label = labels[i];
        labels[i] = labels[j], labels[j] = label;
        for (int32_t p = 0; p < head[1]; p++) {
            float pixel = x[i * (size_t)head[1] + (size_t)p];
            x[i * (size_t)head[1] + (size_t)p] = x[j * (size_t)head[1] + (size_t)p];
            x[j * (size_t)head[1] + (size_t)p] = pixel;
        }
    }
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(head, sizeof *head, 2, file) != 2 || fwrite(x, sizeof *x, values, file) != values ||
        fwrite(labels, sizeof *labels, rows, file) != rows || fclose(file)) {
        fprintf(stderr, "cannot write %s\n", path);
        return 1;
    }
    free(x), free(labels);
    tp_dataset_free(set), tp_dataset_free(drawn), tp_dataset_free(rest);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 4 && !strcmp(argv[1], "decode")) return decode(argv[2], atoi(argv[3]));
    if (argc == 4 && !strcmp(argv[1], "epoch")) return epoch(argv[2], atoi(argv[3]));
    if ((argc == 4 || argc == 5) && !strcmp(argv[1], "samples") && atoi(argv[3]) > 0) {
        return samples(argv[2], atoi(argv[3]), argc == 5 ? argv[4] : NULL);
    }
    fprintf(stderr, "see the head of folder.c\n");
    return 2;
}
