// What compilers call where C has no answer: told with file and line, which a trap alone has not.

#include "wasm_sink/log.h"

#include <stdint.h>

/// Where it is, as compilers lay it out.
struct place {
    const char *file;
    uint32_t line;
    uint32_t column;
};

_Noreturn void __ubsan_handle_divrem_overflow_abort(struct place *place, uintptr_t left, uintptr_t right);

void __ubsan_handle_divrem_overflow_abort(struct place *place, uintptr_t left, uintptr_t right)
{
    (void)left, (void)right;
    ws_panic_at(place->file, (int)place->line, "division by zero, or of the smallest number by -1");
}
