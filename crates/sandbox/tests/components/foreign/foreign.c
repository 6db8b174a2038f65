// A component that imports more than the host's interface.
#include "foreign.h"

bool exports_foreign_steal(foreign_string_t *input, foreign_string_t *context, foreign_string_t *ret, foreign_failure_t *err) {
    foreign_list_string_t names;
    wasi_filesystem_preopens_get_names(&names);
    foreign_string_dup(ret, "null");
    return true;
}
