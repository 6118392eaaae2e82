"""How a command is measured, and two are compared."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILT = HERE.parent.parent / "target" / "release"
BINARY = BUILT / "wasm-sink"
NATIVE = BUILT / "wasm-sink-native"
BINARY_COPY = BUILT / "wasm-sink-binary-copy"
KAFKA_COPY = BUILT / "wasm-sink-kafka-copy"
CACHE = Path(os.environ.get("WASM_SINK_TEST_CACHE") or Path.home() / ".cache" / "wasm-sink-tests")


@dataclass
class Measured:
    wall_s: float
    cpu_s: float
    peak_mb: float

    def __str__(self):
        return f"{self.wall_s:7.2f} s wall  {self.cpu_s:7.2f} s CPU  {self.peak_mb:6.0f} MB peak"


def measure(*command, environment=None):
    """Runs a command to its end; a failure ends the bench with what it said."""
    with tempfile.TemporaryFile("w+") as said:
        started = time.monotonic()
        process = subprocess.Popen([str(part) for part in command], stdout=said, stderr=said, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        if status:
            said.seek(0)
            sys.exit(f"{' '.join(map(str, command))} failed:\n{said.read()}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def compare(times, name, commands, environment=None):
    """Runs two commands in turn, several times over. Shows the median run of each by wall time, and the
    medians of the ratios of runs that followed each other: a machine that is slow for a while is slow
    for both."""
    runs = {name: [] for name in commands}
    for turn in range(times):
        for of, command in commands.items():
            runs[of].append(measure(*command(turn), environment=environment))
    medians = {of: sorted(all, key=lambda run: run.wall_s)[times // 2] for of, all in runs.items()}
    for of, median in medians.items():
        print(f"  {of:<20} {median}")
    ours, other = runs.values()
    wall, cpu, peak = (
        statistics.median(getattr(one, what) / getattr(two, what) for one, two in zip(ours, other))
        for what in ("wall_s", "cpu_s", "peak_mb")
    )
    print(f"  {name:<20} {wall:7.3f} wall    {cpu:7.3f} CPU    {peak:6.2f} peak")
    return medians
