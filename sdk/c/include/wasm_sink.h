/// Write a wasm-sink component in C: a few functions, one macro.
///
///     struct sink { int unused; };
///
///     static ws_status write_rows(struct sink *sink, ws_batch rows)
///     {
///         (void)sink;
///         ws_skip(ws_row_count(rows), "discarded");
///         return WS_OK;
///     }
///
///     WASM_SINK(.write = write_rows);
///
/// Capabilities have headers of their own: <wasm_sink/delta.h>, <wasm_sink/duckdb.h>, <wasm_sink/http.h>,
/// <wasm_sink/kafka.h>, <wasm_sink/postgres.h>.

#ifndef WASM_SINK_H
#define WASM_SINK_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wasm_sink/absent.h"
#include "wasm_sink/batch.h"
#include "wasm_sink/log.h"
#include "wasm_sink/plan.h"

/// What a sink keeps between calls: defined by whoever writes the sink. It begins as zeros. It is a cache: after an
/// error, a trap or a `flush` a fresh instance may go on, and only what is in the destination stays.
struct sink;

/// Mistakes in a configuration.
typedef struct ws_problems ws_problems;

/// Adds a mistake at `path`, as in `WS_NAMES("routes", "0", "table")`, and what to write instead (NULL: nothing to
/// say).
void ws_problem(ws_problems *problems, ws_names path, const char *message, const char *help);

/// What a sink does. All but `write` may be left out.
typedef struct ws_functions {
    size_t state_size;
    /// What config.schema.json cannot say. No capability answers here. An error is a mistake without a place.
    ws_status (*validate)(const ws_json *config, ws_problems *problems);
    /// Once per instance, first. Tables are opened here.
    ws_status (*open)(struct sink *sink, const ws_json *config);
    /// Takes rows, which may be kept until `flush` has returned.
    ws_status (*write)(struct sink *sink, ws_batch rows);
    /// Stages all that is held; then the host commits.
    ws_status (*flush)(struct sink *sink);
} ws_functions;

/// Makes the functions a component: once per sink, at the end of the file.
#define WASM_SINK(...) const ws_functions ws_functions_of_WASM_SINK = {.state_size = sizeof(struct sink), __VA_ARGS__}

extern const ws_functions ws_functions_of_WASM_SINK;

/// As everywhere, but the log says where it was called.
#define abort() ws_panic("abort was called")

#endif
