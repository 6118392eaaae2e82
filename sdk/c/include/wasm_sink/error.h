/// Errors: every call that can fail answers a `ws_status`, which is WS_OK or what went wrong.

#ifndef WASM_SINK_ERROR_H
#define WASM_SINK_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory.h"

/// Who should do what: the host goes by this, people by the message.
typedef enum ws_error_kind {
    /// Stops the pipeline.
    WS_OTHER,
    /// Destination or network is away. The epoch is written again.
    WS_UNAVAILABLE,
    /// Slow down. The partition pauses, the epoch is written again.
    WS_THROTTLED,
    /// Another writer was first. The host reloads and writes the epoch again.
    WS_CONFLICT,
    /// It may have happened. Only the host may settle this: never repeat the call.
    WS_OUTCOME_UNKNOWN,
    /// These rows are to blame. From `write`: the host looks for them and makes them dead letters.
    WS_REJECTED,
    /// Not granted by the pipeline, or called in `validate`. Stops the pipeline.
    WS_DENIED,
    /// A misuse, a wrong name or type. Nothing was staged, so that it may be handled; else it stops the pipeline.
    WS_INVALID,
} ws_error_kind;

/// What went wrong.
typedef struct ws_error {
    ws_error_kind kind;
    /// One or two sentences: what happened, and what to do.
    const char *message;
    /// How long to wait, for WS_THROTTLED where `has_retry_after` is set.
    uint32_t retry_after_ms;
    bool has_retry_after;
} ws_error;

/// WS_OK, or an error that lives as long as what `ws_alloc` gives. An error of the host that a sink returns
/// reaches the host as it was.
typedef const ws_error *ws_status;

/// It worked.
#define WS_OK ((ws_status)NULL)

/// Returns from the function that this stands in unless `call` worked. What was allocated with `ws_alloc` needs
/// no cleaning up.
#define WS_TRY(call)                                                                                                   \
    do {                                                                                                               \
        ws_status ws_tried_ = (call);                                                                                  \
        if (ws_tried_ != WS_OK)                                                                                        \
            return ws_tried_;                                                                                          \
    } while (0)

/// The compiler warns where the answer of such a function is not looked at.
#define WS_CHECKED __attribute__((warn_unused_result))

// Errors of the sink's own, with a message as for printf.

/// Anything that stops the pipeline.
ws_status ws_other(const char *format, ...) WS_PRINTF(1, 2);
/// Something that the sink needs is away.
ws_status ws_unavailable(const char *format, ...) WS_PRINTF(1, 2);
/// Something asks to be asked later.
ws_status ws_throttled(uint32_t retry_after_ms, const char *format, ...) WS_PRINTF(2, 3);
/// The rows are to blame.
ws_status ws_rejected(const char *format, ...) WS_PRINTF(1, 2);
/// A wrong name, type or value.
ws_status ws_invalid(const char *format, ...) WS_PRINTF(1, 2);
/// The same error, saying first what was being done: `ws_context(status, "table %s", name)`. WS_OK stays that.
ws_status ws_context(ws_status status, const char *format, ...) WS_PRINTF(2, 3);
/// The kind as the contract writes it, such as "outcome-unknown".
const char *ws_kind_name(ws_error_kind kind);

#endif
