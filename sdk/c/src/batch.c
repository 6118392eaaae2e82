#include "host.h"
#include "text.h"

#include "arena.h"
#include "wasm_sink/plan.h"

/// For calls that answer no status: without rows there is nothing to answer.
static host_borrowed_rows rows_or_panic(ws_batch rows, const char *function)
{
    host_borrowed_rows borrowed = {0};
    ws_status status = host_rows_of(rows, &borrowed);
    if (status != WS_OK)
        PANIC("%s: %s", function, status->message);
    return borrowed;
}

uint32_t ws_row_count(ws_batch rows)
{
    return wasm_sink_sink_types_method_batch_row_count(rows_or_panic(rows, __func__));
}

uint32_t ws_schema_id(ws_batch rows)
{
    return wasm_sink_sink_types_method_batch_schema_id(rows_or_panic(rows, __func__));
}

bool ws_origin(ws_batch rows, ws_span *span)
{
    wasm_sink_sink_types_span_t origin;
    if (!wasm_sink_sink_types_method_batch_origin(rows_or_panic(rows, __func__), &origin))
        return false;
    *span = (ws_span){text_from_host(origin.source), text_from_host(origin.partition), text_from_host(origin.first),
                      text_from_host(origin.last)};
    return true;
}

ws_fields ws_fields_of(ws_batch rows)
{
    host_fields fields;
    wasm_sink_sink_types_method_batch_fields(rows_or_panic(rows, __func__), &fields);
    return fields_from_host(fields);
}

bool ws_has_column(ws_batch rows, const char *name)
{
    ws_fields fields = ws_fields_of(rows);
    for (size_t i = 0; i < fields.count; i++)
        if (strcmp(fields.at[i].name, name) == 0)
            return true;
    return false;
}

ws_status ws_ipc(ws_batch rows, ws_names names, ws_bytes *stream)
{
    host_borrowed_rows borrowed;
    WS_TRY(host_rows_of(rows, &borrowed));
    host_list_string_t columns = host_names(names);
    host_list_u8_t bytes;
    host_error error;
    WS_TRY(answer(wasm_sink_sink_types_method_batch_ipc(borrowed, &columns, &bytes, &error), &error));
    *stream = (ws_bytes){bytes.ptr, bytes.len};
    return WS_OK;
}

ws_status ws_read_columns(ws_batch rows, ws_names names, ws_columns *columns)
{
    ws_bytes stream;
    WS_TRY(ws_ipc(rows, names, &stream));
    return ws_ipc_read(stream, columns);
}

ws_status ws_read(ws_batch rows, const char *name, ws_column *column)
{
    ws_columns columns;
    WS_TRY(ws_read_columns(rows, WS_NAMES(name), &columns));
    if (columns.count != 1)
        return ws_invalid("column `%s`: there are %zu of that name", name, columns.count);
    *column = columns.at[0];
    return WS_OK;
}

ws_status ws_read_as(ws_batch rows, const char *name, ws_type type, ws_column *column)
{
    WS_TRY(ws_read(rows, name, column));
    if (column->type == type)
        return WS_OK;
    ws_column wanted = {.type = type};
    const char *word = type < WS_LIST ? ws_type_name(&wanted) : "another type";
    return ws_invalid("column `%s` is %s, and is read as %.*s", name, ws_type_name(column), (int)strcspn(word, "("),
                      word);
}

/// Each row as the host writes it in JSON.
static ws_status read_json(ws_batch rows, ws_column *column)
{
    static ws_plan plan;
    static bool is_made;
    if (!is_made) {
        plan = ws_plan_new();
        WS_TRY(ws_plan_json(plan, "row", WS_NO_NAMES));
        is_made = true;
    }
    ws_batch shaped;
    WS_TRY(ws_plan_apply(plan, rows, &shaped));
    WS_TRY(ws_read(shaped, "row", column));
    ws_drop(shaped);
    return WS_OK;
}

ws_status ws_read_records(ws_batch rows, const ws_json *const **records)
{
    ws_column column;
    WS_TRY(read_json(rows, &column));
    const ws_json **all = ws_alloc_array(column.length, sizeof *all);
    for (size_t row = 0; row < column.length; row++)
        WS_TRY(ws_context(ws_json_parse(ws_text_at(&column, row), &all[row]), "row %zu", row));
    *records = all;
    return WS_OK;
}

ws_status ws_json_array(ws_batch rows, ws_bytes *json)
{
    ws_column column;
    WS_TRY(read_json(rows, &column));
    size_t length = 2 + column.length;
    for (size_t row = 0; row < column.length; row++)
        length += ws_text_at(&column, row).length;
    unsigned char *array = ws_alloc(length), *end = array;
    *end++ = '[';
    for (size_t row = 0; row < column.length; row++) {
        ws_text text = ws_text_at(&column, row);
        if (row)
            *end++ = ',';
        end = (unsigned char *)memcpy(end, text.data, text.length) + text.length;
    }
    *end++ = ']';
    *json = (ws_bytes){array, (size_t)(end - array)};
    return WS_OK;
}

/// What a call that makes rows answered.
static ws_status made(bool worked, host_rows rows, host_error *error, ws_batch *out)
{
    WS_TRY(answer(worked, error));
    *out = rows_from_host(rows);
    return WS_OK;
}

ws_status ws_slice(ws_batch rows, uint32_t offset, uint32_t length, ws_batch *out)
{
    host_borrowed_rows borrowed;
    WS_TRY(host_rows_of(rows, &borrowed));
    host_rows sliced;
    host_error error;
    bool worked = wasm_sink_sink_types_method_batch_slice(borrowed, offset, length, &sliced, &error);
    return made(worked, sliced, &error, out);
}

ws_status ws_filter(ws_batch rows, const bool *keep, ws_batch *out)
{
    host_borrowed_rows borrowed;
    WS_TRY(host_rows_of(rows, &borrowed));
    _Static_assert(sizeof(bool) == 1, "the contract takes a byte for each row");
    host_list_u8_t mask = {(uint8_t *)(uintptr_t)keep, wasm_sink_sink_types_method_batch_row_count(borrowed)};
    host_rows filtered;
    host_error error;
    bool worked = wasm_sink_sink_types_method_batch_filter(borrowed, &mask, &filtered, &error);
    return made(worked, filtered, &error, out);
}

ws_status ws_split(ws_batch rows, const char *column, ws_parts *parts)
{
    host_borrowed_rows borrowed;
    WS_TRY(host_rows_of(rows, &borrowed));
    host_string_t name = host_text(column);
    host_parts found;
    host_error error;
    WS_TRY(answer(wasm_sink_sink_types_method_batch_split(borrowed, &name, &found, &error), &error));
    ws_part *all = ws_alloc_array(found.len, sizeof *all);
    for (size_t i = 0; i < found.len; i++) {
        all[i].value = found.ptr[i].f0.is_some ? text_from_host(found.ptr[i].f0.val) : NULL;
        all[i].rows = rows_from_host(found.ptr[i].f1);
    }
    *parts = (ws_parts){all, found.len};
    return WS_OK;
}

ws_status ws_with_batch(ws_batch rows, ws_batch columns, ws_batch *out)
{
    host_borrowed_rows borrowed, more;
    WS_TRY(host_rows_of(rows, &borrowed));
    WS_TRY(host_rows_of(columns, &more));
    host_rows widened;
    host_error error;
    bool worked = wasm_sink_sink_types_method_batch_with_columns(borrowed, more, &widened, &error);
    return made(worked, widened, &error, out);
}

ws_status ws_with_columns(ws_batch rows, ws_builders builders, ws_batch *out)
{
    ws_columns columns;
    WS_TRY(ws_built_columns(builders, &columns));
    uint32_t count = ws_row_count(rows);
    if (builders.count && columns.rows != count)
        return ws_invalid("column `%s` has %zu values, and the batch has %u rows", columns.at[0].name, columns.rows,
                          (unsigned)count);
    ws_batch more;
    WS_TRY(ws_from_columns(columns, &more));
    ws_status status = ws_with_batch(rows, more, out);
    ws_drop(more);
    return status;
}

ws_status ws_from_columns(ws_columns columns, ws_batch *out)
{
    ws_bytes stream;
    WS_TRY(ws_ipc_write(columns, &stream));
    return ws_from_ipc(stream, out);
}

ws_status ws_from_ipc(ws_bytes stream, ws_batch *out)
{
    host_list_u8_t bytes = {(uint8_t *)(uintptr_t)stream.data, stream.length};
    host_rows rows;
    host_error error;
    bool worked = wasm_sink_sink_types_static_batch_from_ipc(&bytes, &rows, &error);
    return made(worked, rows, &error, out);
}

/// A reason may quote what stands in the rows.
static host_string_t reason_for_host(const char *reason)
{
    size_t length = strlen(reason);
    char *copy = memcpy(ws_alloc(length + 1), reason, length + 1);
    make_characters(copy, length);
    return host_text(copy);
}

ws_status ws_reject(ws_batch rows, const char *reason)
{
    host_borrowed_rows borrowed;
    WS_TRY(host_rows_of(rows, &borrowed));
    host_string_t text = reason_for_host(reason);
    host_error error;
    return answer(wasm_sink_sink_dead_letters_reject(borrowed, &text, &error), &error);
}

ws_status ws_reject_where(ws_batch rows, const bool *bad, const char *reason, ws_batch *others)
{
    host_borrowed_rows borrowed;
    WS_TRY(host_rows_of(rows, &borrowed));
    uint32_t count = wasm_sink_sink_types_method_batch_row_count(borrowed);
    bool *good = ws_alloc(count);
    bool any = false;
    for (uint32_t row = 0; row < count; row++) {
        any |= bad[row];
        good[row] = !bad[row];
    }
    if (!any) {
        *others = rows;
        return WS_OK;
    }
    ws_batch rejected;
    WS_TRY(ws_filter(rows, bad, &rejected));
    WS_TRY(ws_reject(rejected, reason));
    ws_drop(rejected);
    return ws_filter(rows, good, others);
}

void ws_skip(uint32_t rows, const char *reason)
{
    host_string_t text = reason_for_host(reason);
    wasm_sink_sink_epoch_skip(rows, &text);
}

void ws_commit_within_ms(uint32_t ms)
{
    wasm_sink_sink_epoch_commit_within(ms);
}
