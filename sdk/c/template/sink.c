// Sorts rows by their amount: those below the minimum become dead letters, the others get a column `size`.

#include <wasm_sink.h>
#include <wasm_sink/delta.h>

// What the sink keeps between calls; it begins as zeros. A fresh instance may take over after each `flush`.
struct sink {
    double minimum;
    ws_delta_table table;
};

// WS_TRY returns the error of a call to the host, which knows what to do about it.
static ws_status open_sink(struct sink *sink, const ws_json *config)
{
    const char *table_name = "";
    WS_TRY(ws_get_string(config, "table_name", &table_name));
    WS_TRY(ws_get_number(config, "minimum", &sink->minimum));
    return ws_delta_open("default", table_name, &sink->table);
}

static ws_status write_rows(struct sink *sink, ws_batch rows)
{
    ws_commit_within_ms(1000);
    if (!ws_has_column(rows, "amount"))
        return ws_reject(rows, "there is no column amount");
    ws_column amount;
    WS_TRY(ws_read(rows, "amount", &amount));
    if (!ws_is_number(&amount))
        return ws_reject(rows, ws_format("the column amount is %s, and not a number", ws_type_name(&amount)));

    bool *too_small = ws_alloc(amount.length); // Nobody frees it: it is gone when `write` returns.
    ws_builder *size = ws_builder_new("size", "utf8");
    for (size_t row = 0; row < amount.length; row++) {
        double value = ws_number_at(&amount, row);
        if (ws_is_null(&amount, row))
            ws_push_null(size);
        else if (value < sink->minimum)
            too_small[row] = true;
        else
            ws_push_string(size, value < 100 ? "small" : value < 500 ? "medium" : "large");
    }
    WS_TRY(ws_reject_where(rows, too_small, "amount below the minimum", &rows));
    WS_TRY(ws_with_columns(rows, WS_BUILDERS(size), &rows));
    WS_TRY(ws_delta_ensure(sink->table, ws_fields_of(rows), WS_NO_NAMES));
    return ws_delta_append(sink->table, rows);
}

// The host commits after it: a sink that holds rows from one `write` to the next stages them here.
static ws_status flush(struct sink *sink)
{
    (void)sink;
    return WS_OK;
}

// What config.schema.json cannot say.
static ws_status validate(const ws_json *config, ws_problems *problems)
{
    const char *table_name = "";
    WS_TRY(ws_get_string(config, "table_name", &table_name));
    if (table_name[0] == '.')
        ws_problem(problems, WS_NAMES("table_name"), "a name that begins with a dot is hidden from most tools",
                   "a name that begins with a letter");
    return WS_OK;
}

WASM_SINK(.open = open_sink, .write = write_rows, .flush = flush, .validate = validate);
