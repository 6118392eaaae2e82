#include "types.h"

#include <stdlib.h>
#include <string.h>

typedef struct known_type {
    ws_type type;
    const char *word;
    layout layout;
    size_t width;
} known_type;

static const known_type known[] = {
    {WS_NULL, "null", LAYOUT_NOTHING, 0},
    {WS_BOOL, "boolean", LAYOUT_BITS, 0},
    {WS_INT8, "int8", LAYOUT_FIXED, 1},
    {WS_INT16, "int16", LAYOUT_FIXED, 2},
    {WS_INT32, "int32", LAYOUT_FIXED, 4},
    {WS_INT64, "int64", LAYOUT_FIXED, 8},
    {WS_UINT8, "uint8", LAYOUT_FIXED, 1},
    {WS_UINT16, "uint16", LAYOUT_FIXED, 2},
    {WS_UINT32, "uint32", LAYOUT_FIXED, 4},
    {WS_UINT64, "uint64", LAYOUT_FIXED, 8},
    {WS_FLOAT16, "float16", LAYOUT_FIXED, 2},
    {WS_FLOAT32, "float32", LAYOUT_FIXED, 4},
    {WS_FLOAT64, "float64", LAYOUT_FIXED, 8},
    {WS_UTF8, "utf8", LAYOUT_TEXT, 0},
    {WS_LARGE_UTF8, "large_utf8", LAYOUT_LARGE_TEXT, 0},
    {WS_BINARY, "binary", LAYOUT_TEXT, 0},
    {WS_LARGE_BINARY, "large_binary", LAYOUT_LARGE_TEXT, 0},
    {WS_FIXED_SIZE_BINARY, "fixed_size_binary", LAYOUT_FIXED, 0},
    {WS_DATE32, "date32", LAYOUT_FIXED, 4},
    {WS_DATE64, "date64", LAYOUT_FIXED, 8},
    {WS_TIME32, "time32", LAYOUT_FIXED, 4},
    {WS_TIME64, "time64", LAYOUT_FIXED, 8},
    {WS_TIMESTAMP, "timestamp", LAYOUT_FIXED, 8},
    {WS_DURATION, "duration", LAYOUT_FIXED, 8},
    {WS_DECIMAL128, "decimal", LAYOUT_FIXED, 16},
    {WS_LIST, "list", LAYOUT_LIST, 0},
    {WS_LARGE_LIST, "large_list", LAYOUT_LARGE_LIST, 0},
    {WS_FIXED_SIZE_LIST, "fixed_size_list", LAYOUT_CHILDREN, 0},
    {WS_STRUCT, "struct", LAYOUT_CHILDREN, 0},
    {WS_MAP, "map", LAYOUT_LIST, 0},
};

static const char *const unit_words[] = {"s", "ms", "us", "ns"};

_Static_assert(sizeof known / sizeof *known == WS_MAP + 1, "a line for each type, in their order");

layout layout_of(ws_type type)
{
    return known[type].layout;
}

size_t width_of(const ws_column *column)
{
    return column->type == WS_FIXED_SIZE_BINARY ? (size_t)column->width : known[column->type].width;
}

size_t count_nulls(const uint8_t *validity, size_t rows)
{
    size_t whole = rows / 8, rest = rows % 8, valid = 0;
    for (size_t i = 0; i < whole; i++)
        valid += (size_t)__builtin_popcount(validity[i]);
    if (rest)
        valid += (size_t)__builtin_popcount(validity[whole] & ((1U << rest) - 1));
    return rows - valid;
}

static const char *quoted(const char *name)
{
    size_t plain = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return plain && !name[plain] ? name : ws_format("`%s`", name);
}

static const char *inner(const ws_column *column)
{
    return ws_format("%s%s", ws_type_name(column), column->nullable ? "" : " not null");
}

const char *ws_type_name(const ws_column *column)
{
    const char *word = known[column->type].word;
    const char *unit = unit_words[column->unit];
    switch (column->type) {
    case WS_FIXED_SIZE_BINARY:
        return ws_format("%s(%d)", word, column->width);
    case WS_TIMESTAMP:
        if (column->time_zone)
            return ws_format("%s(%s,%s)", word, unit, column->time_zone);
        return ws_format("%s(%s)", word, unit);
    case WS_TIME32:
    case WS_TIME64:
    case WS_DURATION:
        return ws_format("%s(%s)", word, unit);
    case WS_DECIMAL128:
        return ws_format("%s(%d,%d)", word, column->precision, column->scale);
    case WS_LIST:
    case WS_LARGE_LIST:
        return ws_format("%s<%s>", word, inner(column->children));
    case WS_FIXED_SIZE_LIST:
        return ws_format("%s<%s, %d>", word, inner(column->children), column->width);
    case WS_MAP:
        if (column->children->child_count != 2)
            return ws_format("%s<%s>", word, ws_type_name(column->children));
        return ws_format("%s<%s, %s>", word, ws_type_name(column->children->children),
                         inner(column->children->children + 1));
    case WS_STRUCT: {
        const char *text = "struct<";
        for (size_t i = 0; i < column->child_count; i++)
            text = ws_format("%s%s%s: %s", text, i ? ", " : "", quoted(column->children[i].name),
                             inner(&column->children[i]));
        return ws_format("%s>", text);
    }
    default:
        return word;
    }
}

/// The unit that `text` begins with, which has to end in `ends`.
static bool take_unit(const char **text, const char *ends, ws_unit *unit)
{
    for (size_t i = 0; i < sizeof unit_words / sizeof *unit_words; i++) {
        size_t length = strlen(unit_words[i]);
        if (strncmp(*text, unit_words[i], length) != 0 || !(*text)[length] || !strchr(ends, (*text)[length]))
            continue;
        *unit = (ws_unit)i;
        *text += length;
        return true;
    }
    return false;
}

static bool take_digits(const char **text, char ends, int32_t *value)
{
    char *end;
    long number = strtol(*text, &end, 10);
    if (end == *text || *end != ends || number < INT16_MIN || number > INT16_MAX)
        return false;
    *value = (int32_t)number;
    *text = end + 1;
    return true;
}

/// What stands in parentheses behind the word, with the closing one.
static bool take_parameters(const char *text, ws_column *column)
{
    switch (column->type) {
    case WS_TIME32:
        return take_unit(&text, ")", &column->unit) && column->unit <= WS_MILLISECOND && !text[1];
    case WS_TIME64:
        return take_unit(&text, ")", &column->unit) && column->unit >= WS_MICROSECOND && !text[1];
    case WS_DURATION:
        return take_unit(&text, ")", &column->unit) && !text[1];
    case WS_TIMESTAMP: {
        if (!take_unit(&text, ",)", &column->unit))
            return false;
        if (*text == ')')
            return !text[1];
        text += strspn(text, ", ");
        const char *end = strchr(text, ')');
        if (!end || end[1] || end == text)
            return false;
        column->time_zone = ws_copy((ws_text){text, (size_t)(end - text)});
        return true;
    }
    case WS_DECIMAL128:
        return take_digits(&text, ',', &column->precision) && take_digits(&text, ')', &column->scale) && !*text &&
               column->precision >= 1 && column->precision <= 38;
    case WS_FIXED_SIZE_BINARY:
        return take_digits(&text, ')', &column->width) && !*text && column->width >= 0;
    default:
        return false;
    }
}

bool type_from_text(const char *text, ws_column *column)
{
    const char *name = strcmp(text, "bool") == 0 ? "boolean" : text;
    size_t length = strcspn(name, "(");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i].word) != length || strncmp(known[i].word, name, length) != 0)
            continue;
        column->type = known[i].type;
        if (name[length])
            return take_parameters(name + length + 1, column);
        bool needs_parameters = column->type == WS_TIME32 || column->type == WS_TIME64 ||
                                column->type == WS_TIMESTAMP || column->type == WS_DURATION ||
                                column->type == WS_DECIMAL128 || column->type == WS_FIXED_SIZE_BINARY;
        return column->type < WS_LIST && !needs_parameters;
    }
    return false;
}
