/// The shape of rows, made by the host: select, rename, convert, dig into nested values.

#ifndef WASM_SINK_PLAN_H
#define WASM_SINK_PLAN_H

#include "batch.h"

/// Made once, in `open`, for rows of any schema.
typedef struct ws_plan {
    int32_t handle;
} ws_plan;

/// What becomes of a value that does not convert. It is never cut or wrapped.
typedef enum ws_mismatch {
    /// The row becomes a dead letter that names column and value. So it is unless said otherwise.
    WS_REJECT_ROW,
    /// The value becomes null; where the column allows none, the row is rejected.
    WS_SET_NULL,
    /// `ws_plan_apply` answers `invalid`.
    WS_FAIL,
} ws_mismatch;

typedef enum ws_nullability { WS_NOT_NULL, WS_NULLABLE } ws_nullability;

ws_plan ws_plan_new(void);
void ws_plan_on_mismatch(ws_plan plan, ws_mismatch policy);
/// A column from the value at `path`, as in `WS_NAMES("customer", "country")`, as a `data_type`; NULL: as it is.
WS_CHECKED ws_status ws_plan_column(ws_plan plan, const char *name, ws_names path, const char *data_type,
                                    ws_nullability nullability);
/// A column of what the source says of the record: "key", "topic", "partition", "offset", "timestamp", "headers", or
/// "all" as JSON.
WS_CHECKED ws_status ws_plan_metadata(ws_plan plan, const char *name, const char *key);
/// A column of the value at `path` as JSON; WS_NO_NAMES: of the whole record.
WS_CHECKED ws_status ws_plan_json(ws_plan plan, const char *name, ws_names path);
/// All other columns as they are, without these.
WS_CHECKED ws_status ws_plan_rest(ws_plan plan, ws_names without);
/// Rows in the plan's shape.
WS_CHECKED ws_status ws_plan_apply(ws_plan plan, ws_batch rows, ws_batch *out);

#endif
