#include "wasm_sink/builder.h"

#include <math.h>
#include <string.h>

#include "arena.h"
#include "types.h"

/// Memory that grows at its end.
typedef struct growing {
    uint8_t *data;
    size_t length;
    size_t capacity;
} growing;

struct ws_builder {
    ws_column column;
    growing values, offsets, validity;
    ws_status failed;
};

static void *more(growing *growing, size_t length)
{
    if (length > growing->capacity - growing->length) {
        size_t capacity = growing->capacity ? growing->capacity : 256;
        while (capacity - growing->length < length)
            capacity *= 2;
        growing->data = arena_grow(arena_current(), growing->data, growing->capacity, capacity);
        growing->capacity = capacity;
    }
    void *at = growing->data + growing->length;
    growing->length += length;
    return at;
}

ws_builder *ws_builder_new(const char *name, const char *data_type)
{
    ws_builder *builder = ws_alloc(sizeof *builder);
    builder->column.name = ws_format("%s", name);
    builder->column.nullable = true;
    if (!type_from_text(data_type, &builder->column))
        builder->failed = ws_invalid("column `%s`: a builder does not make %s; it makes types without parts, such as "
                                     "int64, utf8 or timestamp(us,+00:00)",
                                     name, data_type);
    return builder;
}

void ws_not_null(ws_builder *builder)
{
    builder->column.nullable = false;
}

static void fail(ws_builder *builder, const char *what)
{
    if (builder->failed == WS_OK)
        builder->failed = ws_invalid("column `%s`, row %zu: %s was given, and the column is %s", builder->column.name,
                                     builder->column.length, what, ws_type_name(&builder->column));
}

/// The bit of the row that comes next, set in `bits`.
static void push_bit(growing *bits, size_t row, bool bit)
{
    if (row % 8 == 0)
        *(uint8_t *)more(bits, 1) = 0;
    bits->data[row / 8] |= (uint8_t)(bit << row % 8);
}

/// As long as no null came, there are no bits: most columns need none.
static void push_validity(ws_builder *builder, bool is_valid)
{
    size_t row = builder->column.length++;
    if (is_valid && !builder->validity.data)
        return;
    if (!builder->validity.data) {
        memset(more(&builder->validity, (row + 7) / 8), 0xFF, (row + 7) / 8);
        if (row % 8)
            builder->validity.data[row / 8] = (uint8_t)((1U << row % 8) - 1);
    }
    builder->column.null_count += !is_valid;
    push_bit(&builder->validity, row, is_valid);
}

static void push_bytes(ws_builder *builder, const void *data, size_t length, bool is_valid)
{
    bool is_large = layout_of(builder->column.type) == LAYOUT_LARGE_TEXT;
    if (!is_large && length > INT32_MAX - builder->values.length) {
        fail(builder, "more than 2 GiB of text in all (large_utf8 and large_binary hold more)");
        return;
    }
    if (length)
        memcpy(more(&builder->values, length), data, length);
    // The offset before the first row is put there with it.
    bool is_first = builder->offsets.length == 0;
    if (is_large) {
        int64_t end = (int64_t)builder->values.length;
        if (is_first)
            memset(more(&builder->offsets, sizeof end), 0, sizeof end);
        memcpy(more(&builder->offsets, sizeof end), &end, sizeof end);
    } else {
        int32_t end = (int32_t)builder->values.length;
        if (is_first)
            memset(more(&builder->offsets, sizeof end), 0, sizeof end);
        memcpy(more(&builder->offsets, sizeof end), &end, sizeof end);
    }
    push_validity(builder, is_valid);
}

static void push_fixed(ws_builder *builder, const void *value)
{
    size_t width = width_of(&builder->column);
    memcpy(more(&builder->values, width), value, width);
    push_validity(builder, true);
}

void ws_push_null(ws_builder *builder)
{
    if (builder->failed)
        return;
    if (!builder->column.nullable) {
        fail(builder, "a null");
        return;
    }
    switch (layout_of(builder->column.type)) {
    case LAYOUT_NOTHING:
        builder->column.length++;
        break;
    case LAYOUT_BITS:
        push_bit(&builder->values, builder->column.length, false);
        push_validity(builder, false);
        break;
    case LAYOUT_TEXT:
    case LAYOUT_LARGE_TEXT:
        push_bytes(builder, NULL, 0, false);
        break;
    default: {
        size_t width = width_of(&builder->column);
        memset(more(&builder->values, width), 0, width);
        push_validity(builder, false);
    }
    }
}

void ws_push_bool(ws_builder *builder, bool value)
{
    if (builder->failed)
        return;
    if (builder->column.type != WS_BOOL) {
        fail(builder, "a boolean");
        return;
    }
    push_bit(&builder->values, builder->column.length, value);
    push_validity(builder, true);
}

#define PUSH_AS(type, value)                                                                                           \
    do {                                                                                                               \
        type converted_ = (type)(value);                                                                               \
        push_fixed(builder, &converted_);                                                                              \
    } while (0)

/// An integer that fits a type between these.
#define PUSH_WITHIN(type, value, least, most)                                                                          \
    do {                                                                                                               \
        if ((value) < (least) || (value) > (most))                                                                     \
            fail(builder, ws_format("%lld", (long long)(value)));                                                      \
        else                                                                                                           \
            PUSH_AS(type, value);                                                                                      \
    } while (0)

void ws_push_integer(ws_builder *builder, int64_t value)
{
    if (builder->failed)
        return;
    switch (builder->column.type) {
    case WS_INT8:
        PUSH_WITHIN(int8_t, value, INT8_MIN, INT8_MAX);
        break;
    case WS_INT16:
        PUSH_WITHIN(int16_t, value, INT16_MIN, INT16_MAX);
        break;
    case WS_INT32:
    case WS_DATE32:
    case WS_TIME32:
        PUSH_WITHIN(int32_t, value, INT32_MIN, INT32_MAX);
        break;
    case WS_UINT8:
        PUSH_WITHIN(uint8_t, value, 0, UINT8_MAX);
        break;
    case WS_UINT16:
        PUSH_WITHIN(uint16_t, value, 0, UINT16_MAX);
        break;
    case WS_UINT32:
        PUSH_WITHIN(uint32_t, value, 0, UINT32_MAX);
        break;
    case WS_UINT64:
        PUSH_WITHIN(uint64_t, value, 0, INT64_MAX);
        break;
    case WS_INT64:
    case WS_DATE64:
    case WS_TIME64:
    case WS_TIMESTAMP:
    case WS_DURATION:
        push_fixed(builder, &value);
        break;
    case WS_FLOAT32:
        PUSH_AS(float, value);
        break;
    case WS_FLOAT64:
        PUSH_AS(double, value);
        break;
    default:
        fail(builder, "an integer");
    }
}

void ws_push_number(ws_builder *builder, double value)
{
    if (builder->failed)
        return;
    if (builder->column.type == WS_FLOAT64)
        push_fixed(builder, &value);
    else if (builder->column.type == WS_FLOAT32 && isinf((float)value) && !isinf(value))
        fail(builder, ws_format("%g", value));
    else if (builder->column.type == WS_FLOAT32)
        PUSH_AS(float, value);
    else
        fail(builder, "a double");
}

void ws_push_string(ws_builder *builder, const char *value)
{
    if (value)
        ws_push_text(builder, (ws_text){value, strlen(value)});
    else
        ws_push_null(builder);
}

void ws_push_text(ws_builder *builder, ws_text value)
{
    if (builder->failed)
        return;
    layout layout = layout_of(builder->column.type);
    if (layout == LAYOUT_TEXT || layout == LAYOUT_LARGE_TEXT)
        push_bytes(builder, value.data, value.length, true);
    else if (builder->column.type == WS_FIXED_SIZE_BINARY && value.length == (size_t)builder->column.width)
        push_fixed(builder, value.data);
    else
        fail(builder, builder->column.type == WS_FIXED_SIZE_BINARY ? "a text of another length" : "a text");
}

void ws_push_decimal(ws_builder *builder, ws_decimal128 value)
{
    if (builder->failed)
        return;
    if (builder->column.type == WS_DECIMAL128)
        push_fixed(builder, &value);
    else
        fail(builder, "a decimal");
}

ws_status ws_built(ws_builder *builder, ws_column *column)
{
    WS_TRY(builder->failed);
    *column = builder->column;
    column->values = builder->values.data;
    column->offsets = (const void *)builder->offsets.data;
    column->validity = builder->validity.data;
    if (column->type == WS_NULL)
        column->null_count = column->length;
    return WS_OK;
}

ws_status ws_built_columns(ws_builders builders, ws_columns *columns)
{
    ws_column *all = ws_alloc_array(builders.count, sizeof *all);
    for (size_t i = 0; i < builders.count; i++) {
        WS_TRY(ws_built(builders.at[i], &all[i]));
        if (all[i].length != all[0].length)
            return ws_invalid("column `%s` has %zu values, and `%s` has %zu", all[i].name, all[i].length, all[0].name,
                              all[0].length);
    }
    *columns = (ws_columns){all, builders.count, builders.count ? all[0].length : 0};
    return WS_OK;
}
