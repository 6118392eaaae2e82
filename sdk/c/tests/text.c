#include "test.h"

#include "text.h"

void test_characters(void)
{
    static const struct {
        const char *text, *made;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"},
        // Latin-1, a character that is cut off, a surrogate, one that is longer than need be, one beyond all.
        {"caf\xE9", "caf?"},
        {"a\xE2\x82", "a??"},
        {"\xED\xA0\x80", "???"},
        {"\xC0\xAF", "??"},
        {"\xF4\x90\x80\x80", "????"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        strcpy(text, cases[i].text);
        make_characters(text, strlen(text));
        EXPECT(strcmp(text, cases[i].made) == 0);
    }
}
