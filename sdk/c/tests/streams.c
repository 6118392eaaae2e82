#include "test.h"

enum { ROWS = 11 };

static ws_column built(const char *name, const char *type)
{
    ws_builder *builder = ws_builder_new(name, type);
    ws_column column = {0};
    EXPECT_OK(ws_built(builder, &column));
    for (int i = 0; i < ROWS; i++) {
        if (i % 3 == 1 || column.type == WS_NULL)
            ws_push_null(builder);
        else if (column.type == WS_BOOL)
            ws_push_bool(builder, i % 2);
        else if (column.type == WS_DECIMAL128)
            ws_push_decimal(builder, (ws_decimal128){(uint64_t)-i, i ? -1 : 0});
        else if (column.type == WS_FIXED_SIZE_BINARY)
            ws_push_text(builder, (ws_text){"abc", 3});
        else if (column.type >= WS_UTF8 && column.type <= WS_LARGE_BINARY)
            ws_push_string(builder, ws_format("text %d", i));
        else
            ws_push_integer(builder, i);
    }
    EXPECT_OK(ws_built(builder, &column));
    return column;
}

static const char *const flat_types[] = {
    "null",          "boolean",      "int8",           "int16",
    "int32",         "int64",        "uint8",          "uint16",
    "uint32",        "uint64",       "float32",        "float64",
    "utf8",          "large_utf8",   "binary",         "large_binary",
    "date32",        "date64",       "time32(s)",      "time64(ns)",
    "timestamp(us)", "duration(ms)", "decimal(10,2)",  "timestamp(us,+00:00)",
    "fixed_size_binary(3)",
};

enum { FLAT = sizeof flat_types / sizeof *flat_types };

ws_columns every_type(void)
{
    static const int32_t offsets[ROWS + 1] = {0, 0, 1, 2, 2, 2, 5, 6, 7, 9, 10, 11};
    static const int64_t large_offsets[ROWS + 1] = {0, 0, 1, 2, 2, 2, 5, 6, 7, 9, 10, 11};
    static const uint8_t validity[] = {0xFD, 0xFF};
    ws_column *all = ws_alloc_array(FLAT + 5, sizeof *all);
    for (size_t i = 0; i < FLAT; i++)
        all[i] = built(flat_types[i], flat_types[i]);
    ws_column *members = ws_alloc_array(2, sizeof *members), *item = ws_alloc(sizeof *item);
    members[0] = built("key", "utf8");
    members[0].nullable = false;
    members[0].null_count = 0;
    members[0].validity = NULL;
    members[1] = built("value", "float64");
    *item = built("item", "int64");
    ws_column *entries = ws_alloc(sizeof *entries);
    *entries = (ws_column){.name = "entries", .type = WS_STRUCT, .length = ROWS, .children = members, .child_count = 2};
    ws_column base = {.nullable = true, .length = ROWS, .null_count = 1, .validity = validity};

    ws_column *nested = all + FLAT;
    for (int i = 0; i < 5; i++)
        nested[i] = base;
    nested[0].type = WS_LIST, nested[0].offsets = offsets, nested[0].children = item;
    nested[1].type = WS_LARGE_LIST, nested[1].large_offsets = large_offsets, nested[1].children = item;
    nested[2].type = WS_STRUCT, nested[2].children = members;
    nested[3].type = WS_MAP, nested[3].offsets = offsets, nested[3].children = entries;
    nested[4].type = WS_FIXED_SIZE_LIST, nested[4].width = 1, nested[4].children = item;
    for (int i = 0; i < 5; i++) {
        nested[i].child_count = i == 2 ? 2 : 1;
        nested[i].name = ws_type_name(&nested[i]);
    }
    return (ws_columns){all, FLAT + 5, ROWS};
}

uint64_t touch(const ws_column *column)
{
    uint64_t sum = 0;
    for (size_t row = 0; row < column->length; row++) {
        if (column->type == WS_NULL)
            break;
        sum += ws_is_null(column, row);
        if (column->type == WS_BOOL) {
            sum += ws_bool_at(column, row);
        } else if (ws_is_number(column)) {
            double number = ws_number_at(column, row);
            sum += number > 0;
        } else {
            ws_text text = ws_text_at(column, row);
            for (size_t i = 0; i < text.length; i++)
                sum += (uint8_t)text.data[i];
        }
        if (column->type == WS_LIST || column->type == WS_MAP)
            sum += (uint64_t)column->offsets[row + 1];
        if (column->type == WS_LARGE_LIST)
            sum += (uint64_t)column->large_offsets[row + 1];
    }
    for (size_t i = 0; i < column->child_count; i++)
        sum += touch(&column->children[i]);
    return sum;
}

void test_streams(void)
{
    ws_columns columns = every_type(), read;
    ws_bytes stream, again;
    EXPECT_OK(ws_ipc_write(columns, &stream));
    EXPECT_OK(ws_ipc_read(stream, &read));
    EXPECT(read.rows == ROWS && read.count == columns.count);
    for (size_t i = 0; i < read.count; i++) {
        const ws_column *before = &columns.at[i], *after = &read.at[i];
        EXPECT(strcmp(before->name, after->name) == 0);
        EXPECT(strcmp(after->name, ws_type_name(after)) == 0);
        EXPECT(before->null_count == after->null_count && touch(before) == touch(after));
    }
    EXPECT_OK(ws_ipc_write(read, &again));
    EXPECT(stream.length == again.length && memcmp(stream.data, again.data, stream.length) == 0);
    EXPECT(ws_find_column(read, "utf8") && !ws_find_column(read, "utf9"));

    ws_column nothing = {.name = "nothing", .type = WS_UTF8, .nullable = true};
    EXPECT_OK(ws_ipc_write((ws_columns){&nothing, 1, 0}, &stream));
    EXPECT_OK(ws_ipc_read(stream, &read));
    EXPECT(read.rows == 0 && read.at[0].length == 0);
    EXPECT_OK(ws_ipc_write((ws_columns){NULL, 0, 3}, &stream));
    EXPECT_OK(ws_ipc_read(stream, &read));
    EXPECT(read.rows == 3 && read.count == 0);

    double values[2] = {1, 2};
    ws_column amount = {.name = "amount", .type = WS_FLOAT64, .float64 = values, .length = 2};
    EXPECT_INVALID(ws_ipc_write((ws_columns){&amount, 1, 3}, &stream), "`amount` has 2 values, and should have 3");
    EXPECT_INVALID(ws_ipc_write((ws_columns){&amount, 1, 1}, &stream), "`amount` has 2 values, and should have 1");
    amount.values = NULL;
    EXPECT_INVALID(ws_ipc_write((ws_columns){&amount, 1, 2}, &stream), "`amount` has no values");
    static const uint8_t validity[] = {0xFD, 0x02};
    int8_t many[10] = {0};
    ws_column by_hand = {.name = "n", .type = WS_INT8, .nullable = true, .int8 = many, .validity = validity};
    by_hand.length = 10;
    EXPECT_OK(ws_ipc_write((ws_columns){&by_hand, 1, 10}, &stream));
    EXPECT_OK(ws_ipc_read(stream, &read));
    EXPECT(read.at[0].null_count == 2 && ws_is_null(&read.at[0], 1) && ws_is_null(&read.at[0], 8));
    ws_column list = {.name = "list", .type = WS_LIST, .length = 0};
    EXPECT_INVALID(ws_ipc_write((ws_columns){&list, 1, 0}, &stream), "needs one child");
}
