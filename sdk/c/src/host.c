#include "host.h"

#include <stdlib.h>

#include "arena.h"

/// Memory for what the host hands over; the bindings leave it to whoever defines it. It is never freed on its own,
/// and has room for a zero behind each text.
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *piece, size_t old_size, size_t alignment,
                                                               size_t new_size);

void *cabi_realloc(void *piece, size_t old_size, size_t alignment, size_t new_size)
{
    (void)alignment; // Never more than what all pieces have.
    uint8_t *grown = arena_grow(arena_current(), piece, old_size ? old_size + 1 : 0, new_size + 1);
    grown[new_size] = 0;
    return grown;
}

host_list_string_t host_names(ws_names names)
{
    host_string_t *all = ws_alloc_array(names.count, sizeof *all);
    for (size_t i = 0; i < names.count; i++)
        all[i] = host_text(names.at[i]);
    return (host_list_string_t){all, names.count};
}

host_fields host_fields_of(ws_fields fields)
{
    host_field *all = ws_alloc_array(fields.count, sizeof *all);
    for (size_t i = 0; i < fields.count; i++) {
        all[i].name = host_text(fields.at[i].name);
        all[i].data_type = host_text(fields.at[i].data_type);
        all[i].nullable = fields.at[i].nullable;
    }
    return (host_fields){all, fields.count};
}

ws_fields fields_from_host(host_fields fields)
{
    ws_field *all = ws_alloc_array(fields.len, sizeof *all);
    for (size_t i = 0; i < fields.len; i++) {
        all[i].name = text_from_host(fields.ptr[i].name);
        all[i].data_type = text_from_host(fields.ptr[i].data_type);
        all[i].nullable = fields.ptr[i].nullable;
    }
    return (ws_fields){all, fields.len};
}

ws_status error_from_host(host_error error)
{
    ws_error *copy = ws_alloc(sizeof *copy);
    copy->kind = (ws_error_kind)error.kind;
    copy->message = text_from_host(error.message);
    copy->has_retry_after = error.retry_after_ms.is_some;
    copy->retry_after_ms = error.retry_after_ms.is_some ? error.retry_after_ms.val : 0;
    return copy;
}

/// For each handle which rows it is for. A handle that was dropped is given out again: without this, rows that are
/// used too late would be other ones, and nobody would notice.
static struct {
    uint32_t *serials;
    size_t capacity;
    size_t used;
    uint32_t last;
} held;

ws_batch rows_from_host(host_rows rows)
{
    size_t handle = (size_t)rows.__handle;
    if (handle >= held.capacity) {
        size_t capacity = handle * 2 + 64;
        uint32_t *serials = realloc(held.serials, capacity * sizeof *serials);
        if (!serials)
            PANIC("out of memory: %zu batches are held", handle);
        memset(serials + held.capacity, 0, (capacity - held.capacity) * sizeof *serials);
        held.serials = serials;
        held.capacity = capacity;
    }
    if (handle >= held.used)
        held.used = handle + 1;
    held.serials[handle] = ++held.last;
    return (ws_batch){rows.__handle, held.last};
}

static bool is_there(ws_batch rows)
{
    return rows.handle >= 0 && (size_t)rows.handle < held.used && rows.serial != 0 &&
           held.serials[rows.handle] == rows.serial;
}

ws_status host_rows_of(ws_batch rows, host_borrowed_rows *borrowed)
{
    if (!is_there(rows))
        return rows.serial ? ws_invalid("rows are used whose epoch has ended, or that were dropped: they may be kept "
                                        "until `flush` has returned")
                           : ws_invalid("a ws_batch is used that was never set");
    *borrowed = wasm_sink_sink_types_borrow_batch((host_rows){rows.handle});
    return WS_OK;
}

void ws_drop(ws_batch rows)
{
    if (!is_there(rows))
        return;
    held.serials[rows.handle] = 0;
    wasm_sink_sink_types_batch_drop_own((host_rows){rows.handle});
}

void drop_rows(void)
{
    for (size_t handle = 0; handle < held.used; handle++)
        if (held.serials[handle])
            wasm_sink_sink_types_batch_drop_own((host_rows){(int32_t)handle});
    if (held.used)
        memset(held.serials, 0, held.used * sizeof *held.serials);
    held.used = 0;
}
