#include "wasm_sink/error.h"

#include <stdarg.h>
#include <stdio.h>

static ws_status make(ws_error_kind kind, const char *format, va_list values)
{
    va_list again;
    va_copy(again, values);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *message = ws_alloc(length < 0 ? 1 : (size_t)length + 1);
    if (length >= 0)
        vsnprintf(message, (size_t)length + 1, format, values);
    ws_error *error = ws_alloc(sizeof *error);
    *error = (ws_error){.kind = kind, .message = message};
    return error;
}

#define MAKE(name, kind)                                                                                               \
    ws_status name(const char *format, ...)                                                                            \
    {                                                                                                                  \
        va_list values;                                                                                                \
        va_start(values, format);                                                                                      \
        ws_status status = make(kind, format, values);                                                                 \
        va_end(values);                                                                                                \
        return status;                                                                                                 \
    }

MAKE(ws_other, WS_OTHER)
MAKE(ws_unavailable, WS_UNAVAILABLE)
MAKE(ws_rejected, WS_REJECTED)
MAKE(ws_invalid, WS_INVALID)

ws_status ws_throttled(uint32_t retry_after_ms, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    ws_error *error = ws_alloc(sizeof *error);
    *error = *make(WS_THROTTLED, format, values);
    va_end(values);
    error->has_retry_after = true;
    error->retry_after_ms = retry_after_ms;
    return error;
}

ws_status ws_context(ws_status status, const char *format, ...)
{
    if (status == WS_OK)
        return WS_OK;
    va_list values;
    va_start(values, format);
    ws_status doing = make(status->kind, format, values);
    va_end(values);
    ws_error *error = ws_alloc(sizeof *error);
    *error = *status;
    error->message = ws_format("%s: %s", doing->message, status->message);
    return error;
}

const char *ws_kind_name(ws_error_kind kind)
{
    static const char *const names[] = {"other",           "unavailable", "throttled", "conflict",
                                        "outcome-unknown", "rejected",    "denied",    "invalid"};
    return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}
