#include "wasm_sink/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "host.h"
#include "text.h"

/// What the host takes of a line.
enum { LINE = 4096 };

static void write_line(wasm_sink_sink_log_level_t level, char *line, size_t length)
{
    make_characters(line, length);
    host_string_t text = {(uint8_t *)line, length};
    wasm_sink_sink_log_write(level, &text);
}

static void write_formatted(wasm_sink_sink_log_level_t level, const char *format, va_list values)
{
    // Not from the arena: a line is also written when there is no memory.
    static char line[LINE];
    int length = vsnprintf(line, sizeof line, format, values);
    if (length >= 0)
        write_line(level, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

#define LOG(name, level)                                                                                               \
    void name(const char *format, ...)                                                                                 \
    {                                                                                                                  \
        va_list values;                                                                                                \
        va_start(values, format);                                                                                      \
        write_formatted(level, format, values);                                                                        \
        va_end(values);                                                                                                \
    }

LOG(ws_debug, WASM_SINK_SINK_LOG_LEVEL_DEBUG)
LOG(ws_info, WASM_SINK_SINK_LOG_LEVEL_INFO)
LOG(ws_warn, WASM_SINK_SINK_LOG_LEVEL_WARN)
LOG(ws_log_error, WASM_SINK_SINK_LOG_LEVEL_ERROR)

void ws_panic_at(const char *file, int line, const char *format, ...)
{
    static char said[LINE - 256];
    va_list values;
    va_start(values, format);
    vsnprintf(said, sizeof said, format, values);
    va_end(values);
    log_flush();
    if (file)
        ws_log_error("%s:%d: %s", file, line, said);
    else
        ws_log_error("%s", said);
    __builtin_trap();
}

/// A stream's line in the making.
typedef struct printed {
    char line[LINE];
    size_t length;
} printed;

static printed standard_output, standard_error;

static void end_line(printed *printed, wasm_sink_sink_log_level_t level)
{
    write_line(level, printed->line, printed->length);
    printed->length = 0;
}

static void print(printed *printed, wasm_sink_sink_log_level_t level, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\n')
            printed->line[printed->length++] = text[i];
        if (text[i] == '\n' || printed->length == LINE)
            end_line(printed, level);
    }
}

/// What the C library's printf and its like end in: a call to WASI, whose name in the library this is. Defined here, it
/// is no import: there are no files, and output belongs in the log.
int32_t __imported_wasi_snapshot_preview1_fd_write(int32_t file, int32_t pieces, int32_t count, int32_t written);

int32_t __imported_wasi_snapshot_preview1_fd_write(int32_t file, int32_t pieces, int32_t count, int32_t written)
{
    const struct iovec *piece = (const struct iovec *)(uintptr_t)(uint32_t)pieces;
    size_t length = 0;
    for (int32_t i = 0; i < count; i++) {
        if (file == 2)
            print(&standard_error, WASM_SINK_SINK_LOG_LEVEL_ERROR, piece[i].iov_base, piece[i].iov_len);
        else
            print(&standard_output, WASM_SINK_SINK_LOG_LEVEL_INFO, piece[i].iov_base, piece[i].iov_len);
        length += piece[i].iov_len;
    }
    *(size_t *)(uintptr_t)(uint32_t)written = length;
    return 0;
}

/// A line that was printed before a trap should be in the log, too.
__attribute__((constructor)) static void print_by_line(void)
{
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}

void log_flush(void)
{
    fflush(stdout);
    if (standard_output.length)
        end_line(&standard_output, WASM_SINK_SINK_LOG_LEVEL_INFO);
    if (standard_error.length)
        end_line(&standard_error, WASM_SINK_SINK_LOG_LEVEL_ERROR);
}
