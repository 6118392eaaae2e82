// Orders with their region, and without the names of those who ordered: work by handle, on columns, on records.

#include <wasm_sink.h>

// The generator has no negative amounts; one order in a hundred is below this.
#define MINIMUM 10.0

struct sink {
    enum { HANDLE, COLUMNS, ROWS } work;
    ws_plan plan;
    bool *keep;
    size_t kept_of;
};

// What the host does with an order: the region is the country until it is computed.
static ws_status make_plan(ws_plan plan)
{
    WS_TRY(ws_plan_column(plan, "id", WS_NAMES("id"), "utf8", WS_NULLABLE));
    WS_TRY(ws_plan_column(plan, "at", WS_NAMES("at"), "timestamp(us,+00:00)", WS_NULLABLE));
    WS_TRY(ws_plan_column(plan, "day", WS_NAMES("at"), "date32", WS_NULLABLE));
    WS_TRY(ws_plan_column(plan, "country", WS_NAMES("detail", "country"), "utf8", WS_NULLABLE));
    WS_TRY(ws_plan_column(plan, "region", WS_NAMES("detail", "country"), "utf8", WS_NULLABLE));
    WS_TRY(ws_plan_column(plan, "user", WS_NAMES("user"), "utf8", WS_NULLABLE));
    return ws_plan_column(plan, "amount", WS_NAMES("amount"), "float64", WS_NULLABLE);
}

static ws_status open_sink(struct sink *sink, const ws_json *config)
{
    const char *work = "";
    WS_TRY(ws_get_string(config, "work", &work));
    sink->work = strcmp(work, "handle") == 0 ? HANDLE : strcmp(work, "columns") == 0 ? COLUMNS : ROWS;
    sink->plan = ws_plan_new();
    return make_plan(sink->plan);
}

// All but each tenth row, and half of those.
static ws_status by_handle(struct sink *sink, ws_batch shaped)
{
    uint32_t rows = ws_row_count(shaped);
    if (sink->kept_of != rows) {
        free(sink->keep);
        sink->keep = malloc(rows ? rows : 1);
        sink->kept_of = rows;
        for (size_t row = 0; row < rows; row++)
            sink->keep[row] = row % 10 != 0;
    }
    ws_batch kept;
    WS_TRY(ws_filter(shaped, sink->keep, &kept));
    WS_TRY(ws_slice(kept, 0, ws_row_count(kept) / 2, &kept));
    ws_skip(rows, "measured");
    return WS_OK;
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

// Keeps the first character of the name, and the number.
static ws_text mask(ws_text user)
{
    const char *dash = memchr(user.data, '-', user.length);
    size_t name = dash ? (size_t)(dash - user.data) : user.length;
    size_t first = name ? 1 : 0;
    while (first < name && (user.data[first] & 0xC0) == 0x80) // A character of UTF-8 may have up to four bytes.
        first++;
    size_t number = dash ? name + 1 : name;
    return ws_concat(WS_TEXTS({user.data, first}, WS_LITERAL("***-"), {user.data + number, user.length - number}));
}

// What was made of the orders of a batch.
struct computed {
    ws_builder *regions, *users;
    bool *is_small, *is_other;
};

static ws_status by_columns(ws_batch shaped, struct computed *computed)
{
    ws_columns columns;
    WS_TRY(ws_read_columns(shaped, WS_NAMES("country", "user", "amount"), &columns));
    const ws_column *country = &columns.at[0], *user = &columns.at[1], *amount = &columns.at[2];
    for (size_t row = 0; row < columns.rows; row++) {
        ws_push_string(computed->regions, ws_is_null(country, row) ? "other" : region_of(ws_text_at(country, row)));
        if (ws_is_null(user, row))
            ws_push_null(computed->users);
        else
            ws_push_text(computed->users, mask(ws_text_at(user, row)));
        computed->is_small[row] = !ws_is_null(amount, row) && amount->float64[row] < MINIMUM;
    }
    return WS_OK;
}

// A null is left out of a record.
static ws_status by_rows(ws_batch shaped, struct computed *computed)
{
    const ws_json *const *records;
    WS_TRY(ws_read_records(shaped, &records));
    size_t rows = ws_row_count(shaped);
    for (size_t row = 0; row < rows; row++) {
        const ws_json *country = ws_json_member(records[row], "country"), *user = ws_json_member(records[row], "user");
        const ws_json *amount = ws_json_member(records[row], "amount");
        ws_push_string(computed->regions, country ? region_of(country->string) : "other");
        if (user)
            ws_push_text(computed->users, mask(user->string));
        else
            ws_push_null(computed->users);
        computed->is_small[row] = amount && amount->number < MINIMUM;
    }
    return WS_OK;
}

static ws_status write_rows(struct sink *sink, ws_batch rows)
{
    ws_batch shaped;
    WS_TRY(ws_plan_apply(sink->plan, rows, &shaped));
    if (sink->work == HANDLE)
        return by_handle(sink, shaped);

    size_t count = ws_row_count(shaped);
    struct computed computed = {
        ws_builder_new("region", "utf8"),
        ws_builder_new("user", "utf8"),
        ws_alloc(count),
        ws_alloc(count),
    };
    WS_TRY(sink->work == COLUMNS ? by_columns(shaped, &computed) : by_rows(shaped, &computed));

    // It is put back, and small orders are divided from the others.
    for (size_t row = 0; row < count; row++)
        computed.is_other[row] = !computed.is_small[row];
    ws_batch finished, small, others;
    WS_TRY(ws_with_columns(shaped, WS_BUILDERS(computed.regions, computed.users), &finished));
    WS_TRY(ws_filter(finished, computed.is_small, &small));
    WS_TRY(ws_filter(finished, computed.is_other, &others));
    ws_skip(ws_row_count(small), "a small amount");
    ws_skip(ws_row_count(others), "measured");
    return WS_OK;
}

WASM_SINK(.open = open_sink, .write = write_rows);
