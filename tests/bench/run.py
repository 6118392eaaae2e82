#!/usr/bin/env python3
"""Measures the release binary and prints ratios, all from one run on one machine.

    run.py [--rows N] [NAME...]      default: every measurement, 3,300,000 rows

Absolute numbers say as much about the machine as about the program; compare ratios. CPU and peak
memory are the kernel's own account of each process.
"""

import argparse
import csv
import json
import os
import random
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import changes
import kafka
import languages
import limits
import operating
import postgres
import quix
import telemetry
from measuring import BINARY, BINARY_COPY, CACHE, HERE, NATIVE, compare, measure

# ---- input ---------------------------------------------------------------------------------------


def input_file(rows):
    """Nested rows of about 170 bytes as JSON lines, written once per machine."""
    path = CACHE / f"bench-{rows}.jsonl"
    if not path.exists():
        print(f"writing {path}: a minute, once", flush=True)
        chance = random.Random(1)
        countries = ["DE", "FR", "JP", "US", "BR", "KE"]
        part = path.with_suffix(".part")
        with open(part, "w") as out:
            for n in range(rows):
                out.write(
                    f'{{"id":{n},"at":"2026-03-{1 + n * 28 // rows:02}T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}Z",'
                    f'"user":{{"id":"u{chance.randrange(100_000)}","country":"{countries[n % 6]}",'
                    f'"score":{chance.randrange(1000)}}},"amount":{chance.randrange(100_000) / 100},'
                    f'"tags":["t{n % 7}","t{n % 11}"],"note":"order {n} of many"}}\n'
                )
        part.rename(path)
    return path


def csv_file(rows):
    """The same rows as CSV, nested values as PostgreSQL writes them."""
    source, path = input_file(rows), CACHE / f"bench-{rows}.csv"
    if not path.exists():
        print(f"writing {path}: a minute, once", flush=True)
        part = path.with_suffix(".part")
        with open(source) as lines, open(part, "w", newline="") as out:
            writer = csv.writer(out)
            for line in lines:
                row = json.loads(line)
                tags = "{" + ",".join(row["tags"]) + "}"
                writer.writerow([row["id"], row["at"], json.dumps(row["user"]), row["amount"], tags, row["note"]])
        part.rename(path)
    return path


def pipeline(folder, source, component="delta", lake="lake"):
    """Writes a pipeline into a folder and gives its path. No `lake`: the component needs none."""
    text = f'name = "bench"\n\n[source]\n{source}\n\n[sink]\ncomponent = "{component}"\n'
    if lake:
        text += f'connection = "lake"\n\n[connections.lake]\ntype = "delta"\npath = "{lake}"\n'
    text += "\n[epoch]\nmax_rows = 100_000\n"
    path = folder / "pipeline.toml"
    path.write_text(text)
    return path


def files(pattern):
    return f'type = "files"\npath = "{pattern}"\nformat = "json"'


def generator(rows):
    return f'type = "generator"\nrows = {rows}'


# ---- measurements --------------------------------------------------------------------------------


def forget(folder):
    """Removes a table and what its pipeline remembers."""
    # A table that is gone although its pipeline ran before stops that pipeline; so all goes.
    for leftover in [folder / "lake", *(folder / ".wasm-sink" / "bench").glob("*")]:
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)


def component(folder, rows):
    """A JSON file into Delta through the component, compiled before, and by the same host code without one."""
    source = input_file(rows)

    def run(*command):
        own = folder / command[0].name
        own.mkdir()

        def again(_turn):
            forget(own)
            return [*command, pipeline(own, files(source))]

        return again

    compare(9, "component / without", {"component": run(BINARY, "run", "--quiet"), "without": run(NATIVE)})


def file_to_delta(folder, rows):
    """A JSON file into Delta, and the same by DuckDB and delta-rs."""
    source = input_file(rows)

    def ours(turn):
        own = folder / f"ours-{turn}"
        own.mkdir()
        return [BINARY, "run", "--quiet", pipeline(own, files(source))]

    def peer(turn):
        return [sys.executable, HERE / "peer.py", source, folder / f"peer-{turn}"]

    medians = compare(3, "ours / theirs", {"wasm-sink": ours, "DuckDB + delta-rs": peer})
    print(f"  {source.stat().st_size / medians['wasm-sink'].wall_s / 1e6:.0f} MB/s")


def file_to_duckdb(folder, rows):
    """A JSON file into DuckDB, and DuckDB's own `INSERT … FROM read_json`, with as many threads."""
    source = input_file(rows)

    def ours(turn):
        return [BINARY, "run", "--quiet", duckdb_pipeline(folder / f"ours-{turn}", files(source))]

    def peer(turn):
        return [sys.executable, HERE / "duckdb_peer.py", source, folder / f"peer-{turn}.duckdb"]

    medians = compare(3, "ours / theirs", {"wasm-sink": ours, "read_json": peer})
    print(f"  {rows / medians['wasm-sink'].wall_s / 1e6:.2f} M rows/s")

    many = folder / "many"
    many.mkdir()
    for n in range(3):
        os.link(source, many / f"{n}.jsonl")
    threefold = measure(BINARY, "run", "--quiet", duckdb_pipeline(folder / "threefold", files(many / "*.jsonl")))
    print(f"  {rows * 3:>11,} rows     {threefold}")


def duckdb_pipeline(folder, source):
    folder.mkdir(exist_ok=True)
    path = folder / "pipeline.toml"
    path.write_text(
        f'name = "bench"\n\n[source]\n{source}\n\n[sink]\ncomponent = "duckdb"\nconnection = "db"\n\n'
        '[sink.config]\ntable_name = "orders"\n'
        'field_mappings = [{ json_path = "at", column = "at", data_type = "timestamp(us,+00:00)" }]\n\n'
        '[connections.db]\ntype = "duckdb"\npath = "bench.duckdb"\n'
    )
    return path


# What the first rows would make of it by themselves, so that both fill the same.
ORDERS = """drop table if exists orders, _wasm_sink_positions, _wasm_sink_commits, _wasm_sink_overwrites;
create table orders (id bigint, at timestamptz, "user" jsonb, amount float8, tags text[], note text)"""


def postgres_pipeline(folder, server, source):
    folder.mkdir(exist_ok=True)
    path = folder / "pipeline.toml"
    path.write_text(
        f'name = "bench"\n\n[source]\n{source}\n\n[sink]\ncomponent = "postgres"\nconnection = "db"\n\n'
        '[sink.config]\ntable_name = "orders"\n'
        'field_mappings = [{ json_path = "at", column = "at", data_type = "timestamp(us,+00:00)" }]\n\n'
        f"[connections.db]\n{server.connection()}\n"
    )
    return path


def file_to_postgres(folder, rows):
    """A JSON file into PostgreSQL; psql's \\copy of the same rows as CSV into the same table; and a program
    written by hand with the Rust client's BinaryCopyInWriter."""
    source, values = input_file(rows), csv_file(rows)
    with postgres.Server(folder / "server") as server:

        def ours(against):
            def again(turn):
                server.run(ORDERS)
                own = folder / f"against-{against}-{turn}"
                return [BINARY, "run", "--quiet", postgres_pipeline(own, server, files(source))]

            return again

        def peer(_turn):
            server.run(ORDERS)
            return server.psql(f"\\copy orders from '{values}' with (format csv)")

        def by_hand(_turn):
            server.run(ORDERS)
            return [BINARY_COPY, source, server.url()]

        medians = compare(3, "ours / theirs", {"wasm-sink": ours("psql"), "psql \\copy": peer}, server.environment())
        compare(3, "ours / by hand", {"wasm-sink": ours("hand"), "BinaryCopyInWriter": by_hand}, server.environment())
        print(f"  {rows / medians['wasm-sink'].wall_s / 1e6:.2f} M rows/s")

        many = folder / "many"
        many.mkdir()
        for n in range(3):
            os.link(source, many / f"{n}.jsonl")
        server.run(ORDERS)
        path = postgres_pipeline(folder / "threefold", server, files(many / "*.jsonl"))
        threefold = measure(BINARY, "run", "--quiet", path, environment=server.environment())
        print(f"  {rows * 3:>11,} rows     {threefold}")


def postgres_to_postgres(folder, rows):
    """A table into another one of the same server, in the order of its key; and psql copying the rows of the
    same query through a pipe, in the server's binary form."""
    values = csv_file(rows)
    source = 'connection = "db"\ntable_name = "placed"\norder_by = "id"'
    query = "select * from placed order by id"
    with postgres.Server(folder / "server") as server:
        server.run(ORDERS.replace("orders", "placed").replace("id bigint", "id bigint primary key"))
        measure(*server.psql(f"\\copy placed from '{values}' with (format csv)"), environment=server.environment())
        server.run("vacuum analyze placed")

        def ours(turn):
            server.run(ORDERS)
            path = postgres_pipeline(folder / f"turn-{turn}", server, source)
            return [BINARY, "run", "--quiet", path]

        def piped(_turn):
            server.run(ORDERS)
            out = shlex.join(server.psql(f"copy ({query}) to stdout (format binary)"))
            into = shlex.join(server.psql("copy orders from stdin (format binary)"))
            return ["bash", "-c", f"set -o pipefail; {out} | {into}"]

        commands = {"wasm-sink": ours, "psql | psql": piped}
        medians = compare(3, "ours / theirs", commands, server.environment())
        print(f"  {rows / medians['wasm-sink'].wall_s / 1e6:.2f} M rows/s")


def memory(folder, rows):
    """Peak memory over ten times the rows: flat."""
    source = input_file(rows)
    once = measure(BINARY, "run", "--quiet", pipeline(folder, files(source)))
    many = folder / "many"
    many.mkdir()
    for n in range(10):
        os.link(source, many / f"{n}.jsonl")
    tenfold = measure(BINARY, "run", "--quiet", pipeline(folder, files(many / "*.jsonl"), lake="lake-of-ten"))
    print(f"  {rows:>11,} rows     {once}")
    print(f"  {rows * 10:>11,} rows     {tenfold}")
    print(f"  ratio of peaks       {tenfold.peak_mb / once.peak_mb:.2f}")


def discard(folder, rows):
    """Generated rows into the component that keeps none: what the way itself costs."""
    rows *= 10
    ours = measure(BINARY, "run", "--quiet", pipeline(folder, generator(rows), "discard", lake=None))
    print(f"  {rows:>11,} rows     {ours}")
    print(f"  {rows / ours.wall_s / 1e6:.2f} M rows/s; {rows / ours.cpu_s / 1e6:.2f} M rows/s per core")


def start(folder, _rows):
    """From the start of the process to the first committed row: with the component compiled, and without."""

    def until_first_row(cold):
        forget(folder)
        if cold:
            shutil.rmtree(folder / "cache", ignore_errors=True)
        log = folder / "lake" / "_delta_log"
        path = pipeline(folder, generator(1_000))
        started = time.monotonic()
        caches = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
        process = subprocess.Popen([BINARY, "run", "--quiet", path], stdout=subprocess.DEVNULL, env=caches)
        while process.poll() is None and not any_row(log):
            time.sleep(0.0005)
        took = time.monotonic() - started
        if process.wait() or not any_row(log):
            sys.exit("the pipeline failed")
        return took * 1000

    def any_row(log):
        return any('"add"' in entry.read_text() for entry in log.glob("*.json"))

    for name, cold in (("cold", True), ("warm", False)):
        times = [until_first_row(cold) for _ in range(5)]
        print(f"  {name}   {statistics.median(times):6.0f} ms   (of {', '.join(f'{t:.0f}' for t in times)})")


def recording(folder, rows):
    changes.recording(folder, files(input_file(rows)))


def shadowing(folder, rows):
    changes.shadowing(folder, files(input_file(rows)))


recording.__doc__, shadowing.__doc__ = changes.recording.__doc__, changes.shadowing.__doc__

MEASUREMENTS = {
    "component": component,
    "file_to_delta": file_to_delta,
    "file_to_duckdb": file_to_duckdb,
    "file_to_postgres": file_to_postgres,
    "postgres_to_postgres": postgres_to_postgres,
    "memory": memory,
    "discard": discard,
    "start": start,
    "swap_pause": changes.pause,
    "swap_compiling": changes.compiling,
    "idle": operating.idle,
    "hostile_neighbour": operating.neighbour,
    "recording": recording,
    "shadowing": shadowing,
    "limits": limits.cost,
    "telemetry": telemetry.cost,
    "languages": languages.ratios,
    "languages_beside": quix.beside,
    "kafka_to_discard": kafka.to_discard,
    "kafka_to_delta": kafka.to_delta,
    "kafka_memory": kafka.memory,
    "kafka_to_kafka": kafka.to_kafka,
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*", help=", ".join(MEASUREMENTS))
    arguments.add_argument("--rows", type=int, default=3_300_000)
    given = arguments.parse_args()
    if unknown := set(given.names) - MEASUREMENTS.keys():
        sys.exit(f"no measurement is called {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}")
    if not BINARY.exists() or not NATIVE.exists():
        sys.exit("the release binaries are missing: `make bench` makes them")
    print(f"{os.cpu_count()} cores, {given.rows:,} rows")
    for name in given.names or MEASUREMENTS:
        print(f"{name}: {MEASUREMENTS[name].__doc__}", flush=True)
        with tempfile.TemporaryDirectory(prefix="wasm-sink-bench-", dir=CACHE) as folder:
            MEASUREMENTS[name](Path(folder), given.rows)


if __name__ == "__main__":
    main()
