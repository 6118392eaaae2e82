// The same for the databases, which can more.

#include "table.h"

ws_status OURS(create)(table of, ws_fields fields)
{
    HOST(list_field_t) columns = fields_for_table(fields);
    host_error error;
    return answer(HOST(method_table_create)(borrow(of), &columns, &error), &error);
}

ws_status OURS(ensure)(table of, ws_fields fields)
{
    const ws_fields *there;
    WS_TRY(OURS(fields)(of, &there));
    return there ? OURS(add_columns)(of, fields) : OURS(create)(of, fields);
}

ws_status OURS(widen_columns)(table of, ws_fields fields)
{
    HOST(list_field_t) columns = fields_for_table(fields);
    host_error error;
    return answer(HOST(method_table_widen_columns)(borrow(of), &columns, &error), &error);
}

ws_status OURS(upsert_by)(table of, ws_names keys)
{
    host_list_string_t names = host_names(keys);
    host_error error;
    return answer(HOST(method_table_upsert_by)(borrow(of), &names, &error), &error);
}
