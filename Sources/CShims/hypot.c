/* Swift's static overlay of libc refers to hypotf, whose newest version would tie the library to glibc 2.35 (2.34
 * without). This one takes its place within the library, where nothing calls it; it is what glibc computes. */
#include <math.h>

float hypotf(float x, float y);

float hypotf(float x, float y) {
    if (isinf(x) || isinf(y)) return (float)INFINITY;
    return (float)sqrt((double)x * x + (double)y * y);
}
