// All capabilities are compiled; the linker leaves out what the sink does not call.
#ifndef WASM_SINK_MAY_DUCKDB
#define WASM_SINK_MAY_DUCKDB
#endif

#include "wasm_sink/duckdb.h"

#define CAPABILITY duckdb
#include "database.h"
