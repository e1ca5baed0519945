// c++ -std=c++17 host.cpp -o host $(pkg-config --cflags --libs teleport)
#include <cstdint>
#include <cstdio>
#include <teleport.hpp>

int main() try {
    const float x[] = {0, 0, 0, 1, 1, 0, 1, 1}, y[] = {0, 1, 1, 0};
    const std::int32_t widths[] = {2, 8, 1};
    teleport::model model(widths);
    teleport::trainer trainer(model, TP_LOSS_MEAN_SQUARED_ERROR);
    const tp_batch batch = teleport::targeted(x, y, 4);
    double loss = 0;
    for (int step = 0; step < 500; step++) loss = trainer.step(batch);
    std::printf("%.17g\n", loss);
} catch (const teleport::error &failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
}
