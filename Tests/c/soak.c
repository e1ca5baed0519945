/* Create, train, teleport, save, load and free, again and again: memory is flat.
 *
 *   soak [ROUNDS]     500 rounds; the record of the project is made with 10,000 */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

static void once(int round) {
    tp_model *model = fixture_model((tp_activation)(round % 5)), *clone = NULL, *read = NULL;
    tp_trainer *trainer = NULL;
    tp_dataset *dataset = fixture_dataset(), *first = NULL, *second = NULL;
    tp_optimizer_config optimizer;
    tp_teleport_config teleport;
    tp_run_config run;
    tp_batch batch = fixture_batch();
    static char data[1 << 16];
    static float out[sample_count * output_width];
    size_t size = 0;
    MUST(tp_optimizer_config_init(&optimizer, sizeof optimizer));
    MUST(tp_teleport_config_init(&teleport, sizeof teleport));
    MUST(tp_run_config_init(&run, sizeof run));
    optimizer.optimizer = round % 7;
    teleport.group = round % 4;
    teleport.search = round / 4 % 3;
    teleport.candidates = 2;
    teleport.steps = 1;
    teleport.rollout_steps = 3;
    teleport.learning_rate = 0.01;
    MUST(tp_model_clone(&clone, model));
    MUST(tp_dataset_split(&first, &second, dataset, 0.25, 1, 1));
    MUST(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, &optimizer));
    MUST(tp_trainer_step(trainer, &batch, NULL));
    if (tp_model_check_teleport(model, &teleport) == TP_OK) {
        MUST(tp_trainer_teleport(trainer, &batch, &teleport, NULL));
        MUST(tp_model_teleport(clone, &batch, TP_LOSS_CROSS_ENTROPY, &teleport, NULL));
        run.teleport = &teleport;
    }
    CHECK(tp_model_set_metadata(model, "", "refused") < 0);
    MUST(tp_model_set_metadata(model, "key", "value"));
    MUST(tp_trainer_run(trainer, first, second, &run, NULL, NULL));
    MUST(tp_model_predict(model, fixture_x, input_width, sample_count, TP_OUTPUT_RAW, out,
                          sample_count * output_width));
    MUST(tp_model_save_buffer(model, data, sizeof data, &size));
    MUST(tp_model_load_buffer(&read, data, size, NULL));
    tp_model_free(read);
    read = NULL;
    CHECK(tp_model_load_buffer(&read, data, size / 2, NULL) < 0);
    tp_model_free(model);
    tp_model_free(clone);
    tp_trainer_free(trainer);
    tp_dataset_free(dataset);
    tp_dataset_free(first);
    tp_dataset_free(second);
}

static long resident(void) {
    long pages = 0, total = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &total, &pages) != 2) exit(2);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 500;
    fixture_fill();
    MUST(tp_set_thread_count(2));
    for (int i = 0; i < 420; i++) once(i);
    long kilobytes = resident();
    size_t bytes = mallinfo2().uordblks;
    for (int i = 0; i < rounds; i++) once(i);
    long grown = (long)(mallinfo2().uordblks - bytes);
    printf("%d rounds: %ld kB resident, then %ld kB; %ld bytes more in use\n", rounds, kilobytes, resident(), grown);
    /* One lost object of 48 bytes a round would show in 500 rounds. */
    CHECK(grown < 16384);
    CHECK(resident() - kilobytes < 2048);
    return check_finish();
}
