/// What tests of the parts that need no host are written with.

#ifndef WASM_SINK_TEST_H
#define WASM_SINK_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wasm_sink/builder.h"
#include "wasm_sink/json.h"
#include "wasm_sink/log.h"

extern int failures;

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                    \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

#define EXPECT_OK(call)                                                                                                \
    do {                                                                                                               \
        ws_status status_ = (call);                                                                                    \
        if (status_ != WS_OK) {                                                                                        \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, status_->message);                           \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

/// It is `invalid`, in words that hold these.
#define EXPECT_INVALID(call, words)                                                                                    \
    do {                                                                                                               \
        ws_status status_ = (call);                                                                                    \
        if (status_ == WS_OK || status_->kind != WS_INVALID || !strstr(status_->message, words)) {                     \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, status_ ? status_->message : "ok");          \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

void test_json(void);
void test_columns(void);
void test_streams(void);
void test_lies(void);
void test_memory(void);
void test_http(void);
void test_characters(void);

/// Columns of every type, with nulls; 11 rows.
ws_columns every_type(void);
/// Looks at every value; answers a sum so that nothing is left out.
uint64_t touch(const ws_column *column);

#endif
