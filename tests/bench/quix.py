"""What the sinks of tests/bench/sinks do on rows of Kafka, beside the same work as a user of Quix Streams writes it."""

import itertools
import json
import statistics
import subprocess
import sys
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Callable

import languages
from kafka import Broker
from languages import LANGUAGES, TURNS, Collector, Project
from measuring import BINARY, HERE, measure

PEER = "Quix Streams"
WAYS = (("python", "rows"), ("python", "columns"), ("js", "rows"), ("js", "columns"))
PARTITIONS = 4
# A run of FEW is the start; what the others take beyond it is the work.
FEW, ROWS = 4_000, 2_000_000


@dataclass
class Ran:
    rows_per_s: float
    cpu_s: float


def beside(folder: Path, _rows: int) -> None:
    """The sinks in Python and JavaScript, and the same work in Quix Streams: two million JSON rows of the generator
    from a topic of four partitions, a region looked up, a name masked, small amounts counted aside, and rows discarded
    then. Each is one process, with one instance or interpreter. Rows per second are from the first batch to the last
    commit (Quix Streams: from the first row to the last flush), CPU is what the process takes beyond that of a run of
    4,000 rows; ratios are ours / Quix Streams."""
    found = subprocess.run(["bash", HERE / "quix.sh"], check=True, capture_output=True, text=True)
    python = found.stdout.strip().split("=", 1)[1]
    projects = {language: Project(language, folder) for language in ("python", "js")}
    groups = (f"group-{n}" for n in itertools.count())
    with Broker(folder / "broker") as broker, Collector() as collector:
        for rows in (FEW, ROWS):
            fill(folder, broker, rows)

        def theirs(rows: int) -> Ran:
            result = folder / "result.json"
            process = measure(python, HERE / "quix_peer.py", broker.servers, topic(rows), next(groups), rows, result)
            saw = json.loads(result.read_text())
            if saw["kept"] + saw["small"] != rows:
                sys.exit(f"of {rows:,} rows Quix Streams saw {saw}")
            return Ran(rows / saw["seconds"], process.cpu_s)

        def ours(language: str, work: str) -> Callable[[int], Ran]:
            def run(rows: int) -> Ran:
                source = f'connection = "broker"\ntopics = ["{topic(rows)}"]\nuntil = "latest"\n'
                source += f'group_id = "{next(groups)}"'
                ran = languages.run(projects[language], work, source, rows, collector, connection(broker))
                return Ran(ran.rows_per_s, ran.cpu_s)

            return run

        runs = {PEER: theirs} | {f"{LANGUAGES[language]}, by {work}": ours(language, work) for language, work in WAYS}
        show(measured(runs))


def topic(rows: int) -> str:
    return f"orders-{rows}"


def connection(broker: Broker) -> str:
    return f'\n[connections.broker]\ntype = "kafka"\n"bootstrap.servers" = "{broker.servers}"\n'


def fill(folder: Path, broker: Broker, rows: int) -> None:
    """A topic of the generator's rows, as JSON."""
    create = ["--create", "--topic", topic(rows), "--partitions", PARTITIONS]
    broker.ask("TopicCommand", "--bootstrap-server", broker.servers, *create)
    pipeline = folder / f"fill-{rows}.toml"
    pipeline.write_text(
        f'name = "fill-{rows}"\n\n[source]\ntype = "generator"\nrows = {rows}\npartitions = {PARTITIONS}\n\n'
        '[sink]\ncomponent = "kafka"\nconnection = "broker"\n\n'
        f'[sink.config]\ntopic = "{topic(rows)}"\npartition = "partition"\n{connection(broker)}'
    )
    measure(BINARY, "run", "--quiet", pipeline)


def measured(runs: dict[str, Callable[[int], Ran]]) -> dict[str, Ran]:
    """The medians. All take turns, so that a machine that is slow for a while is slow for all."""
    # The first run compiles the component.
    starts = {name: [run(FEW).cpu_s for _ in range(2)][-1] for name, run in runs.items()}
    turns: dict[str, list[Ran]] = {name: [] for name in runs}
    for _ in range(TURNS):
        for name, run in runs.items():
            ran = run(ROWS)
            turns[name].append(Ran(ran.rows_per_s, ran.cpu_s - starts[name]))
    return {name: Ran(*map(statistics.median, zip(*map(astuple, all)))) for name, all in turns.items()}


def show(medians: dict[str, Ran]) -> None:
    print(f"  {'Kafka, JSON':<22}{'k rows/s':>16}{'µs of CPU a row':>20}")
    base = medians[PEER]
    for name, ran in medians.items():
        rate = languages.beside(ran.rows_per_s / 1e3, base.rows_per_s / 1e3, 9, 0, 7)
        cpu = languages.beside(ran.cpu_s / (ROWS - FEW) * 1e6, base.cpu_s / (ROWS - FEW) * 1e6, 12, 2, 8)
        print(f"  {name:<22}{rate}{cpu}")
    print(flush=True)
