#include "test.h"

#include <stdarg.h>

#include "arena.h"

int failures;

void ws_panic_at(const char *file, int line, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    fprintf(stderr, "%s:%d: ", file ? file : "", line);
    vfprintf(stderr, format, values);
    va_end(values);
    exit(3);
}

int main(void)
{
    arena_opened();
    test_memory();
    test_json();
    test_columns();
    test_streams();
    test_lies();
    test_http();
    test_characters();
    arena_call_ended();
    arena_epoch_ended();
    printf(failures ? "%d failed\n" : "all as it should be\n", failures);
    return failures != 0;
}
