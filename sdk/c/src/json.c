#include "wasm_sink/json.h"

#include "wasm_sink/column.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 128 };

typedef struct parser {
    const char *start;
    const char *at;
    const char *end;
    int depth;
} parser;

static ws_status broken(const parser *parser, const char *wanted)
{
    return ws_invalid("no JSON: at byte %zu there should be %s", (size_t)(parser->at - parser->start), wanted);
}

static void skip_space(parser *parser)
{
    while (parser->at < parser->end &&
           (*parser->at == ' ' || *parser->at == '\n' || *parser->at == '\t' || *parser->at == '\r'))
        parser->at++;
}

static bool take(parser *parser, char wanted)
{
    skip_space(parser);
    if (parser->at == parser->end || *parser->at != wanted)
        return false;
    parser->at++;
    return true;
}

static bool take_word(parser *parser, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(parser->end - parser->at) < length || memcmp(parser->at, word, length) != 0)
        return false;
    parser->at += length;
    return true;
}

static int hex_of(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/// The four digits behind "\u"; negative where there are none.
static int32_t take_unit(parser *parser)
{
    if (parser->end - parser->at < 4)
        return -1;
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_of(parser->at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    parser->at += 4;
    return unit;
}

static char *put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xC0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        *out++ = (char)(0xE0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3F));
        *out++ = (char)(0x80 | (code & 0x3F));
    } else {
        *out++ = (char)(0xF0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3F));
        *out++ = (char)(0x80 | (code >> 6 & 0x3F));
        *out++ = (char)(0x80 | (code & 0x3F));
    }
    return out;
}

static bool take_code(parser *parser, uint32_t *code)
{
    int32_t unit = take_unit(parser);
    if (unit < 0 || (unit >= 0xDC00 && unit < 0xE000))
        return false;
    *code = (uint32_t)unit;
    if (unit < 0xD800 || unit >= 0xE000)
        return true;
    int32_t second = take_word(parser, "\\u") ? take_unit(parser) : -1;
    if (second < 0xDC00 || second >= 0xE000)
        return false;
    *code = 0x10000 + (((uint32_t)unit - 0xD800) << 10) + ((uint32_t)second - 0xDC00);
    return true;
}

static ws_status take_string(parser *parser, ws_text *text)
{
    if (!take(parser, '"'))
        return broken(parser, "a string");
    const char *end = parser->at;
    while (end < parser->end && *end != '"' && *end != '\\' && (unsigned char)*end >= 0x20)
        end++;
    if (end < parser->end && *end == '"') {
        *text = (ws_text){parser->at, (size_t)(end - parser->at)};
        text->data = ws_copy(*text);
        parser->at = end + 1;
        return WS_OK;
    }
    while (end < parser->end && *end != '"')
        end += *end == '\\' && parser->end - end > 1 ? 2 : 1;
    if (end >= parser->end)
        return broken(parser, "a string that ends in a quotation mark");
    // What escapes stand for is never longer than they are.
    char *out = ws_alloc((size_t)(end - parser->at) + 1);
    text->data = out;
    while (parser->at < end) {
        char c = *parser->at;
        if ((unsigned char)c < 0x20)
            return broken(parser, "no control character");
        parser->at++;
        if (c != '\\') {
            *out++ = c;
            continue;
        }
        char escaped = *parser->at++;
        if (escaped == 'u') {
            uint32_t code;
            if (!take_code(parser, &code))
                return broken(parser, "the four digits of \\u, in pairs where they belong together");
            out = put_utf8(out, code);
            continue;
        }
        const char *found = escaped ? strchr("\"\\/bfnrt", escaped) : NULL;
        if (!found)
            return broken(parser, "an escape that there is");
        *out++ = "\"\\/\b\f\n\r\t"[found - "\"\\/bfnrt"];
    }
    text->length = (size_t)(out - text->data);
    parser->at = end + 1;
    return WS_OK;
}

static bool is_digit(const parser *parser)
{
    return parser->at < parser->end && *parser->at >= '0' && *parser->at <= '9';
}

/// The number, where one division of two doubles gives it exactly: strtod takes a hundred times as long on Wasm, which
/// has no wider floats.
static bool short_number(ws_text digits, double *number)
{
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    if (digits.length > 15)
        return false;
    bool is_negative = digits.data[0] == '-';
    int64_t whole = 0;
    size_t point = digits.length - 1;
    for (size_t i = is_negative; i < digits.length; i++) {
        if (digits.data[i] == '.')
            point = i;
        else if (digits.data[i] >= '0' && digits.data[i] <= '9')
            whole = whole * 10 + (digits.data[i] - '0');
        else
            return false;
    }
    double value = (double)whole / powers[digits.length - 1 - point];
    *number = is_negative ? -value : value;
    return true;
}

static ws_status take_number(parser *parser, ws_json *value)
{
    const char *start = parser->at;
    value->is_integer = true;
    if (*parser->at == '-')
        parser->at++;
    if (!is_digit(parser))
        return broken(parser, "a value");
    if (*parser->at == '0')
        parser->at++;
    else
        while (is_digit(parser))
            parser->at++;
    if (parser->at < parser->end && *parser->at == '.') {
        value->is_integer = false;
        parser->at++;
        if (!is_digit(parser))
            return broken(parser, "a digit");
        while (is_digit(parser))
            parser->at++;
    }
    if (parser->at < parser->end && (*parser->at == 'e' || *parser->at == 'E')) {
        value->is_integer = false;
        parser->at++;
        if (parser->at < parser->end && (*parser->at == '+' || *parser->at == '-'))
            parser->at++;
        if (!is_digit(parser))
            return broken(parser, "a digit");
        while (is_digit(parser))
            parser->at++;
    }
    ws_text text = {start, (size_t)(parser->at - start)};
    value->kind = WS_JSON_NUMBER;
    if (short_number(text, &value->number)) {
        if (value->is_integer)
            value->integer = (int64_t)value->number;
        return WS_OK;
    }
    const char *digits = ws_copy(text);
    value->number = strtod(digits, NULL);
    if (value->is_integer) {
        errno = 0;
        value->integer = strtoll(digits, NULL, 10);
        value->is_integer = errno == 0;
    }
    return WS_OK;
}

static ws_status take_value(parser *parser, ws_json *value);

/// What stands between brackets, or between braces with keys.
static ws_status take_chain(parser *parser, ws_json *value, char end)
{
    if (++parser->depth > MAX_DEPTH)
        return broken(parser, "no deeper nesting");
    const ws_json **link = &value->first;
    while (!take(parser, end)) {
        if (value->count && !take(parser, ','))
            return broken(parser, end == ']' ? "a comma or ]" : "a comma or }");
        ws_json *item = ws_alloc(sizeof *item);
        if (end == '}') {
            ws_text key;
            WS_TRY(take_string(parser, &key));
            item->key = key.data;
            if (!take(parser, ':'))
                return broken(parser, "a colon");
        }
        WS_TRY(take_value(parser, item));
        *link = item;
        link = &item->next;
        value->count++;
    }
    parser->depth--;
    return WS_OK;
}

static ws_status take_value(parser *parser, ws_json *value)
{
    skip_space(parser);
    if (parser->at == parser->end)
        return broken(parser, "a value");
    switch (*parser->at) {
    case '{':
        value->kind = WS_JSON_OBJECT;
        parser->at++;
        return take_chain(parser, value, '}');
    case '[':
        value->kind = WS_JSON_ARRAY;
        parser->at++;
        return take_chain(parser, value, ']');
    case '"':
        value->kind = WS_JSON_STRING;
        return take_string(parser, &value->string);
    case 't':
    case 'f':
        value->kind = WS_JSON_BOOL;
        value->boolean = *parser->at == 't';
        return take_word(parser, value->boolean ? "true" : "false") ? WS_OK : broken(parser, "a value");
    case 'n':
        return take_word(parser, "null") ? WS_OK : broken(parser, "a value");
    default:
        return take_number(parser, value);
    }
}

ws_status ws_json_parse(ws_text text, const ws_json **value)
{
    parser parser = {.start = text.data, .at = text.data, .end = text.data + text.length};
    ws_json *parsed = ws_alloc(sizeof *parsed);
    WS_TRY(take_value(&parser, parsed));
    skip_space(&parser);
    if (parser.at != parser.end)
        return broken(&parser, "nothing more");
    *value = parsed;
    return WS_OK;
}

const ws_json *ws_json_member(const ws_json *object, const char *key)
{
    if (!object || object->kind != WS_JSON_OBJECT)
        return NULL;
    const ws_json *member = object->first;
    while (member && strcmp(member->key, key) != 0)
        member = member->next;
    return member;
}

const ws_json *ws_json_item(const ws_json *array, size_t index)
{
    if (!array || array->kind != WS_JSON_ARRAY)
        return NULL;
    const ws_json *item = array->first;
    while (item && index--)
        item = item->next;
    return item;
}

static const char *kind_name(ws_json_kind kind)
{
    static const char *const names[] = {"null", "a boolean", "a number", "a string", "an array", "an object"};
    return names[kind];
}

/// The member where it has a value; `invalid` where it is of another kind.
static ws_status member_of_kind(const ws_json *object, const char *key, ws_json_kind kind, const ws_json **member)
{
    const ws_json *found = ws_json_member(object, key);
    *member = found && found->kind != WS_JSON_NULL ? found : NULL;
    if (*member && found->kind != kind)
        return ws_invalid("`%s` is %s, and should be %s", key, kind_name(found->kind), kind_name(kind));
    return WS_OK;
}

ws_status ws_get_string(const ws_json *object, const char *key, const char **value)
{
    const ws_json *member;
    WS_TRY(member_of_kind(object, key, WS_JSON_STRING, &member));
    if (member)
        *value = member->string.data;
    return WS_OK;
}

ws_status ws_get_number(const ws_json *object, const char *key, double *value)
{
    const ws_json *member;
    WS_TRY(member_of_kind(object, key, WS_JSON_NUMBER, &member));
    if (member)
        *value = member->number;
    return WS_OK;
}

ws_status ws_get_integer(const ws_json *object, const char *key, int64_t *value)
{
    const ws_json *member;
    WS_TRY(member_of_kind(object, key, WS_JSON_NUMBER, &member));
    if (member && !member->is_integer)
        return ws_invalid("`%s` is %g, and should be an integer of 64 bits", key, member->number);
    if (member)
        *value = member->integer;
    return WS_OK;
}

ws_status ws_get_bool(const ws_json *object, const char *key, bool *value)
{
    const ws_json *member;
    WS_TRY(member_of_kind(object, key, WS_JSON_BOOL, &member));
    if (member)
        *value = member->boolean;
    return WS_OK;
}
