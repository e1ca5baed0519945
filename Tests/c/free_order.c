/* Handles are freed in any order: objects keep what they use. Meant for valgrind. */
#include "check.h"
#include "fixture.h"

int main(void) {
    fixture_fill();
    tp_batch batch = fixture_batch();
    for (int order = 0; order < 6; order++) {
        tp_model *model = fixture_model(TP_ACTIVATION_RELU), *same = NULL, *copy = NULL;
        tp_trainer *trainer = fixture_trainer(model);
        tp_dataset *dataset = fixture_dataset(), *first = NULL, *second = NULL;
        MUST(tp_trainer_model(&same, trainer));
        MUST(tp_model_clone(&copy, model));
        MUST(tp_dataset_split(&first, &second, dataset, 0.25, 1, 7));
        CHECK_EQUAL(tp_dataset_count(first) + tp_dataset_count(second), sample_count);

        if (order & 1) tp_model_free(model);
        if (order & 2) tp_dataset_free(dataset);
        if (order == 4) tp_dataset_free(first);
        CHECK_EQUAL(tp_trainer_run(trainer, second, second, NULL, NULL, NULL), TP_OK);
        CHECK_EQUAL(tp_trainer_teleport(trainer, &batch, NULL, NULL), TP_OK);
        if (order == 5) tp_trainer_free(trainer);

        double loss = -1;
        CHECK_EQUAL(tp_model_loss(same, &batch, TP_LOSS_CROSS_ENTROPY, &loss), TP_OK);
        CHECK(loss > 0);
        if (!(order & 1)) {
            float *trained = fixture_parameters(model);
            CHECK(fixture_equals(same, trained)); /* a second handle, not a copy */
            CHECK(!fixture_equals(copy, trained));
            free(trained);
            tp_model_free(model);
        }
        if (!(order & 2)) tp_dataset_free(dataset);
        if (order != 4) tp_dataset_free(first);
        if (order != 5) tp_trainer_free(trainer);
        tp_dataset_free(second);
        tp_model_free(copy);
        tp_model_free(same);
    }
    return check_finish();
}
