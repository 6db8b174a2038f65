// A component whose function is of another type.
#include "misfit.h"

uint32_t exports_misfit_add_up(uint32_t a, uint32_t b) { return a + b; }
