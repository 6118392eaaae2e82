/// Texts as the host takes them: UTF-8, and nothing else.

#ifndef WASM_SINK_TEXT_H
#define WASM_SINK_TEXT_H

#include <stddef.h>

/// How many bytes the character has that begins here; 0 where none does.
size_t character_at(const unsigned char *text, size_t length);

/// Puts a `?` for each byte that belongs to no character: a message may quote whatever stands in the rows.
void make_characters(char *text, size_t length);

#endif
