/* Safetensors files as models, in memory and on disk, and as checkpoints, with which training goes on. */
#include "fuzz.h"

static void check_model(tp_model *model, const uint8_t *data, size_t size) {
    size_t needed = 0, again = 0;
    tp_model *second = NULL;
    REQUIRE(tp_model_save_buffer(model, NULL, 0, &needed) == TP_OK);
    uint8_t *first_bytes = malloc(needed), *second_bytes = malloc(needed);
    REQUIRE(first_bytes && second_bytes);
    REQUIRE(tp_model_save_buffer(model, first_bytes, needed, NULL) == TP_OK);
    /* What was read and written is read again, and written as the same bytes. */
    REQUIRE(tp_model_load_buffer(&second, first_bytes, needed, NULL) == TP_OK);
    REQUIRE(tp_model_save_buffer(second, second_bytes, needed, &again) == TP_OK);
    REQUIRE(needed == again && !memcmp(first_bytes, second_bytes, needed));
    REQUIRE((size_t)tp_model_parameter_count(model) * 4 <= size && data);
    free(first_bytes);
    free(second_bytes);
    tp_model_free(second);
}

static void check_trainer(tp_trainer *trainer) {
    tp_model *model = NULL;
    tp_loss loss;
    int32_t widths[1024];
    static float x[8 * 64], targets[8 * 64];
    static const int32_t labels[8];
    REQUIRE(tp_trainer_model(&model, trainer) == TP_OK);
    REQUIRE(tp_trainer_get_config(trainer, &loss, NULL) == TP_OK);
    REQUIRE(tp_model_widths(model, widths, 1024) == TP_OK);
    int32_t outputs = widths[tp_model_layer_count(model)];
    tp_dataset *dataset = NULL;
    if (widths[0] <= 64 && outputs <= 64 && tp_model_layer_count(model) < 16) {
        REQUIRE((loss == TP_LOSS_CROSS_ENTROPY
                     ? tp_dataset_from_labels(&dataset, x, widths[0], labels, 8, 1)
                     : tp_dataset_from_targets(&dataset, x, widths[0], targets, outputs, 8)) == TP_OK);
        tp_run_config run;
        tp_teleport_config teleport;
        REQUIRE(tp_run_config_init(&run, sizeof run) == TP_OK);
        REQUIRE(tp_teleport_config_init(&teleport, sizeof teleport) == TP_OK);
        teleport.search = TP_SEARCH_RANDOM;
        teleport.candidates = 2;
        run.batch_size = 4;
        run.teleport = tp_model_check_teleport(model, &teleport) == TP_OK ? &teleport : NULL;
        fuzz_check(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
        fuzz_check(tp_trainer_undo_teleport(trainer));
    }
    tp_dataset_free(dataset);
    tp_model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tp_model *model = NULL;
    tp_trainer *trainer = NULL;
    tp_status status = fuzz_check(tp_model_load_buffer(&model, data, size, NULL));
    REQUIRE((status == TP_OK) == (model != NULL));
    if (model) check_model(model, data, size);
    tp_model_free(model);
    fuzz_file file = fuzz_file_open(data, size);
    REQUIRE(fuzz_check(tp_model_load(&model, file.path, NULL)) == status);
    tp_model_free(model);
    status = fuzz_check(tp_trainer_load(&trainer, file.path));
    REQUIRE((status == TP_OK) == (trainer != NULL));
    if (trainer) check_trainer(trainer);
    tp_trainer_free(trainer);
    close(file.descriptor);
    return 0;
}
