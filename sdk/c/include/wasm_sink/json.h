/// JSON values: the configuration, and rows as records.

#ifndef WASM_SINK_JSON_H
#define WASM_SINK_JSON_H

#include "error.h"

typedef enum ws_json_kind {
    WS_JSON_NULL,
    WS_JSON_BOOL,
    WS_JSON_NUMBER,
    WS_JSON_STRING,
    WS_JSON_ARRAY,
    WS_JSON_OBJECT,
} ws_json_kind;

/// A value. Items of arrays and members of objects are a chain: `for (item = array->first; item; item = item->next)`.
typedef struct ws_json {
    ws_json_kind kind;
    /// In an object: what the value is called. Else NULL.
    const char *key;
    bool boolean;
    double number;
    /// The number, where `is_integer` says that it is written as an integer and fits.
    int64_t integer;
    bool is_integer;
    /// The text, which also ends in a zero.
    ws_text string;
    const struct ws_json *first;
    const struct ws_json *next;
    /// How many items or members there are.
    size_t count;
} ws_json;

/// Parses one value; `invalid` says where it breaks off.
WS_CHECKED ws_status ws_json_parse(ws_text text, const ws_json **value);

/// The member of this name; NULL where there is none, and where `object` is NULL or no object.
const ws_json *ws_json_member(const ws_json *object, const char *key);

/// The item at this place; NULL likewise.
const ws_json *ws_json_item(const ws_json *array, size_t index);

// Members of a type. One that is missing or null leaves `value` as it was, so that it holds the default before;
// what has to be there is for config.schema.json to say. Of another type: `invalid`, which names the key.

WS_CHECKED ws_status ws_get_string(const ws_json *object, const char *key, const char **value);
WS_CHECKED ws_status ws_get_number(const ws_json *object, const char *key, double *value);
WS_CHECKED ws_status ws_get_integer(const ws_json *object, const char *key, int64_t *value);
WS_CHECKED ws_status ws_get_bool(const ws_json *object, const char *key, bool *value);

#endif
