#include "test.h"

static ws_status parse(const char *text, const ws_json **value)
{
    return ws_json_parse((ws_text){text, strlen(text)}, value);
}

void test_json(void)
{
    const ws_json *value;
    EXPECT_OK(parse(" {\"table\": \"t\\u00e4\\ud83d\\ude00\\n\", \"n\": -1.5e2, \"i\": 9007199254740993, \"no\": null,"
                    "\"yes\": true, \"list\": [1, [], {\"a\": {}}, \"\"]} ",
                    &value));
    const char *table = "";
    EXPECT_OK(ws_get_string(value, "table", &table));
    EXPECT(strcmp(table, "t\xc3\xa4\xf0\x9f\x98\x80\n") == 0);
    double number = 7;
    EXPECT_OK(ws_get_number(value, "n", &number));
    EXPECT(number == -150);
    int64_t integer = 0;
    EXPECT_OK(ws_get_integer(value, "i", &integer));
    EXPECT(integer == 9007199254740993);
    number = 7;
    EXPECT_OK(ws_get_number(value, "no", &number));
    EXPECT_OK(ws_get_number(value, "missing", &number));
    EXPECT(number == 7);
    bool yes = false;
    EXPECT_OK(ws_get_bool(value, "yes", &yes));
    EXPECT(yes);
    EXPECT_INVALID(ws_get_string(value, "n", &table), "`n` is a number, and should be a string");
    EXPECT_INVALID(ws_get_integer(value, "n", &integer), "should be an integer");
    const ws_json *list = ws_json_member(value, "list");
    EXPECT(list->count == 4 && ws_json_item(list, 0)->integer == 1);
    EXPECT(ws_json_item(list, 4) == NULL && ws_json_member(list, "a") == NULL);
    EXPECT(ws_json_member(ws_json_item(list, 2), "a")->kind == WS_JSON_OBJECT);

    static const char *const numbers[] = {"0",       "-0",          "167.73",          "0.1",  "-12.50", "1e-7",
                                          "-1234567", "1e3",         "123456789.12345", "0.000001", "999999999999999"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        EXPECT_OK(parse(numbers[i], &value));
        EXPECT(value->number == strtod(numbers[i], NULL));
        EXPECT(!value->is_integer || value->integer == strtoll(numbers[i], NULL, 10));
    }

    static const char *const broken[] = {
        "",         "{",        "[1,]",     "[,1]",       "{\"a\"}",  "{\"a\":}",  "{a:1}",      "01",       "1.",
        "-",        "1e",       "\"",       "\"\\",       "\"\\u12",  "\"\\u12\"", "\"\\ud800\"", "\"\\x\"", "nul",
        "tru",      "1 1",      "[1 2]",    "\"a\nb\"",   "\"\\udc00\"", "\"\\ud800\\u", "{\"a\":1,}", "+1",
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        // In memory of its own, so that reading beyond is seen.
        size_t length = strlen(broken[i]);
        char *copy = malloc(length + !length);
        memcpy(copy, broken[i], length);
        EXPECT_INVALID(ws_json_parse((ws_text){copy, length}, &value), "no JSON: at byte");
        free(copy);
    }
    char deep[1000];
    memset(deep, '[', sizeof deep);
    EXPECT_INVALID(ws_json_parse((ws_text){deep, sizeof deep}, &value), "no deeper nesting");
}
