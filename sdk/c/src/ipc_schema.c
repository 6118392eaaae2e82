// The types of columns, from the schema of an IPC stream.

#include "metadata.h"
#include "types.h"

static const char *type_word(uint8_t type)
{
    static const char *const words[] = {
        "nothing", "null",     "int",    "float", "binary", "utf8", "boolean", "decimal",
        "date",    "time",     "timestamp", "interval", "list", "struct", "union", "fixed_size_binary",
        "fixed_size_list", "map", "duration", "large_binary", "large_utf8", "large_list", "run_end_encoded",
        "binary_view", "utf8_view", "list_view", "large_list_view"};
    return type < sizeof words / sizeof *words ? words[type] : "of a type that came later";
}

static ws_status not_read(const ws_column *column, const char *type)
{
    return ws_invalid("column `%s`: %s is not read by this SDK; convert it with a plan, or leave it out", column->name,
                      type);
}

/// Sets the type from the flatbuffer's union of types.
static bool type_from_metadata(metadata *from, uint8_t number, place type, ws_column *column)
{
    int32_t bits;
    switch (number) {
    case 1:
        column->type = WS_NULL;
        return true;
    case 2:
        bits = i32_of(from, type, 0, 0);
        if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
            return false;
        column->type = u8_of(from, type, 1, 0) ? WS_INT8 : WS_UINT8;
        column->type += (bits > 8) + (bits > 16) + (bits > 32);
        return true;
    case 3: {
        int16_t precision = i16_of(from, type, 0, 0);
        column->type = WS_FLOAT16 + (ws_type)precision;
        return precision >= 0 && precision <= 2;
    }
    case 4:
        column->type = WS_BINARY;
        return true;
    case 5:
        column->type = WS_UTF8;
        return true;
    case 6:
        column->type = WS_BOOL;
        return true;
    case 7:
        column->type = WS_DECIMAL128;
        column->precision = i32_of(from, type, 0, 0);
        column->scale = i32_of(from, type, 1, 0);
        return i32_of(from, type, 2, 128) == 128 && column->scale >= INT8_MIN && column->scale <= INT8_MAX;
    case 8:
        column->type = i16_of(from, type, 0, 1) ? WS_DATE64 : WS_DATE32;
        return true;
    case 9:
        column->unit = (ws_unit)i16_of(from, type, 0, WS_MILLISECOND);
        bits = i32_of(from, type, 1, 32);
        column->type = bits == 32 ? WS_TIME32 : WS_TIME64;
        return (bits == 32 || bits == 64) && column->unit <= WS_NANOSECOND;
    case 10:
        column->type = WS_TIMESTAMP;
        column->unit = (ws_unit)i16_of(from, type, 0, WS_SECOND);
        column->time_zone = string_of(from, type, 1);
        return column->unit <= WS_NANOSECOND;
    case 12:
        column->type = WS_LIST;
        return column->child_count == 1;
    case 13:
        column->type = WS_STRUCT;
        return true;
    case 15:
        column->type = WS_FIXED_SIZE_BINARY;
        column->width = i32_of(from, type, 0, 0);
        return column->width >= 0;
    case 16:
        column->type = WS_FIXED_SIZE_LIST;
        column->width = i32_of(from, type, 0, 0);
        return column->child_count == 1 && column->width >= 0;
    case 17:
        column->type = WS_MAP;
        return column->child_count == 1 && column->children->type == WS_STRUCT && column->children->child_count == 2;
    case 18:
        column->type = WS_DURATION;
        column->unit = (ws_unit)i16_of(from, type, 0, WS_MILLISECOND);
        return column->unit <= WS_NANOSECOND;
    case 19:
        column->type = WS_LARGE_BINARY;
        return true;
    case 20:
        column->type = WS_LARGE_UTF8;
        return true;
    case 21:
        column->type = WS_LARGE_LIST;
        return column->child_count == 1;
    default:
        return false;
    }
}

/// Tables may share children; how many columns there are in all is what bounds the work.
enum { MAX_COLUMNS = 100000 };

typedef struct schema_reader {
    metadata *from;
    size_t left;
} schema_reader;

static ws_status read_fields(schema_reader *reader, place table, unsigned number, int depth, const ws_column **columns,
                             size_t *count);

static ws_status read_field(schema_reader *reader, place field, int depth, ws_column *column)
{
    metadata *from = reader->from;
    const char *name = string_of(from, field, 0);
    column->name = name ? name : "";
    column->nullable = u8_of(from, field, 1, 0) != 0;
    if (field_of(from, field, 4))
        return not_read(column, "dictionary");
    WS_TRY(read_fields(reader, field, 5, depth + 1, &column->children, &column->child_count));
    uint8_t type = u8_of(from, field, 2, 0);
    bool is_read = type_from_metadata(from, type, table_of(from, field, 3), column);
    if (from->is_bad)
        return cut_off("what its schema says leads out of it");
    return is_read ? WS_OK : not_read(column, type_word(type));
}

static ws_status read_fields(schema_reader *reader, place table, unsigned number, int depth, const ws_column **columns,
                             size_t *count)
{
    metadata *from = reader->from;
    place fields = vector_of(from, table, number, 4, count);
    if (depth > MAX_NESTING || *count > reader->left)
        return ws_invalid("an Arrow schema with more columns than are read, or nested too deeply");
    reader->left -= *count;
    ws_column *all = ws_alloc_array(*count, sizeof *all);
    for (size_t i = 0; i < *count; i++)
        WS_TRY(read_field(reader, follow(from, fields + 4 * i), depth, &all[i]));
    *columns = all;
    return WS_OK;
}

ws_status read_schema(metadata *from, place schema, ws_column **columns, size_t *count)
{
    if (i16_of(from, schema, 0, 0) != 0)
        return cut_off("it is big-endian");
    schema_reader reader = {.from = from, .left = MAX_COLUMNS};
    const ws_column *read;
    WS_TRY(read_fields(&reader, schema, 1, 0, &read, count));
    if (from->is_bad)
        return cut_off("what its schema says leads out of it");
    *columns = (ws_column *)(uintptr_t)read;
    return WS_OK;
}
