// A sink with the mistakes that people make, one at a time: `wasm-sink test` has to find each.
//
// Rows have an `id` and a `name`. The mistake `takes-chance` of the other languages is left out: random bytes begin anew
// in each instance of a C sink, so that two of them agree. So are `sleeps`, `opens-a-socket` and `reads-the-clock`,
// which do not compile.

#include <ctype.h>
#include <wasm_sink.h>
#include <wasm_sink/delta.h>

struct sink {
    const char *mistake;
    ws_delta_table table;
    bool is_made;
    bool holds;
    ws_batch held;
    int64_t rows;
    volatile bool is_ready;
};

static bool makes(const struct sink *sink, const char *mistake)
{
    return strcmp(sink->mistake, mistake) == 0;
}

static ws_status open_sink(struct sink *sink, const ws_json *config)
{
    sink->mistake = "none";
    WS_TRY(ws_get_string(config, "mistake", &sink->mistake));
    return ws_delta_open("default", "t", &sink->table);
}

static ws_status append(struct sink *sink, ws_batch rows)
{
    WS_TRY(ws_delta_ensure(sink->table, ws_fields_of(rows), WS_NO_NAMES));
    return ws_delta_append(sink->table, rows);
}

/// Goes on counting where the last epoch ended.
static ws_status count_rows(struct sink *sink, ws_batch rows)
{
    ws_builder *number = ws_builder_new("number", "int64");
    for (uint32_t row = 0; row < ws_row_count(rows); row++)
        ws_push_integer(number, sink->rows++);
    WS_TRY(ws_with_columns(rows, WS_BUILDERS(number), &rows));
    return append(sink, rows);
}

/// Holds the last batch back, and never lets go of it.
static ws_status forget_flush(struct sink *sink, ws_batch rows)
{
    ws_batch before = sink->held;
    bool held = sink->holds;
    sink->held = rows;
    sink->holds = true;
    return held ? append(sink, before) : WS_OK;
}

/// From one epoch to the next.
static ws_status keep_batches(struct sink *sink, ws_batch rows)
{
    if (sink->holds)
        sink->rows += ws_row_count(sink->held);
    WS_TRY(append(sink, rows));
    if (!sink->holds)
        sink->held = rows;
    sink->holds = true;
    return WS_OK;
}

static ws_status panic_on_nulls(struct sink *sink, ws_batch rows)
{
    if (ws_has_column(rows, "id")) {
        ws_column id;
        WS_TRY(ws_read(rows, "id", &id));
        assert(id.null_count == 0 && "every row has an id");
    }
    return append(sink, rows);
}

/// Looks at each row once for each other row.
static ws_status be_slow(struct sink *sink, ws_batch rows)
{
    if (ws_has_column(rows, "id")) {
        ws_column id;
        WS_TRY(ws_read(rows, "id", &id));
        size_t same = 0;
        for (size_t row = 0; id.type == WS_INT64 && row < id.length; row++)
            for (size_t other = 0; other < id.length; other++)
                same += ws_number_at(&id, row) == ws_number_at(&id, other);
        assert(id.type != WS_INT64 || same >= id.length);
    }
    return append(sink, rows);
}

/// Never asks whether the table is there.
static ws_status make_table(struct sink *sink, ws_batch rows)
{
    if (!sink->is_made) {
        sink->is_made = true;
        ws_fields columns = ws_fields_of(rows), first = columns;
        first.count = columns.count ? 1 : 0;
        WS_TRY(ws_delta_create(sink->table, first, WS_NO_NAMES));
        WS_TRY(ws_delta_add_columns(sink->table, columns));
    }
    return ws_delta_append(sink->table, rows);
}

/// On a row without a name.
static ws_status shout(struct sink *sink, ws_batch rows)
{
    ws_column name;
    WS_TRY(ws_read(rows, "name", &name));
    for (size_t row = 0; row < name.length; row++) {
        assert(!ws_is_null(&name, row) && "every row has a name");
        sink->rows += toupper(ws_text_at(&name, row).data[0]);
    }
    return append(sink, rows);
}

/// For nobody ever says that it is ready.
static ws_status wait_for_others(struct sink *sink, ws_batch rows)
{
    while (!sink->is_ready)
        continue;
    return append(sink, rows);
}

static ws_status write_rows(struct sink *sink, ws_batch rows)
{
    if (makes(sink, "swallows-errors")) {
        ws_status ignored = append(sink, rows);
        (void)ignored;
        return WS_OK;
    }
    if (makes(sink, "panics-on-errors")) {
        if (append(sink, rows) != WS_OK)
            abort();
        return WS_OK;
    }
    if (makes(sink, "loses-rows")) {
        WS_TRY(ws_slice(rows, 0, ws_row_count(rows) / 2, &rows));
        return append(sink, rows);
    }
    if (makes(sink, "forgets-flush"))
        return forget_flush(sink, rows);
    if (makes(sink, "counts-rows"))
        return count_rows(sink, rows);
    if (makes(sink, "keeps-batches"))
        return keep_batches(sink, rows);
    if (makes(sink, "panics-without-rows")) {
        assert(ws_row_count(rows) > 0 && "there are rows");
        return append(sink, rows);
    }
    if (makes(sink, "panics-on-nulls"))
        return panic_on_nulls(sink, rows);
    if (makes(sink, "needs-a-column")) {
        assert(ws_has_column(rows, "name") && "every row has a name");
        return append(sink, rows);
    }
    if (makes(sink, "is-slow"))
        return be_slow(sink, rows);
    if (makes(sink, "makes-tables-blindly"))
        return make_table(sink, rows);
    if (makes(sink, "raises"))
        return shout(sink, rows);
    if (makes(sink, "returns-nonsense"))
        return (ws_status)-1;
    if (makes(sink, "blocks"))
        return wait_for_others(sink, rows);
    if (makes(sink, "prints"))
        printf("rows: %u\n", (unsigned)ws_row_count(rows));
    return append(sink, rows);
}

WASM_SINK(.open = open_sink, .write = write_rows);
