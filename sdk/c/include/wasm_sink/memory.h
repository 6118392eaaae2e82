/// Memory that nobody frees: it goes when a call or an epoch ends.

#ifndef WASM_SINK_MEMORY_H
#define WASM_SINK_MEMORY_H

#include <stddef.h>

#define WS_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))

/// Zeroed memory until the call that is under way (`write`, `flush`, `validate`) returns. What is allocated in `open`
/// stays as long as the instance. All that the host hands over (texts, fields, columns) lives there, too.
/// Never NULL: without memory the sink ends with a message.
void *ws_alloc(size_t size) __attribute__((malloc, alloc_size(1)));

/// The same for `count` things of `size` bytes; a product that does not fit ends the sink with a message.
void *ws_alloc_array(size_t count, size_t size) __attribute__((malloc, alloc_size(1, 2)));

/// Zeroed memory until the epoch ends, that is, until `flush` has returned: for what is held from one `write` to the
/// next.
void *ws_epoch_alloc(size_t size) __attribute__((malloc, alloc_size(1)));

/// A text made as by printf, in memory as `ws_alloc` gives it.
char *ws_format(const char *format, ...) WS_PRINTF(1, 2);

/// A text with its length: it may hold any byte and need not end in a zero. Printed by
/// `printf("%.*s", WS_TEXT(text))`.
typedef struct ws_text {
    const char *data;
    size_t length;
} ws_text;

#define WS_TEXT(text) (int)(text).length, (text).data

/// A text that stands in the source: `WS_LITERAL("none")`.
#define WS_LITERAL(literal) ((ws_text){"" literal, sizeof(literal) - 1})

/// Several texts.
typedef struct ws_texts {
    const ws_text *at;
    size_t count;
} ws_texts;

/// Texts in place: `WS_TEXTS(name, WS_LITERAL("@"), domain)`.
#define WS_TEXTS(...)                                                                                                  \
    ((ws_texts){(const ws_text[]){__VA_ARGS__}, sizeof((const ws_text[]){__VA_ARGS__}) / sizeof(ws_text)})

/// These texts, one behind the other, and a zero behind them, in memory as `ws_alloc` gives it. For what is made for
/// each row: `ws_format` takes several times as long.
ws_text ws_concat(ws_texts texts);

/// Bytes.
typedef struct ws_bytes {
    const unsigned char *data;
    size_t length;
} ws_bytes;

/// Names of columns, or the steps of a path.
typedef struct ws_names {
    const char *const *at;
    size_t count;
} ws_names;

/// Names in place: `WS_NAMES("day", "country")`.
#define WS_NAMES(...)                                                                                                  \
    ((ws_names){(const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)})

/// No name at all.
#define WS_NO_NAMES ((ws_names){NULL, 0})

#endif
