#include "test.h"

#include "arena.h"

static void test_texts(void)
{
    ws_text domain = {"@example.org, and more", 12};
    ws_text masked = ws_concat(WS_TEXTS({"grace", 1}, WS_LITERAL("***"), domain));
    EXPECT(masked.length == 16 && strcmp(masked.data, "g***@example.org") == 0);
    ws_text zero = ws_concat(WS_TEXTS(WS_LITERAL("a\0b"), {NULL, 0}, WS_LITERAL("")));
    EXPECT(zero.length == 3 && memcmp(zero.data, "a\0b", 4) == 0);
    ws_text empty = ws_concat((ws_texts){NULL, 0});
    EXPECT(empty.length == 0 && empty.data[0] == 0);

    EXPECT(ws_text_is(masked, "g***@example.org") && ws_text_is(empty, ""));
    EXPECT(!ws_text_is(masked, "g***@example.or") && !ws_text_is(masked, "g***@example.org."));
    EXPECT(!ws_text_is(domain, "@example.com") && !ws_text_is(empty, "a") && !ws_text_is(zero, "a"));
}

void test_memory(void)
{
    arena arena = {0};
    unsigned char *first = arena_take(&arena, 5);
    memset(first, 'a', 5);
    unsigned char *larger = arena_grow(&arena, first, 5, 5000);
    EXPECT(larger == first);
    unsigned char *other = arena_take(&arena, 1);
    EXPECT(other >= first + 5000 && (uintptr_t)other % ARENA_ALIGNMENT == 0);
    unsigned char *moved = arena_grow(&arena, first, 5000, 100000);
    EXPECT(moved != first && memcmp(moved, "aaaaa", 5) == 0);
    arena_reset(&arena);
    EXPECT(arena_take(&arena, 110000) != NULL);
    arena_take(&arena, 64 * 1024 * 1024);
    arena_reset(&arena);
    EXPECT(arena.chunks == NULL);

    size_t used = 0;
    for (int i = 0; i < 1000; i++) {
        char *text = ws_format("%d", i);
        used += strlen(text);
        arena_call_ended();
    }
    EXPECT(used == 2890);
    int *zeros = ws_alloc_array(1000, sizeof *zeros);
    for (int i = 0; i < 1000; i++)
        EXPECT(zeros[i] == 0);
    test_texts();
}
