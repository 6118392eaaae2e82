#include "test.h"

#include "arena.h"

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
}
