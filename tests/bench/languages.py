"""What a sink costs in each language: the same one five times, in tests/bench/sinks."""

import http.server
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import threading
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path

from measuring import BINARY, CACHE, HERE, measure

SETUP = HERE.parent / "setup.sh"
LANGUAGES = {"rust": "Rust", "c": "C", "go": "Go", "js": "JavaScript", "python": "Python"}
# What the others are held against.
FIRST = "rust"
TOOLCHAINS = {"c": "zig", "go": "golang", "js": "nodejs"}
WORKS = ("handle", "columns", "rows")
BATCH_ROWS = (1_000, 10_000, 64_000)
# Those of a default pipeline: there memory is looked at.
USUAL_ROWS = 10_000
TURNS = 3
RUN_S = 1.5
# So many rows tell roughly how fast it is.
PILOT_ROWS = {"handle": 500_000, "columns": 100_000, "rows": 20_000}


def ratios(folder, _rows):
    """The same sink in each language, on rows of the generator; ratios are language / Rust. By handle: a plan, a filter,
    a slice. By columns: three are read, two are computed and put back. By rows: the same with records (in Rust they are
    made of columns). Rows per second are from the first batch to the last commit; the time of a batch is that of its
    call of `write`, with what the host does in it."""
    projects = {language: Project(language, folder) for language in LANGUAGES}
    with Collector() as collector:
        show_starts(projects)
        for work in WORKS:
            show_work(work, measured(projects, work, collector))


# ---- sinks ---------------------------------------------------------------------------------------


class Project:
    """A sink, built in a copy that stays on the machine, and a folder to run it in."""

    def __init__(self, language, folder):
        copy = CACHE / "bench-sinks" / language
        shutil.copytree(HERE / "sinks" / language, copy, dirs_exist_ok=True)
        if language == "rust":
            shutil.copy(HERE.parent.parent / "Cargo.lock", copy)
        self.component = copy / "build" / "bench.wasm"
        if not self.component.exists():
            print(f"  building the sink in {LANGUAGES[language]}: minutes, once", flush=True)
        build(language, copy)
        self.folder = folder / language
        self.folder.mkdir()
        # Compiled components of its own.
        self.environment = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache")}

    def pipeline(self, work, source, more=""):
        """One that begins anew, with its component compiled if it was before."""
        shutil.rmtree(self.folder / ".wasm-sink", ignore_errors=True)
        path = self.folder / "pipeline.toml"
        path.write_text(
            f'name = "bench"\n\n[source]\n{source}\n\n'
            f'[sink]\ncomponent = "{self.component}"\nconfig = {{ work = "{work}" }}\n\n'
            f'[epoch]\nmax_rows = 100_000\n\n[limits]\nmemory = "1GiB"\n{more}'
        )
        return path


def generator(rows, batch_rows):
    return f'type = "generator"\nrows = {rows}\nbatch_rows = {batch_rows}'


def build(language, project):
    """`wasm-sink build`, with the toolchain of the tests."""
    path = os.environ["PATH"]
    if toolchain := TOOLCHAINS.get(language):
        found = subprocess.run(["bash", SETUP, toolchain], check=True, capture_output=True, text=True)
        path = f"{Path(found.stdout.strip().split('=', 1)[1]).parent}:{path}"
    built = subprocess.run([BINARY, "build", project], env={**os.environ, "PATH": path}, capture_output=True, text=True)
    if built.returncode:
        sys.exit(f"the sink in {LANGUAGES[language]} is not built:\n{built.stdout}{built.stderr}")


# ---- starts --------------------------------------------------------------------------------------


def show_starts(projects):
    """Size of the component; how long it takes to compile it, and to instantiate and open it once it is."""
    turns = {language: [] for language in projects}
    for _ in range(TURNS):
        for language, project in projects.items():
            shutil.rmtree(project.folder / "cache", ignore_errors=True)
            compiled, _ = start(project)
            _, opened = start(project)
            turns[language].append((compiled, opened))
    print(f"  {'component':<12}{'kB':>17}{'compile, ms':>21}{'instantiate, ms':>21}")
    told = {
        language: (project.component.stat().st_size / 1e3, *map(statistics.median, zip(*turns[language])))
        for language, project in projects.items()
    }
    for language, (size, compiled, opened) in told.items():
        base = told[FIRST]
        shown = beside(size, base[0], 9, 0, 8), beside(compiled, base[1], 13, 0, 8), beside(opened, base[2], 13, 2, 8)
        print(f"  {LANGUAGES[language]:<12}{''.join(shown)}")
    print(flush=True)


def start(project):
    """Milliseconds to compile the component, which the log tells, and to instantiate and open it: what is between two
    of its lines, and next to nothing else is."""
    command = [BINARY, "run", "--json", project.pipeline("handle", generator(1_000, 1_000))]
    environment = {**project.environment, "WASM_SINK_LOG": "warn,wasm_sink::engine=debug"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"a sink does not run:\n{ran.stdout}{ran.stderr}")
    lines = [json.loads(line) for line in ran.stderr.splitlines() if line.startswith("{")]
    loaded = [line for line in lines if line["message"] == "a component is loaded"]
    opened = next(line for line in lines if line["message"] == "opened an instance")
    return loaded[0]["elapsed_ms"], (moment(opened) - moment(loaded[-1])).total_seconds() * 1e3


def moment(line):
    return datetime.fromisoformat(line["timestamp"].replace("Z", "+00:00"))


# ---- runs ----------------------------------------------------------------------------------------


@dataclass
class Ran:
    rows_per_s: float
    batch_us: float
    process_mb: float
    instance_mb: float
    cpu_s: float


def measured(projects, work, collector):
    """The medians of each language and size of batches. Languages take turns, so that a machine that is slow for a
    while is slow for all."""
    turns, rates = {}, {}
    for language, project in projects.items():
        rows = PILOT_ROWS[work]
        pilot = run(project, work, generator(rows, USUAL_ROWS), rows, collector)
        rates |= {(language, batch_rows): pilot.rows_per_s for batch_rows in BATCH_ROWS}
    for _ in range(TURNS):
        for batch_rows in BATCH_ROWS:
            for language, project in projects.items():
                key = language, batch_rows
                rows = max(2, round(rates[key] * RUN_S / batch_rows)) * batch_rows
                ran = run(project, work, generator(rows, batch_rows), rows, collector)
                rates[key] = ran.rows_per_s
                turns.setdefault(key, []).append(ran)
    return {key: Ran(*map(statistics.median, zip(*map(astuple, all)))) for key, all in turns.items()}


def run(project, work, source, rows, collector, more=""):
    """One run, as its own telemetry and the kernel tell of it."""
    collector.clear()
    more += f'\n[telemetry]\notlp = "http://127.0.0.1:{collector.port}"\n'
    command = [BINARY, "run", "--quiet", project.pipeline(work, source, more)]
    process = measure(*command, environment=project.environment)
    spans = collector.spans()
    writes = [attributes for name, _, _, attributes in spans if name == "write"]
    epochs = [(begun, ended) for name, begun, ended, _ in spans if name == "epoch"]
    if sum(write["wasm_sink.rows"] for write in writes) != rows:
        sys.exit("the telemetry of a run is not complete")
    took = (max(ended for _, ended in epochs) - min(begun for begun, _ in epochs)) / 1e9
    busy = sum(write["wasm_sink.busy_ms"] for write in writes) / sum(write["wasm_sink.calls"] for write in writes)
    instance_mb = collector.gauge("instance_memory_highest_bytes") / 2**20
    return Ran(rows / took, busy * 1e3, process.peak_mb, instance_mb, process.cpu_s)


def show_work(work, medians):
    sizes = "".join(f"{f'{batch_rows:,} rows a batch':>34}" for batch_rows in BATCH_ROWS)
    units = f"{'k rows/s':>16}{'µs a batch':>18}" * len(BATCH_ROWS)
    memory = f"MB at {USUAL_ROWS:,}"
    print(f"  {'by ' + work:<12}{sizes}{memory:>26}\n  {'':<12}{units}{'process':>15}{'instance':>11}")
    for language, name in LANGUAGES.items():
        line = f"  {name:<12}"
        for batch_rows in BATCH_ROWS:
            ours, base = medians[language, batch_rows], medians[FIRST, batch_rows]
            line += beside(ours.rows_per_s / 1e3, base.rows_per_s / 1e3, 9, 0, 7)
            line += beside(ours.batch_us, base.batch_us, 10, 0, 8)
        ours, base = medians[language, USUAL_ROWS], medians[FIRST, USUAL_ROWS]
        line += beside(ours.process_mb, base.process_mb, 9, 0, 6) + f"{ours.instance_mb:>11,.1f}"
        print(line)
    print(flush=True)


def beside(value, base, width, digits, ratio_width):
    """A number, and its ratio to that of Rust."""
    ratio = value / max(base, 1e-9)
    return f"{value:>{width},.{digits}f}{ratio:>{ratio_width},.{2 if ratio < 100 else 0}f}"


# ---- telemetry -----------------------------------------------------------------------------------


class Collector:
    """Takes what a pipeline tells by OTLP."""

    def __init__(self):
        collector = self

        class Taker(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.taken.append((self.path, body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.taken = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker)
        self.port = self.server.server_port

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()

    def clear(self):
        self.taken.clear()

    def spans(self):
        """Name, nanoseconds of beginning and end, and the attributes that are numbers."""
        bodies = [body for path, body in self.taken if path == "/v1/traces"]
        # resource_spans, scope_spans, spans
        return [span(message) for body in bodies for message in parts(body, 1, 2, 2)]

    def gauge(self, name):
        """The last value, in bytes."""
        bodies = [body for path, body in self.taken if path == "/v1/metrics"]
        # resource_metrics, scope_metrics, metrics
        metrics = [metric for body in bodies for metric in parts(body, 1, 2, 2)]
        found = [metric for metric in metrics if name.encode() in parts(metric, 1)]
        # gauge, data_points; as_double or as_int
        point = parts(found[-1], 5, 1)[-1]
        values = dict(fields(point))
        return struct.unpack("<d", values[4])[0] if 4 in values else struct.unpack("<q", values[6])[0]


def span(message):
    attributes = {}
    for attribute in parts(message, 9):
        (key,), (value,) = parts(attribute, 1), parts(attribute, 2)
        for kind, number in fields(value):
            if kind in (3, 4):
                attributes[key.decode()] = number if kind == 3 else struct.unpack("<d", number)[0]
    (name,), (begun,), (ended,) = (parts(message, number) for number in (5, 7, 8))
    return name.decode(), *(int.from_bytes(time, "little") for time in (begun, ended)), attributes


def parts(message, number, *path):
    """All that stands there in a message of protobuf, by the numbers of its fields."""
    found = [value for field, value in fields(message) if field == number]
    return [part for value in found for part in parts(value, *path)] if path else found


def fields(message):
    """The fields of a message of protobuf, by number: a whole number, or bytes."""
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(message, at)
        else:
            length, at = varint(message, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = message[at : at + length], at + length
        yield key >> 3, value


def varint(message, at):
    number = shift = 0
    while True:
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
