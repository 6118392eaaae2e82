#include "wasm_sink/plan.h"

#include "host.h"

static wasm_sink_sink_types_borrow_plan_t borrow(ws_plan plan)
{
    return wasm_sink_sink_types_borrow_plan((wasm_sink_sink_types_own_plan_t){plan.handle});
}

ws_plan ws_plan_new(void)
{
    return (ws_plan){wasm_sink_sink_types_constructor_plan().__handle};
}

void ws_plan_on_mismatch(ws_plan plan, ws_mismatch policy)
{
    wasm_sink_sink_types_method_plan_on_mismatch(borrow(plan), (wasm_sink_sink_types_mismatch_t)policy);
}

ws_status ws_plan_column(ws_plan plan, const char *name, ws_names path, const char *data_type,
                         ws_nullability nullability)
{
    host_string_t text = host_text(name), type = host_text(data_type ? data_type : "");
    host_list_string_t steps = host_names(path);
    host_error error;
    return answer(wasm_sink_sink_types_method_plan_column(borrow(plan), &text, &steps, data_type ? &type : NULL,
                                                          nullability == WS_NULLABLE, &error),
                  &error);
}

ws_status ws_plan_metadata(ws_plan plan, const char *name, const char *key)
{
    host_string_t text = host_text(name), what = host_text(key);
    host_error error;
    return answer(wasm_sink_sink_types_method_plan_metadata(borrow(plan), &text, &what, &error), &error);
}

ws_status ws_plan_json(ws_plan plan, const char *name, ws_names path)
{
    host_string_t text = host_text(name);
    host_list_string_t steps = host_names(path);
    host_error error;
    return answer(wasm_sink_sink_types_method_plan_json(borrow(plan), &text, &steps, &error), &error);
}

ws_status ws_plan_rest(ws_plan plan, ws_names without)
{
    host_list_string_t names = host_names(without);
    host_error error;
    return answer(wasm_sink_sink_types_method_plan_rest(borrow(plan), &names, &error), &error);
}

ws_status ws_plan_apply(ws_plan plan, ws_batch rows, ws_batch *out)
{
    host_borrowed_rows borrowed;
    WS_TRY(host_rows_of(rows, &borrowed));
    host_rows shaped;
    host_error error;
    WS_TRY(answer(wasm_sink_sink_types_method_plan_apply(borrow(plan), borrowed, &shaped, &error), &error));
    *out = rows_from_host(shaped);
    return WS_OK;
}
