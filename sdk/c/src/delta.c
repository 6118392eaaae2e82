// All capabilities are compiled; the linker leaves out what the sink does not call.
#ifndef WASM_SINK_MAY_DELTA
#define WASM_SINK_MAY_DELTA
#endif

#include "wasm_sink/delta.h"

#define CAPABILITY delta
#include "table.h"

ws_status ws_delta_create(ws_delta_table of, ws_fields fields, ws_names partition_by)
{
    HOST(list_field_t) columns = fields_for_table(fields);
    host_list_string_t names = host_names(partition_by);
    host_error error;
    return answer(HOST(method_table_create)(borrow(of), &columns, &names, &error), &error);
}

ws_status ws_delta_ensure(ws_delta_table of, ws_fields fields, ws_names partition_by)
{
    const ws_fields *there;
    WS_TRY(ws_delta_fields(of, &there));
    return there ? ws_delta_add_columns(of, fields) : ws_delta_create(of, fields, partition_by);
}
