#include <teleport.h>
