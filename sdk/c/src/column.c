#include "wasm_sink/column.h"

#include <math.h>
#include <string.h>

bool ws_is_number(const ws_column *column)
{
    return (column->type >= WS_INT8 && column->type <= WS_FLOAT64) || column->type == WS_DECIMAL128;
}

static double half_to_double(uint16_t half)
{
    int exponent = half >> 10 & 0x1F;
    double fraction = half & 0x3FF;
    double value;
    if (exponent == 0x1F)
        value = fraction > 0 ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        value = ldexp(fraction, -24);
    else
        value = ldexp(fraction + 1024, exponent - 25);
    return half >> 15 ? -value : value;
}

static double decimal_to_double(ws_decimal128 decimal, int32_t scale)
{
    double value = (double)decimal.high * 18446744073709551616.0 + (double)decimal.low;
    // Two halves of opposite sign would lose digits of small negative numbers.
    if (decimal.high == -1)
        value = -(double)(~decimal.low) - 1;
    return scale >= 0 ? value / pow(10, scale) : value * pow(10, -(double)scale);
}

double ws_other_number_at(const ws_column *column, size_t row)
{
    switch (column->type) {
    case WS_INT8:
        return column->int8[row];
    case WS_INT16:
        return column->int16[row];
    case WS_INT32:
        return column->int32[row];
    case WS_INT64:
        return (double)column->int64[row];
    case WS_UINT8:
        return column->uint8[row];
    case WS_UINT16:
        return column->uint16[row];
    case WS_UINT32:
        return column->uint32[row];
    case WS_UINT64:
        return (double)column->uint64[row];
    case WS_FLOAT16:
        return half_to_double(column->uint16[row]);
    case WS_FLOAT32:
        return (double)column->float32[row];
    case WS_FLOAT64:
        return column->float64[row];
    case WS_DECIMAL128:
        return decimal_to_double(column->decimal128[row], column->scale);
    default:
        return (double)NAN;
    }
}

ws_text ws_text_at(const ws_column *column, size_t row)
{
    const char *values = column->values;
    switch (column->type) {
    case WS_UTF8:
    case WS_BINARY:
        return (ws_text){values + column->offsets[row], (size_t)(column->offsets[row + 1] - column->offsets[row])};
    case WS_LARGE_UTF8:
    case WS_LARGE_BINARY:
        return (ws_text){values + column->large_offsets[row],
                         (size_t)(column->large_offsets[row + 1] - column->large_offsets[row])};
    case WS_FIXED_SIZE_BINARY:
        return (ws_text){values + row * (size_t)column->width, (size_t)column->width};
    default:
        return (ws_text){"", 0};
    }
}

const char *ws_copy(ws_text text)
{
    char *copy = ws_alloc(text.length + 1);
    if (text.length)
        memcpy(copy, text.data, text.length);
    return copy;
}

bool ws_text_is(ws_text text, const char *other)
{
    // Most texts differ in their first bytes: their lengths are not counted first.
    size_t same = 0;
    while (same < text.length && other[same] && text.data[same] == other[same])
        same++;
    return same == text.length && !other[same];
}

const ws_column *ws_find_column(ws_columns columns, const char *name)
{
    for (size_t i = 0; i < columns.count; i++)
        if (strcmp(columns.at[i].name, name) == 0)
            return &columns.at[i];
    return NULL;
}
