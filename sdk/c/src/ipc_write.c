// The writer of Arrow's IPC streams: a schema, one record batch, the end. Flatbuffers are written from the root
// on: what a table refers to follows it.

#include <string.h>

#include "arena.h"
#include "types.h"

/// Where buffers begin, in bytes: what Arrow recommends.
enum { BUFFER_ALIGNMENT = 64 };

typedef struct output {
    uint8_t *data;
    size_t length;
    size_t capacity;
    /// Where the flatbuffer that is being written begins.
    size_t start;
} output;

/// Room for so many bytes more, which are zero; answers where they begin.
static size_t extend(output *out, size_t length)
{
    size_t at = out->length;
    if (length > out->capacity - at) {
        size_t capacity = out->capacity * 2 > at + length ? out->capacity * 2 : at + length;
        out->data = arena_grow(arena_current(), out->data, out->capacity, capacity);
        out->capacity = capacity;
    }
    memset(out->data + at, 0, length);
    out->length += length;
    return at;
}

/// Pads so that what follows begins `beyond` bytes after a multiple of `alignment`.
static void align(output *out, size_t alignment, size_t beyond)
{
    size_t past = (out->length - out->start + alignment - beyond) % alignment;
    if (past)
        extend(out, alignment - past);
}

static void set(output *out, size_t at, const void *value, size_t length)
{
    memcpy(out->data + at, value, length);
}

static void set_u8(output *out, size_t at, uint8_t value)
{
    set(out, at, &value, sizeof value);
}

static void set_i16(output *out, size_t at, int16_t value)
{
    set(out, at, &value, sizeof value);
}

static void set_i32(output *out, size_t at, int32_t value)
{
    set(out, at, &value, sizeof value);
}

static void set_i64(output *out, size_t at, int64_t value)
{
    set(out, at, &value, sizeof value);
}

/// What stands at `at` refers to what is written next.
static void refer(output *out, size_t at)
{
    set_i32(out, at, (int32_t)(out->length - at));
}

/// Begins a table. `widths` has the bytes of each field, 0 for those that are left out; `at` gets where they are.
static void table(output *out, size_t refers, const uint8_t *widths, size_t count, size_t *at)
{
    size_t fields_length = 4 + 2 * count, table_length = 4;
    for (size_t i = 0; i < count; i++)
        table_length += widths[i];
    // Widest first, behind the four bytes that a table begins with: each field is aligned then.
    align(out, 8, (4 + 8 - fields_length % 8) % 8);
    size_t fields = extend(out, fields_length);
    if (refers)
        refer(out, refers);
    size_t start = extend(out, table_length);
    set_i32(out, start, (int32_t)(start - fields));
    set_i16(out, fields, (int16_t)fields_length);
    set_i16(out, fields + 2, (int16_t)table_length);
    size_t offset = 4;
    for (uint8_t width = 8; width; width /= 2)
        for (size_t i = 0; i < count; i++) {
            if (widths[i] != width)
                continue;
            set_i16(out, fields + 4 + 2 * i, (int16_t)offset);
            at[i] = start + offset;
            offset += width;
        }
}

/// A vector's length; the elements are to follow.
static void vector(output *out, size_t refers, size_t count, size_t alignment)
{
    align(out, alignment, alignment == 8 ? 4 : 0);
    refer(out, refers);
    set_i32(out, extend(out, 4), (int32_t)count);
}

static void string(output *out, size_t refers, const char *text)
{
    size_t length = strlen(text);
    vector(out, refers, length, 4);
    set(out, extend(out, length + 1), text, length);
}

/// Begins a message: its head, and the table around `header`. Answers where the header is referred to.
static size_t begin_message(output *out, uint8_t kind, int64_t body_length)
{
    uint32_t head[2] = {UINT32_MAX, 0};
    size_t at[4];
    set(out, extend(out, sizeof head), head, sizeof head);
    out->start = out->length;
    size_t root = extend(out, 4);
    table(out, root, (const uint8_t[]){2, 1, 4, 8}, 4, at);
    set_i16(out, at[0], 4); // Version 5 of the format.
    set_u8(out, at[1], kind);
    set_i64(out, at[3], body_length);
    return at[2];
}

static void end_message(output *out)
{
    align(out, 8, 0);
    set_i32(out, out->start - 4, (int32_t)(out->length - out->start));
}

/// The number of a type in the flatbuffer's union.
static uint8_t number_of(ws_type type)
{
    switch (type) {
    case WS_NULL:
        return 1;
    case WS_FLOAT16:
    case WS_FLOAT32:
    case WS_FLOAT64:
        return 3;
    case WS_BINARY:
        return 4;
    case WS_UTF8:
        return 5;
    case WS_BOOL:
        return 6;
    case WS_DECIMAL128:
        return 7;
    case WS_DATE32:
    case WS_DATE64:
        return 8;
    case WS_TIME32:
    case WS_TIME64:
        return 9;
    case WS_TIMESTAMP:
        return 10;
    case WS_LIST:
        return 12;
    case WS_STRUCT:
        return 13;
    case WS_FIXED_SIZE_BINARY:
        return 15;
    case WS_FIXED_SIZE_LIST:
        return 16;
    case WS_MAP:
        return 17;
    case WS_DURATION:
        return 18;
    case WS_LARGE_BINARY:
        return 19;
    case WS_LARGE_UTF8:
        return 20;
    case WS_LARGE_LIST:
        return 21;
    default:
        return 2;
    }
}

static void write_type(output *out, size_t refers, const ws_column *column)
{
    size_t at[3];
    switch (number_of(column->type)) {
    case 2:
        table(out, refers, (const uint8_t[]){4, 1}, 2, at);
        set_i32(out, at[0], 8 * (int32_t)width_of(column));
        set_u8(out, at[1], column->type <= WS_INT64);
        break;
    case 3:
        table(out, refers, (const uint8_t[]){2}, 1, at);
        set_i16(out, at[0], (int16_t)(column->type - WS_FLOAT16));
        break;
    case 7:
        table(out, refers, (const uint8_t[]){4, 4, 4}, 3, at);
        set_i32(out, at[0], column->precision);
        set_i32(out, at[1], column->scale);
        set_i32(out, at[2], 128);
        break;
    case 8:
        table(out, refers, (const uint8_t[]){2}, 1, at);
        set_i16(out, at[0], column->type == WS_DATE64);
        break;
    case 9:
        table(out, refers, (const uint8_t[]){2, 4}, 2, at);
        set_i16(out, at[0], (int16_t)column->unit);
        set_i32(out, at[1], column->type == WS_TIME32 ? 32 : 64);
        break;
    case 10:
        table(out, refers, (const uint8_t[]){2, column->time_zone ? 4 : 0}, 2, at);
        set_i16(out, at[0], (int16_t)column->unit);
        if (column->time_zone)
            string(out, at[1], column->time_zone);
        break;
    case 15:
    case 16:
        table(out, refers, (const uint8_t[]){4}, 1, at);
        set_i32(out, at[0], column->width);
        break;
    case 18:
        table(out, refers, (const uint8_t[]){2}, 1, at);
        set_i16(out, at[0], (int16_t)column->unit);
        break;
    default:
        table(out, refers, NULL, 0, at);
    }
}

static void write_fields(output *out, size_t refers, const ws_column *columns, size_t count)
{
    vector(out, refers, count, 4);
    size_t references = extend(out, 4 * count);
    for (size_t i = 0; i < count; i++) {
        const ws_column *column = &columns[i];
        size_t at[6];
        table(out, references + 4 * i, (const uint8_t[]){4, 1, 1, 4, 0, 4}, 6, at);
        set_u8(out, at[1], column->nullable);
        set_u8(out, at[2], number_of(column->type));
        string(out, at[0], column->name ? column->name : "");
        write_type(out, at[3], column);
        write_fields(out, at[5], column->children, column->child_count);
    }
}

static void write_schema(output *out, ws_columns columns)
{
    size_t header = begin_message(out, 1, 0), at[2];
    table(out, header, (const uint8_t[]){2, 4}, 2, at);
    write_fields(out, at[1], columns.at, columns.count);
    end_message(out);
}

/// Nodes and buffers of a record batch: counted first, written then.
typedef struct body {
    output *out;
    size_t nodes, buffers;
    size_t node_count, buffer_count;
    size_t length;
    const uint8_t **data;
    size_t *lengths;
} body;

static void add_buffer(body *body, const void *data, size_t length)
{
    if (body->out) {
        set_i64(body->out, body->buffers + 16 * body->buffer_count, (int64_t)body->length);
        set_i64(body->out, body->buffers + 16 * body->buffer_count + 8, (int64_t)length);
        body->data[body->buffer_count] = data;
        body->lengths[body->buffer_count] = length;
    }
    body->buffer_count++;
    body->length += (length + BUFFER_ALIGNMENT - 1) / BUFFER_ALIGNMENT * BUFFER_ALIGNMENT;
}

static size_t add_offsets(body *body, const ws_column *column, bool is_large)
{
    // A column without rows may have no offsets in memory; in the stream it has one.
    static const int64_t none[1];
    size_t width = is_large ? sizeof(int64_t) : sizeof(int32_t);
    const void *offsets = column->length ? column->offsets : (const int32_t *)(const void *)none;
    add_buffer(body, offsets, (column->length + 1) * width);
    if (column->length == 0)
        return 0;
    return is_large ? (size_t)column->large_offsets[column->length] : (size_t)column->offsets[column->length];
}

static void add_column(body *body, const ws_column *column)
{
    layout layout = layout_of(column->type);
    if (body->out) {
        // Counted: `null_count` may not be filled in, and the host takes 0 for no nulls, whatever the bits are.
        size_t nulls = column->validity ? count_nulls(column->validity, column->length) : 0;
        if (layout == LAYOUT_NOTHING)
            nulls = column->length;
        set_i64(body->out, body->nodes + 16 * body->node_count, (int64_t)column->length);
        set_i64(body->out, body->nodes + 16 * body->node_count + 8, (int64_t)nulls);
    }
    body->node_count++;
    if (layout == LAYOUT_NOTHING)
        return;
    add_buffer(body, column->validity, column->validity ? (column->length + 7) / 8 : 0);
    switch (layout) {
    case LAYOUT_BITS:
        add_buffer(body, column->values, (column->length + 7) / 8);
        break;
    case LAYOUT_FIXED:
        add_buffer(body, column->values, column->length * width_of(column));
        break;
    case LAYOUT_TEXT:
    case LAYOUT_LARGE_TEXT: {
        size_t end = add_offsets(body, column, layout == LAYOUT_LARGE_TEXT);
        add_buffer(body, column->values, end);
        break;
    }
    case LAYOUT_LIST:
    case LAYOUT_LARGE_LIST:
        add_offsets(body, column, layout == LAYOUT_LARGE_LIST);
        break;
    default:
        break;
    }
    for (size_t i = 0; i < column->child_count; i++)
        add_column(body, &column->children[i]);
}

static void write_batch(output *out, ws_columns columns)
{
    body counted = {0};
    for (size_t i = 0; i < columns.count; i++)
        add_column(&counted, &columns.at[i]);

    size_t header = begin_message(out, 3, (int64_t)counted.length), at[3];
    table(out, header, (const uint8_t[]){8, 4, 4}, 3, at);
    set_i64(out, at[0], (int64_t)columns.rows);
    body body = {.out = out};
    vector(out, at[1], counted.node_count, 8);
    body.nodes = extend(out, 16 * counted.node_count);
    vector(out, at[2], counted.buffer_count, 8);
    body.buffers = extend(out, 16 * counted.buffer_count);
    body.data = ws_alloc_array(counted.buffer_count, sizeof *body.data);
    body.lengths = ws_alloc_array(counted.buffer_count, sizeof *body.lengths);
    for (size_t i = 0; i < columns.count; i++)
        add_column(&body, &columns.at[i]);
    end_message(out);

    size_t written = extend(out, counted.length);
    for (size_t i = 0; i < counted.buffer_count; i++) {
        if (body.lengths[i])
            set(out, written, body.data[i], body.lengths[i]);
        written += (body.lengths[i] + BUFFER_ALIGNMENT - 1) / BUFFER_ALIGNMENT * BUFFER_ALIGNMENT;
    }
}

/// What the columns need to have, so that nothing beyond their memory is read by mistake.
static ws_status check(const ws_column *column, size_t rows, int depth)
{
    const char *name = column->name ? column->name : "";
    if (depth > MAX_NESTING)
        return ws_invalid("column `%s` is nested too deeply", name);
    if ((unsigned)column->type > WS_MAP)
        return ws_invalid("column `%s` has %d as its type, which is none", name, (int)column->type);
    if (column->length < rows)
        return ws_invalid("column `%s` has %zu values, and should have %zu", name, column->length, rows);
    layout layout = layout_of(column->type);
    bool is_text = layout == LAYOUT_TEXT || layout == LAYOUT_LARGE_TEXT;
    bool is_list = layout == LAYOUT_LIST || layout == LAYOUT_LARGE_LIST;
    if (is_list || column->type == WS_FIXED_SIZE_LIST) {
        if (column->child_count != 1)
            return ws_invalid("column `%s` is a list, and needs one child, the items", name);
    } else if (column->type != WS_STRUCT && column->child_count) {
        return ws_invalid("column `%s` has children, which only lists, maps and structs have", name);
    }
    if (column->type == WS_MAP && (column->children->type != WS_STRUCT || column->children->child_count != 2))
        return ws_invalid("column `%s` is a map, and needs a struct of key and value as its child", name);
    if ((is_text || is_list) && column->length && !column->offsets)
        return ws_invalid("column `%s` has no offsets", name);
    if ((layout == LAYOUT_BITS || (layout == LAYOUT_FIXED && width_of(column))) && column->length && !column->values)
        return ws_invalid("column `%s` has no values", name);
    size_t inside = column->type == WS_STRUCT ? column->length : 0;
    if (column->type == WS_FIXED_SIZE_LIST)
        inside = column->length * (size_t)column->width;
    if (is_list && column->length)
        inside = layout == LAYOUT_LIST ? (size_t)column->offsets[column->length]
                                       : (size_t)column->large_offsets[column->length];
    for (size_t i = 0; i < column->child_count; i++)
        WS_TRY(check(&column->children[i], inside, depth + 1));
    return WS_OK;
}

static void measure(const ws_column *column, size_t *bytes)
{
    body body = {0};
    add_column(&body, column);
    *bytes += body.length + 256 * body.node_count + (column->name ? strlen(column->name) : 0);
}

ws_status ws_ipc_write(ws_columns columns, ws_bytes *stream)
{
    size_t guess = 1024;
    for (size_t i = 0; i < columns.count; i++) {
        WS_TRY(check(&columns.at[i], columns.rows, 0));
        if (columns.at[i].length != columns.rows)
            return ws_invalid("column `%s` has %zu values, and should have %zu", columns.at[i].name,
                              columns.at[i].length, columns.rows);
        measure(&columns.at[i], &guess);
    }
    output out = {.data = arena_take(arena_current(), guess), .capacity = guess};
    write_schema(&out, columns);
    write_batch(&out, columns);
    uint32_t end[2] = {UINT32_MAX, 0};
    set(&out, extend(&out, sizeof end), end, sizeof end);
    *stream = (ws_bytes){out.data, out.length};
    return WS_OK;
}
