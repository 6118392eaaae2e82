// Appends orders to a Delta table that is divided by day.

#include <wasm_sink.h>
#include <wasm_sink/delta.h>

struct sink {
    ws_plan plan;
    ws_delta_table table;
};

// What the host does with an order. The columns are those of the table, in their order: the region is the country for
// now.
static ws_status make_plan(ws_plan plan)
{
    static const struct {
        const char *name, *from, *data_type;
    } columns[] = {
        {"id", "id", "int64"},
        {"at", "at", "timestamp(us,+00:00)"},
        {"day", "at", "date32"},
        {"country", "country", "utf8"},
        {"region", "country", "utf8"},
        {"email", "email", "utf8"},
        {"amount", "amount", "float64"},
    };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        WS_TRY(ws_plan_column(plan, columns[i].name, WS_NAMES(columns[i].from), columns[i].data_type, WS_NULLABLE));
    return WS_OK;
}

static ws_status open_sink(struct sink *sink, const ws_json *config)
{
    const char *table_name = "";
    WS_TRY(ws_get_string(config, "table_name", &table_name));
    sink->plan = ws_plan_new();
    WS_TRY(make_plan(sink->plan));
    return ws_delta_open("default", table_name, &sink->table);
}

static const char *region_of(ws_text country)
{
    static const struct {
        const char *country, *region;
    } regions[] = {
        {"DE", "EU"}, {"ES", "EU"}, {"FR", "EU"}, {"IT", "EU"}, {"NL", "EU"},   {"CA", "NA"},   {"MX", "NA"},
        {"US", "NA"}, {"AU", "APAC"}, {"IN", "APAC"}, {"JP", "APAC"}, {"SG", "APAC"},
    };
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++)
        if (ws_text_is(country, regions[i].country))
            return regions[i].region;
    return "other";
}

// Keeps the first character of an address, and its domain.
static ws_text mask(ws_text email)
{
    const char *at = memchr(email.data, '@', email.length);
    size_t name = at ? (size_t)(at - email.data) : email.length;
    size_t first = name ? 1 : 0;
    while (first < name && (email.data[first] & 0xC0) == 0x80) // A character of UTF-8 may have up to four bytes.
        first++;
    size_t domain = at ? name + 1 : name;
    return ws_concat(WS_TEXTS({email.data, first}, WS_LITERAL("***@"), {email.data + domain, email.length - domain}));
}

static ws_status write_rows(struct sink *sink, ws_batch rows)
{
    WS_TRY(ws_plan_apply(sink->plan, rows, &rows));
    ws_columns columns;
    WS_TRY(ws_read_columns(rows, WS_NAMES("country", "email", "amount"), &columns));
    const ws_column *country = &columns.at[0], *email = &columns.at[1], *amount = &columns.at[2];

    ws_builder *region = ws_builder_new("region", "utf8"), *masked = ws_builder_new("email", "utf8");
    bool *is_negative = ws_alloc(columns.rows);
    for (size_t row = 0; row < columns.rows; row++) {
        ws_push_string(region, ws_is_null(country, row) ? "other" : region_of(ws_text_at(country, row)));
        if (ws_is_null(email, row))
            ws_push_null(masked);
        else
            ws_push_text(masked, mask(ws_text_at(email, row)));
        is_negative[row] = !ws_is_null(amount, row) && amount->float64[row] < 0;
    }
    WS_TRY(ws_with_columns(rows, WS_BUILDERS(region, masked), &rows));
    WS_TRY(ws_reject_where(rows, is_negative, "negative amount", &rows));
    WS_TRY(ws_delta_ensure(sink->table, ws_fields_of(rows), WS_NAMES("day")));
    return ws_delta_append(sink->table, rows);
}

WASM_SINK(.open = open_sink, .write = write_rows);
