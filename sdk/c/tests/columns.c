#include "test.h"

#include <float.h>
#include <math.h>

void test_columns(void)
{
    ws_builder *size = ws_builder_new("size", "utf8");
    for (int i = 0; i < 20; i++)
        ws_push_string(size, i == 9 || i == 19 ? NULL : i % 2 ? "odd" : "");
    ws_column column;
    EXPECT_OK(ws_built(size, &column));
    EXPECT(column.length == 20 && column.null_count == 2);
    for (size_t i = 0; i < 20; i++) {
        EXPECT(ws_is_null(&column, i) == (i == 9 || i == 19));
        EXPECT(ws_is_null(&column, i) || ws_text_is(ws_text_at(&column, i), i % 2 ? "odd" : ""));
    }

    ws_builder *whole = ws_builder_new("n", "int8");
    ws_push_integer(whole, 127);
    ws_push_integer(whole, 128);
    ws_push_integer(whole, 1000);
    EXPECT_INVALID(ws_built(whole, &column), "column `n`, row 1: 128 was given, and the column is int8");
    ws_builder *small = ws_builder_new("f", "float32");
    ws_push_number(small, (double)INFINITY);
    ws_push_number(small, (double)FLT_MAX);
    EXPECT_OK(ws_built(small, &column));
    EXPECT(isinf(column.float32[0]) && column.float32[1] == FLT_MAX);
    ws_push_number(small, -1e300);
    EXPECT_INVALID(ws_built(small, &column), "column `f`, row 2: -1e+300 was given, and the column is float32");
    ws_builder *time = ws_builder_new("at", "timestamp(us,+00:00)");
    ws_push_string(time, "yesterday");
    EXPECT_INVALID(ws_built(time, &column), "a text was given, and the column is timestamp(us,+00:00)");
    ws_builder *strict = ws_builder_new("id", "int64");
    ws_not_null(strict);
    ws_push_null(strict);
    EXPECT_INVALID(ws_built(strict, &column), "row 0: a null was given");
    static const char *const wrong[] = {"string", "list<utf8>", "timestamp", "timestamp(xs)", "decimal(40,2)", "int64 ",
                                        "struct", "time32(us)", "decimal(10)", "timestamp(us,)", "", "utf8(3)"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        EXPECT_INVALID(ws_built(ws_builder_new("x", wrong[i]), &column), "a builder does not make");

    ws_builder *two = ws_builder_new("two", "boolean"), *one = ws_builder_new("one", "float64");
    ws_push_bool(two, true);
    ws_push_null(two);
    ws_push_number(one, 0.5);
    ws_columns columns;
    EXPECT_INVALID(ws_built_columns(WS_BUILDERS(two, one), &columns), "column `one` has 1 values, and `two` has 2");

    static const struct {
        ws_decimal128 decimal;
        double number;
    } decimals[] = {{{1250, 0}, 12.5}, {{(uint64_t)-1250, -1}, -12.5}, {{0, 1}, 184467440737095516.16}};
    for (size_t i = 0; i < 3; i++) {
        ws_column amount = {.type = WS_DECIMAL128, .scale = 2, .decimal128 = &decimals[i].decimal, .length = 1};
        EXPECT(ws_number_at(&amount, 0) == decimals[i].number);
    }
    static const uint16_t halves[] = {0x3C00, 0xC000, 0x0001, 0x7BFF};
    static const double wholes[] = {1, -2, 5.9604644775390625e-08, 65504};
    ws_column half = {.type = WS_FLOAT16, .uint16 = halves, .length = 4};
    for (size_t i = 0; i < 4; i++)
        EXPECT(ws_number_at(&half, i) == wholes[i]);
    EXPECT(ws_is_number(&half) && !ws_is_number(&(ws_column){.type = WS_UTF8}));
}
