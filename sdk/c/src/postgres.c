// All capabilities are compiled; the linker leaves out what the sink does not call.
#ifndef WASM_SINK_MAY_POSTGRES
#define WASM_SINK_MAY_POSTGRES
#endif

#include "wasm_sink/postgres.h"

#define CAPABILITY postgres
#include "database.h"
