/// Memory that is given out piece by piece and taken back as a whole.

#ifndef WASM_SINK_ARENA_H
#define WASM_SINK_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "wasm_sink/log.h"

/// What is wrong in the sink's own code has no place in this SDK's.
#define PANIC(...) ws_panic_at(NULL, 0, __VA_ARGS__)

typedef struct arena_chunk arena_chunk;

typedef struct arena {
    arena_chunk *chunks;
} arena;

/// All pieces begin at a multiple of this: Arrow buffers are read where they lie.
#define ARENA_ALIGNMENT 16

/// Not zeroed.
void *arena_take(arena *arena, size_t size);
/// Makes a piece larger; in place where it is the last one.
void *arena_grow(arena *arena, void *piece, size_t old_size, size_t new_size);
/// Takes all pieces back.
void arena_reset(arena *arena);

/// What `ws_alloc` takes from: the instance's until `open` has returned, then the call's.
arena *arena_current(void);
void arena_opened(void);
void arena_call_ended(void);
void arena_epoch_ended(void);

#endif
