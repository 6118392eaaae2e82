// The reader of Arrow's IPC streams: https://arrow.apache.org/docs/format/Columnar.html. Every position and length is
// looked at before what it leads to.

#include <string.h>

#include "metadata.h"
#include "types.h"

typedef struct message {
    metadata metadata;
    place header;
    uint8_t kind;
    const uint8_t *body;
    size_t body_length;
} message;

enum { SCHEMA = 1, RECORD_BATCH = 3 };

/// The next message; at the end `kind` is 0.
static ws_status read_message(ws_bytes *left, message *message)
{
    *message = (struct message){0};
    uint32_t head[2] = {0};
    if (left->length == 0)
        return WS_OK;
    if (left->length < sizeof head)
        return cut_off("it breaks off within a message's length");
    memcpy(head, left->data, sizeof head);
    if (head[0] != UINT32_MAX)
        return cut_off("a message does not begin with the mark of one");
    if (head[1] == 0)
        return WS_OK;
    if (head[1] > left->length - sizeof head)
        return cut_off("it breaks off within a message");
    if (head[1] % 8)
        return cut_off("a message's length is no multiple of eight");
    metadata *from = &message->metadata;
    *from = (metadata){left->data + sizeof head, head[1], false};
    place root = read_u32(from, 0);
    message->kind = u8_of(from, root, 1, 0);
    message->header = table_of(from, root, 2);
    int64_t body_length = i64_of(from, root, 3, 0);
    size_t rest = left->length - sizeof head - head[1];
    if (from->is_bad || !root || !message->header)
        return cut_off("what a message says of itself leads out of it");
    if (body_length < 0 || (uint64_t)body_length > rest || body_length % 8)
        return cut_off("it breaks off within a message's body");
    message->body = left->data + sizeof head + head[1];
    message->body_length = (size_t)body_length;
    left->data = message->body + body_length;
    left->length = rest - (size_t)body_length;
    return WS_OK;
}

/// Hands out a record batch's nodes and buffers, in the order of the columns.
typedef struct body_reader {
    message *message;
    place nodes, buffers;
    size_t node_count, buffer_count;
} body_reader;

static ws_status lies(const ws_column *column, const char *what)
{
    return ws_invalid("column `%s` (%s): %s", column->name, ws_type_name(column), what);
}

static ws_status next_buffer(body_reader *reader, const ws_column *column, ws_bytes *buffer)
{
    if (!reader->buffer_count)
        return lies(column, "the record batch has too few buffers");
    metadata *from = &reader->message->metadata;
    int64_t offset = read_i64(from, reader->buffers), length = read_i64(from, reader->buffers + 8);
    reader->buffers += 16;
    reader->buffer_count--;
    size_t body = reader->message->body_length;
    if (offset < 0 || length < 0 || (uint64_t)offset > body || (uint64_t)length > body - (uint64_t)offset)
        return lies(column, "a buffer lies outside of the record batch");
    if (offset % 8 && length)
        return lies(column, "a buffer does not begin at a multiple of eight");
    *buffer = (ws_bytes){reader->message->body + offset, (size_t)length};
    return WS_OK;
}

static ws_status read_validity(body_reader *reader, int64_t stated_nulls, ws_column *column)
{
    ws_bytes bits;
    WS_TRY(next_buffer(reader, column, &bits));
    if (stated_nulls == 0)
        return WS_OK;
    if (bits.length < column->length / 8 + (column->length % 8 != 0))
        return lies(column, "it has nulls, and too few bits that say which");
    column->null_count = count_nulls(bits.data, column->length);
    column->validity = column->null_count ? bits.data : NULL;
    return WS_OK;
}

/// Offsets that do not go back, and where they end.
static ws_status read_offsets(body_reader *reader, ws_column *column, bool is_large, size_t *end)
{
    static const int64_t none[1];
    ws_bytes buffer;
    WS_TRY(next_buffer(reader, column, &buffer));
    *end = 0;
    if (column->length == 0) {
        column->large_offsets = none;
        return WS_OK;
    }
    size_t width = is_large ? sizeof(int64_t) : sizeof(int32_t);
    if (buffer.length / width < column->length + 1)
        return lies(column, "it has fewer offsets than rows");
    column->offsets = (const void *)buffer.data;
    int64_t last = 0;
    bool goes_back = false;
    for (size_t i = 0; i <= column->length; i++) {
        int64_t offset = is_large ? column->large_offsets[i] : column->offsets[i];
        goes_back |= offset < last;
        last = offset;
    }
    if (goes_back || (uint64_t)last > SIZE_MAX)
        return lies(column, "its offsets go back");
    *end = (size_t)last;
    return WS_OK;
}

static ws_status read_column(body_reader *reader, ws_column *column);

static ws_status read_children(body_reader *reader, ws_column *column, size_t at_least)
{
    // Allocated by read_fields: constant only for who uses the columns.
    ws_column *children = (ws_column *)(uintptr_t)column->children;
    for (size_t i = 0; i < column->child_count; i++) {
        WS_TRY(read_column(reader, &children[i]));
        if (children[i].length < at_least)
            return lies(column, "what is inside has fewer rows than it should");
    }
    return WS_OK;
}

static ws_status read_values(body_reader *reader, ws_column *column, size_t needed)
{
    ws_bytes buffer;
    WS_TRY(next_buffer(reader, column, &buffer));
    if (buffer.length < needed)
        return lies(column, "it has fewer values than rows");
    column->values = buffer.data;
    return WS_OK;
}

static ws_status read_column(body_reader *reader, ws_column *column)
{
    metadata *from = &reader->message->metadata;
    if (!reader->node_count)
        return lies(column, "the record batch has too few columns");
    int64_t length = read_i64(from, reader->nodes), nulls = read_i64(from, reader->nodes + 8);
    reader->nodes += 16;
    reader->node_count--;
    if (length < 0 || length > UINT32_MAX || nulls < 0 || nulls > length)
        return lies(column, "its number of rows or of nulls cannot be");
    column->length = (size_t)length;

    layout layout = layout_of(column->type);
    if (layout == LAYOUT_NOTHING) {
        column->null_count = column->length;
        return WS_OK;
    }
    WS_TRY(read_validity(reader, nulls, column));
    size_t end;
    switch (layout) {
    case LAYOUT_BITS:
        return read_values(reader, column, column->length / 8 + (column->length % 8 != 0));
    case LAYOUT_FIXED:
        if (width_of(column) && column->length > SIZE_MAX / width_of(column))
            return lies(column, "its number of rows cannot be");
        return read_values(reader, column, column->length * width_of(column));
    case LAYOUT_TEXT:
    case LAYOUT_LARGE_TEXT:
        WS_TRY(read_offsets(reader, column, layout == LAYOUT_LARGE_TEXT, &end));
        return read_values(reader, column, end);
    case LAYOUT_LIST:
    case LAYOUT_LARGE_LIST:
        WS_TRY(read_offsets(reader, column, layout == LAYOUT_LARGE_LIST, &end));
        return read_children(reader, column, end);
    default:
        if (column->type == WS_STRUCT)
            return read_children(reader, column, column->length);
        if (column->width && column->length > SIZE_MAX / (size_t)column->width)
            return lies(column, "its number of rows cannot be");
        return read_children(reader, column, column->length * (size_t)column->width);
    }
}

static ws_status read_batch(message *message, ws_column *columns, size_t count, size_t *rows)
{
    metadata *from = &message->metadata;
    int64_t length = i64_of(from, message->header, 0, 0);
    body_reader reader = {.message = message};
    reader.nodes = vector_of(from, message->header, 1, 16, &reader.node_count);
    reader.buffers = vector_of(from, message->header, 2, 16, &reader.buffer_count);
    if (from->is_bad || length < 0 || length > UINT32_MAX)
        return cut_off("what a record batch says of itself cannot be");
    if (field_of(from, message->header, 3))
        return cut_off("its buffers are compressed, which this SDK does not read");
    *rows = (size_t)length;
    for (size_t i = 0; i < count; i++) {
        WS_TRY(read_column(&reader, &columns[i]));
        if (columns[i].length != *rows)
            return lies(&columns[i], "it has another number of rows than the record batch");
    }
    if (reader.node_count || reader.buffer_count)
        return cut_off("a record batch has more than its schema says");
    return WS_OK;
}

ws_status ws_ipc_read(ws_bytes stream, ws_columns *out)
{
    if ((uintptr_t)stream.data % 8)
        return ws_invalid("the Arrow IPC stream does not begin at a multiple of eight in memory");
    message message;
    WS_TRY(read_message(&stream, &message));
    if (message.kind != SCHEMA)
        return cut_off("it does not begin with a schema");
    ws_column *columns;
    size_t count, rows;
    WS_TRY(read_schema(&message.metadata, message.header, &columns, &count));

    WS_TRY(read_message(&stream, &message));
    if (message.kind != RECORD_BATCH)
        return cut_off(message.kind ? "there is something else than a record batch in it" : "there are no rows in it");
    WS_TRY(read_batch(&message, columns, count, &rows));
    WS_TRY(read_message(&stream, &message));
    if (message.kind)
        return cut_off("there is more than one record batch in it");
    *out = (ws_columns){columns, count, rows};
    return WS_OK;
}
