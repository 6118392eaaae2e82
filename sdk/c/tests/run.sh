#!/bin/sh
# Tests of what needs no host, with the machine's own compiler.
set -e
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -r "$out"' EXIT
# The machine's compiler does not know what Wasm exports.
${CC:-cc} -std=c11 -g -O1 -Wall -Wextra -Werror -Wno-attributes -fsanitize=address,undefined -fno-sanitize-recover=all \
    -I../include -I../src -o "$out/tests" \
    main.c columns.c http.c json.c lies.c memory.c streams.c text.c \
    ../src/memory.c ../src/error.c ../src/json.c ../src/column.c ../src/types.c ../src/builder.c \
    ../src/metadata.c ../src/ipc_schema.c ../src/ipc_read.c ../src/ipc_write.c ../src/host.c ../src/http.c ../src/text.c -lm
"$out/tests"
