#include "test.h"

#include "arena.h"

static uint32_t random_state = 1;

static uint32_t chance(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % below;
}

static bool reads(const unsigned char *data, size_t length)
{
    // In memory of its own, so that reading beyond is seen.
    unsigned char *copy = malloc(length + !length);
    if (length)
        memcpy(copy, data, length);
    ws_columns columns;
    bool worked = ws_ipc_read((ws_bytes){copy, length}, &columns) == WS_OK;
    uint64_t sum = 0;
    for (size_t i = 0; worked && i < columns.count; i++)
        sum += touch(&columns.at[i]);
    worked = worked && sum + 1 > 0;
    free(copy);
    arena_call_ended();
    return worked;
}

/// The stream that all lies are about, in memory that stays.
static unsigned char *truth(size_t *length)
{
    ws_bytes stream;
    EXPECT_OK(ws_ipc_write(every_type(), &stream));
    unsigned char *copy = malloc(stream.length);
    memcpy(copy, stream.data, stream.length);
    *length = stream.length;
    arena_call_ended();
    return copy;
}

void test_lies(void)
{
    size_t length;
    unsigned char *stream = truth(&length);
    EXPECT(reads(stream, length));
    // Only the mark of the end may be missing.
    for (size_t cut = 0; cut < length; cut++)
        EXPECT(reads(stream, cut) == (cut == length - 8));

    static const uint32_t lies[] = {0, 1, 4, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    unsigned char *lying = malloc(length);
    size_t taken = 0, tried = 0;
    for (size_t at = 0; at + 4 <= length; at += 2)
        for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
            memcpy(lying, stream, length);
            memcpy(lying + at, &lies[i], 4);
            taken += reads(lying, length);
            tried++;
        }
    for (int round = 0; round < 20000; round++) {
        memcpy(lying, stream, length);
        for (uint32_t changes = 1 + chance(4); changes; changes--)
            lying[chance((uint32_t)length)] = (unsigned char)chance(256);
        taken += reads(lying, length - chance(2) * chance(64));
        tried++;
    }
    EXPECT(taken > 0 && taken < tried);
    printf("%zu lies: %zu refused, the others told of values, or where no one looks\n", tried, tried - taken);
    free(lying);
    free(stream);
}
