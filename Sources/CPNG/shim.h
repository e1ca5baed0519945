/* libpng reports errors by longjmp, which must not cross Swift frames: CShims calls it, Swift calls CShims. */
#include <png.h>
