// Every position and length is looked at before what it leads to.

#include "metadata.h"

#include <string.h>

static const void *bytes_at(metadata *from, place at, size_t length)
{
    static const uint8_t zeros[16];
    if (length <= sizeof zeros && at <= from->length && length <= from->length - at)
        return from->data + at;
    from->is_bad = true;
    return zeros;
}

#define READ(scope, name, type)                                                                                        \
    scope type name(metadata *from, place at)                                                                         \
    {                                                                                                                  \
        type value;                                                                                                    \
        memcpy(&value, bytes_at(from, at, sizeof value), sizeof value);                                                \
        return value;                                                                                                  \
    }

READ(static, read_u8, uint8_t)
READ(static, read_u16, uint16_t)
READ(static, read_i16, int16_t)
READ(, read_u32, uint32_t)
READ(static, read_i32, int32_t)
READ(, read_i64, int64_t)

place follow(metadata *from, place at)
{
    if (!at)
        return 0;
    uint32_t offset = read_u32(from, at);
    if (!offset || offset > from->length - at) {
        from->is_bad = true;
        return 0;
    }
    return at + offset;
}

place field_of(metadata *from, place table, unsigned number)
{
    if (!table)
        return 0;
    int64_t fields = (int64_t)table - read_i32(from, table);
    if (fields < 0 || fields > (int64_t)from->length) {
        from->is_bad = true;
        return 0;
    }
    unsigned slot = 4 + 2 * number;
    if (slot + 2 > read_u16(from, (place)fields))
        return 0;
    unsigned offset = read_u16(from, (place)fields + slot);
    return offset ? table + offset : 0;
}

place table_of(metadata *from, place table, unsigned number)
{
    return follow(from, field_of(from, table, number));
}

place vector_of(metadata *from, place table, unsigned number, size_t width, size_t *count)
{
    *count = 0;
    place vector = table_of(from, table, number);
    if (!vector)
        return 0;
    size_t stated = read_u32(from, vector);
    if (from->is_bad || stated > (from->length - vector - 4) / width) {
        from->is_bad = true;
        return 0;
    }
    *count = stated;
    return vector + 4;
}

const char *string_of(metadata *from, place table, unsigned number)
{
    size_t length;
    place text = vector_of(from, table, number, 1, &length);
    return text ? ws_copy((ws_text){(const char *)from->data + text, length}) : NULL;
}

#define FIELD(name, type, read)                                                                                        \
    type name(metadata *from, place table, unsigned number, type otherwise)                                     \
    {                                                                                                                  \
        place field = field_of(from, table, number);                                                                   \
        return field ? read(from, field) : otherwise;                                                                  \
    }

FIELD(u8_of, uint8_t, read_u8)
FIELD(i16_of, int16_t, read_i16)
FIELD(i32_of, int32_t, read_i32)
FIELD(i64_of, int64_t, read_i64)

ws_status cut_off(const char *what)
{
    return ws_invalid("no Arrow IPC stream: %s", what);
}
