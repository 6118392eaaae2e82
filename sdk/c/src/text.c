#include "text.h"

size_t character_at(const unsigned char *text, size_t length)
{
    unsigned char first = text[0];
    size_t size = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if ((first >= 0x80 && first < 0xC2) || first > 0xF4 || size > length)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    // Longer than need be, a surrogate, beyond what there is.
    if ((first == 0xE0 && text[1] < 0xA0) || (first == 0xED && text[1] >= 0xA0) || (first == 0xF0 && text[1] < 0x90) ||
        (first == 0xF4 && text[1] >= 0x90))
        return 0;
    return size;
}

void make_characters(char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t size = character_at((const unsigned char *)text + at, length - at);
        if (!size)
            text[at] = '?';
        at += size ? size : 1;
    }
}
