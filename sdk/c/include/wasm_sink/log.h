/// Lines for the operator's log, as printf makes them. What goes to stdout is in the log at `info`, stderr at `error`.

#ifndef WASM_SINK_LOG_H
#define WASM_SINK_LOG_H

#include "memory.h"

/// For whoever wrote the sink.
void ws_debug(const char *format, ...) WS_PRINTF(1, 2);
/// Worth knowing.
void ws_info(const char *format, ...) WS_PRINTF(1, 2);
/// Something is off, the pipeline goes on.
void ws_warn(const char *format, ...) WS_PRINTF(1, 2);
/// Something failed.
void ws_log_error(const char *format, ...) WS_PRINTF(1, 2);

/// Ends the sink with a message in the log. In `write` the host then looks for the row that caused it.
#define ws_panic(...) ws_panic_at(__FILE__, __LINE__, __VA_ARGS__)

/// `file` may be NULL: then the place is left out.
_Noreturn void ws_panic_at(const char *file, int line, const char *format, ...) WS_PRINTF(3, 4);

#endif
