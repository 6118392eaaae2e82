"""What it costs that a component has a deadline and a memory limit."""

from changes import pipeline
from measuring import BINARY, compare

TIMES = 9


def cost(folder, rows):
    """The same pipeline with limits against without them (which no binary but this one can do): wall time, and the
    processor's of all threads; at 10,000 and 1,000 rows a batch."""
    for batch_rows in (10_000, 1_000):
        source = f'type = "generator"\nrows = {rows}\nbatch_rows = {batch_rows}'

        def run(kind, *environment):
            def again(turn):
                own = folder / f"{kind}-{batch_rows}-{turn}"
                return "env", *environment, BINARY, "run", "--quiet", pipeline(own, source)

            return again

        name = f"{batch_rows:,} rows a batch"
        compare(TIMES, name, {"with limits": run("with"), "without": run("without", "WASM_SINK_UNLIMITED=1")})
