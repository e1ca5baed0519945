#include "masks.h"

#include "vector.h"

enum { DRAWS = 16 };

INLINE uint64_t draw(uint64_t key, uint64_t number) {
    uint64_t z = key + (number + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

FOR_EACH_PROCESSOR
void shim_drop(const float *x, ptrdiff_t count, uint64_t key, uint64_t first, uint32_t threshold, float scale,
               int adds, float *out) {
    for (ptrdiff_t i = 0; i < count; i += 2 * DRAWS, first += DRAWS) {
        uint32_t bits[2 * DRAWS];
        for (int j = 0; j < DRAWS; j++) {
            const uint64_t z = draw(key, first + (uint64_t)j);
            bits[2 * j] = (uint32_t)z;
            bits[2 * j + 1] = (uint32_t)(z >> 32);
        }
        const ptrdiff_t some = count - i < 2 * DRAWS ? count - i : 2 * DRAWS;
        for (ptrdiff_t j = 0; j < some; j++) {
            const float kept = bits[j] >= threshold ? x[i + j] * scale : 0;
            out[i + j] = adds ? out[i + j] + kept : kept;
        }
    }
}
