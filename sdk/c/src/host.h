/// Between the interface of this SDK and the bindings that are generated from the contract.

#ifndef WASM_SINK_HOST_H
#define WASM_SINK_HOST_H

#include <string.h>

#include "../generated/host.h"
#include "wasm_sink/batch.h"

/// Shorter names for what every file here uses.
typedef wasm_sink_sink_types_error_t host_error;
typedef wasm_sink_sink_types_own_batch_t host_rows;
typedef wasm_sink_sink_types_borrow_batch_t host_borrowed_rows;
typedef wasm_sink_sink_types_field_t host_field;
typedef wasm_sink_sink_types_list_field_t host_fields;

typedef wasm_sink_sink_types_list_tuple2_option_string_own_batch_t host_parts;

/// A text for a call to the host, which does not change it.
static inline host_string_t host_text(const char *text)
{
    return (host_string_t){(uint8_t *)(uintptr_t)text, strlen(text)};
}

/// Texts of the host end in a zero, as memory for them is made: see `cabi_realloc`.
static inline const char *text_from_host(host_string_t text)
{
    return text.len ? (const char *)text.ptr : "";
}

host_list_string_t host_names(ws_names names);
host_fields host_fields_of(ws_fields fields);
ws_fields fields_from_host(host_fields fields);

/// The host's error as it is.
ws_status error_from_host(host_error error);
/// WS_OK where a call worked.
static inline ws_status answer(bool worked, host_error *error)
{
    return worked ? WS_OK : error_from_host(*error);
}

/// Takes rows into account, so that they are dropped with the epoch.
ws_batch rows_from_host(host_rows rows);
/// The handle of rows that are still there.
WS_CHECKED ws_status host_rows_of(ws_batch rows, host_borrowed_rows *borrowed);
/// Drops all rows.
void drop_rows(void);

/// Prints what is left over of lines without an end.
void log_flush(void);

#endif
