// What the capabilities for tables have in common. Included by each, once, with CAPABILITY set to its name: the
// contract gives each a resource of its own, and so do the bindings.

#include "host.h"

#define JOINED(one, two, three, four) one##two##three##four
#define EXPANDED(one, two, three, four) JOINED(one, two, three, four)
/// wasm_sink_delta_delta_name
#define HOST(name) EXPANDED(HOST_PREFIX(CAPABILITY), CAPABILITY, _, name)
#define HOST_PREFIX(capability) EXPANDED(wasm_sink_, capability, _, )
/// ws_delta_name
#define OURS(name) EXPANDED(ws_, CAPABILITY, _, name)

typedef OURS(table) table;

static HOST(borrow_table_t) borrow(table of)
{
    return HOST(borrow_table)((HOST(own_table_t)){of.handle});
}

/// The bindings have one type of fields for each interface; all are laid out alike.
static HOST(list_field_t) fields_for_table(ws_fields fields)
{
    host_fields same = host_fields_of(fields);
    _Static_assert(sizeof(HOST(field_t)) == sizeof(host_field), "fields are laid out alike");
    return (HOST(list_field_t)){(HOST(field_t) *)(void *)same.ptr, same.len};
}

ws_status OURS(open)(const char *connection, const char *name, table *opened)
{
    host_string_t role = host_text(connection), text = host_text(name);
    HOST(own_table_t) own;
    host_error error;
    WS_TRY(answer(HOST(static_table_open)(&role, &text, &own, &error), &error));
    opened->handle = own.__handle;
    return WS_OK;
}

ws_status OURS(fields)(table of, const ws_fields **fields)
{
    HOST(option_list_field_t) found;
    host_error error;
    WS_TRY(answer(HOST(method_table_fields)(borrow(of), &found, &error), &error));
    *fields = NULL;
    if (!found.is_some)
        return WS_OK;
    ws_fields *copy = ws_alloc(sizeof *copy);
    *copy = fields_from_host((host_fields){(host_field *)(void *)found.val.ptr, found.val.len});
    *fields = copy;
    return WS_OK;
}

ws_status OURS(add_columns)(table of, ws_fields fields)
{
    HOST(list_field_t) columns = fields_for_table(fields);
    host_error error;
    return answer(HOST(method_table_add_columns)(borrow(of), &columns, &error), &error);
}

ws_status OURS(append)(table of, ws_batch rows)
{
    host_borrowed_rows borrowed;
    WS_TRY(host_rows_of(rows, &borrowed));
    host_error error;
    return answer(HOST(method_table_append)(borrow(of), borrowed, &error), &error);
}

ws_status OURS(overwrite)(table of)
{
    host_error error;
    return answer(HOST(method_table_overwrite)(borrow(of), &error), &error);
}
