// What the host calls.

#include "wasm_sink.h"

#include "arena.h"
#include "host.h"
#include "text.h"

/// From config.schema.json, by the build.
extern const unsigned char ws_config_schema[];
extern const size_t ws_config_schema_length;

static struct sink *sink;

/// Read anew for each call, so that the sink's functions stay functions of their own: a trap then says in which it was.
static const ws_functions *volatile functions = &ws_functions_of_WASM_SINK;

struct ws_problems {
    exports_wasm_sink_sink_sink_problem_t *at;
    size_t count;
    size_t capacity;
};

/// For what is returned to the host: the bindings free it afterwards, as they may not what is from an arena.
static void *room(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        PANIC("out of memory: %zu times %zu bytes for an answer", count, size);
    return memory;
}

static host_string_t text_for_host(const char *text)
{
    host_string_t copy = {NULL, strlen(text)};
    copy.ptr = memcpy(room(copy.len, 1), text, copy.len);
    make_characters((char *)copy.ptr, copy.len);
    return copy;
}

void ws_problem(ws_problems *problems, ws_names path, const char *message, const char *help)
{
    if (problems->count == problems->capacity) {
        problems->capacity = problems->capacity * 2 + 4;
        exports_wasm_sink_sink_sink_problem_t *grown = room(problems->capacity, sizeof *grown);
        if (problems->count)
            memcpy(grown, problems->at, problems->count * sizeof *grown);
        free(problems->at);
        problems->at = grown;
    }
    exports_wasm_sink_sink_sink_problem_t *problem = &problems->at[problems->count++];
    problem->path.len = path.count;
    problem->path.ptr = room(path.count, sizeof *problem->path.ptr);
    for (size_t i = 0; i < path.count; i++)
        problem->path.ptr[i] = text_for_host(path.at[i]);
    problem->message = text_for_host(message);
    problem->help.is_some = help != NULL;
    if (help)
        problem->help.val = text_for_host(help);
}

/// Where no error can be: compilers put nothing below the first kilobyte of memory.
static bool is_nowhere(ws_status status)
{
    size_t at = (size_t)status;
    size_t end = __builtin_wasm_memory_size(0) * 65536;
    return at < 1024 || at % _Alignof(ws_error) != 0 || at > end - sizeof *status;
}

/// What can be told of an answer: anything may have been made a ws_status by a cast.
static ws_status checked(ws_status status, const char *function)
{
    if (status == WS_OK)
        return WS_OK;
    if (is_nowhere(status))
        return ws_invalid("`%s` answered %d, which is no ws_status: answer WS_OK, or an error as ws_other, ws_rejected "
                          "and the like make it",
                          function, (int)(size_t)status);
    if ((unsigned)status->kind > WS_INVALID)
        return ws_invalid("`%s` answered an error of kind %d, which is no ws_error_kind: make errors with ws_other, "
                          "ws_rejected and the like",
                          function, (int)status->kind);
    return status;
}

/// Ends a call: whether it worked, and what the host is told if not.
static bool finish(ws_status status, const char *function, exports_wasm_sink_sink_sink_error_t *error)
{
    status = checked(status, function);
    if (status != WS_OK) {
        error->kind = (wasm_sink_sink_types_error_kind_t)status->kind;
        error->message = text_for_host(status->message ? status->message : "");
        error->retry_after_ms.is_some = status->has_retry_after;
        error->retry_after_ms.val = status->retry_after_ms;
    }
    log_flush();
    return status == WS_OK;
}

static ws_status parse_config(host_string_t *text, const ws_json **config)
{
    ws_text json = {(const char *)text->ptr, text->len};
    return ws_context(ws_json_parse(json, config), "[sink.config]");
}

void exports_wasm_sink_sink_sink_config_schema(host_string_t *schema)
{
    schema->len = ws_config_schema_length;
    schema->ptr = memcpy(room(schema->len, 1), ws_config_schema, schema->len);
}

void exports_wasm_sink_sink_sink_validate(host_string_t *config, exports_wasm_sink_sink_sink_list_problem_t *found)
{
    ws_problems problems = {0};
    const ws_json *parsed;
    ws_status status = parse_config(config, &parsed);
    if (status == WS_OK && functions->validate)
        status = checked(functions->validate(parsed, &problems), "validate");
    if (status != WS_OK)
        ws_problem(&problems, WS_NO_NAMES, status->message, NULL);
    found->ptr = problems.at ? problems.at : room(1, sizeof *found->ptr);
    found->len = problems.count;
    log_flush();
}

static ws_status open_sink(host_string_t *config)
{
    const ws_json *parsed;
    WS_TRY(parse_config(config, &parsed));
    if (!functions->write)
        return ws_other("WASM_SINK(...) names no `.write`: a sink has to take rows");
    sink = room(1, functions->state_size);
    return functions->open ? functions->open(sink, parsed) : WS_OK;
}

bool exports_wasm_sink_sink_sink_open(host_string_t *config, exports_wasm_sink_sink_sink_error_t *error)
{
    bool worked = finish(open_sink(config), "open", error);
    arena_opened();
    return worked;
}

bool exports_wasm_sink_sink_sink_write(exports_wasm_sink_sink_sink_own_batch_t rows,
                                       exports_wasm_sink_sink_sink_error_t *error)
{
    bool worked = finish(functions->write(sink, rows_from_host(rows)), "write", error);
    arena_call_ended();
    return worked;
}

bool exports_wasm_sink_sink_sink_flush(exports_wasm_sink_sink_sink_error_t *error)
{
    ws_status status = functions->flush ? functions->flush(sink) : WS_OK;
    bool worked = finish(status, "flush", error);
    drop_rows();
    arena_call_ended();
    arena_epoch_ended();
    return worked;
}
