#include "arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wasm_sink/memory.h"

struct arena_chunk {
    arena_chunk *next;
    size_t capacity;
    size_t used;
    /// So that what follows is aligned on machines with pointers of four and of eight bytes.
    size_t padding;
};

_Static_assert(sizeof(arena_chunk) % ARENA_ALIGNMENT == 0, "pieces begin behind the chunk's head");

enum {
    FIRST_CHUNK = 16 * 1024,
    /// What is kept for the next call at most: one large batch should not hold its memory for ever.
    KEPT = 16 * 1024 * 1024,
};

static arena instance_arena, epoch_arena, call_arena;
static bool is_open;

static size_t round_up(size_t size)
{
    if (size > SIZE_MAX / 2)
        PANIC("out of memory: %zu bytes at once", size);
    return (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
}

static unsigned char *start_of(arena_chunk *chunk)
{
    return (unsigned char *)(chunk + 1);
}

static arena_chunk *new_chunk(arena_chunk *next, size_t capacity)
{
    arena_chunk *chunk = malloc(sizeof *chunk + capacity);
    if (!chunk)
        PANIC("out of memory: no room for %zu bytes more", capacity);
    *chunk = (arena_chunk){.next = next, .capacity = capacity};
    return chunk;
}

void *arena_take(arena *arena, size_t size)
{
    size = round_up(size);
    arena_chunk *chunk = arena->chunks;
    if (!chunk || chunk->capacity - chunk->used < size) {
        size_t capacity = chunk ? chunk->capacity : FIRST_CHUNK;
        if (capacity < size)
            capacity = size;
        chunk = arena->chunks = new_chunk(chunk, capacity);
    }
    unsigned char *piece = start_of(chunk) + chunk->used;
    chunk->used += size;
    return piece;
}

void *arena_grow(arena *arena, void *piece, size_t old_size, size_t new_size)
{
    arena_chunk *chunk = arena->chunks;
    if (!piece || !old_size)
        return arena_take(arena, new_size);
    if (new_size <= old_size)
        return piece;
    size_t old_room = round_up(old_size), new_room = round_up(new_size);
    bool is_last = (unsigned char *)piece + old_room == start_of(chunk) + chunk->used;
    if (is_last && chunk->capacity - chunk->used >= new_room - old_room) {
        chunk->used += new_room - old_room;
        return piece;
    }
    return memcpy(arena_take(arena, new_size), piece, old_size);
}

void arena_reset(arena *arena)
{
    arena_chunk *chunk = arena->chunks;
    if (chunk && !chunk->next) {
        chunk->used = 0;
        return;
    }
    size_t capacity = 0;
    while (chunk) {
        arena_chunk *next = chunk->next;
        capacity += chunk->capacity;
        free(chunk);
        chunk = next;
    }
    // The next call likely needs as much: in one piece it finds room without looking.
    arena->chunks = capacity && capacity <= KEPT ? new_chunk(NULL, capacity) : NULL;
}

arena *arena_current(void)
{
    return is_open ? &call_arena : &instance_arena;
}

void arena_opened(void)
{
    is_open = true;
}

void arena_call_ended(void)
{
    if (is_open)
        arena_reset(&call_arena);
}

void arena_epoch_ended(void)
{
    arena_reset(&epoch_arena);
}

void *ws_alloc(size_t size)
{
    return memset(arena_take(arena_current(), size), 0, size);
}

void *ws_alloc_array(size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        PANIC("out of memory: %zu times %zu bytes", count, size);
    return ws_alloc(count * size);
}

void *ws_epoch_alloc(size_t size)
{
    return memset(arena_take(&epoch_arena, size), 0, size);
}

char *ws_format(const char *format, ...)
{
    // Most texts are short, and formatted once.
    char formatted[256];
    va_list values;
    va_start(values, format);
    va_list again;
    va_copy(again, values);
    int length = vsnprintf(formatted, sizeof formatted, format, values);
    va_end(values);
    char *text = ws_alloc(length < 0 ? 1 : (size_t)length + 1);
    if (length >= (int)sizeof formatted)
        vsnprintf(text, (size_t)length + 1, format, again);
    else if (length >= 0)
        memcpy(text, formatted, (size_t)length + 1);
    va_end(again);
    return text;
}

ws_text ws_concat(ws_texts texts)
{
    size_t length = 0;
    for (size_t i = 0; i < texts.count; i++)
        length += texts.at[i].length;
    char *text = arena_take(arena_current(), length + 1), *end = text;
    for (size_t i = 0; i < texts.count; i++) {
        if (texts.at[i].length)
            memcpy(end, texts.at[i].data, texts.at[i].length);
        end += texts.at[i].length;
    }
    *end = 0;
    return (ws_text){text, length};
}
