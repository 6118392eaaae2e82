"""What it costs to change a running pipeline: swaps, compiling, recording, a shadow."""

import glob
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from measuring import BINARY, BUILT, compare

LIMIT_S = 60


def builtin(name):
    """The file of a built-in component, as the release build has made it."""
    pattern = BUILT / "build/wasm-sink-builtin-*/out/components/wasm32-wasip2/component" / f"wasm_sink_component_{name}.wasm"
    return Path(max(glob.glob(str(pattern)), key=os.path.getmtime)).read_bytes()


def variant(wasm, name):
    """The same component with another hash: a custom section of this name behind it."""
    name = name.encode()
    content = bytes([len(name)]) + name
    return wasm + bytes([0, len(content)]) + content


def free_port():
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return some.getsockname()[1]


class Running:
    """A pipeline in a process of its own, and its control socket."""

    def __init__(self, path, *arguments):
        command = [str(part) for part in (BINARY, "run", "--quiet", path, *arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        own = os.environ.get("XDG_RUNTIME_DIR")
        folder = Path(own) / "wasm-sink" if own else Path("/tmp") / f"wasm-sink-{os.geteuid()}"
        self.pattern = str(folder / f"*.{self.process.pid}.sock")
        self.path = None

    def ask(self, request):
        """The events of a request, as they come."""
        started = time.monotonic()
        while self.path is None:
            found = glob.glob(self.pattern)
            self.path = found[0] if found else None
            if self.process.poll() is not None or time.monotonic() - started > LIMIT_S:
                sys.exit("the pipeline does not run")
            time.sleep(0.005)
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(self.path)
            asked.sendall(json.dumps(request).encode() + b"\n")
            with asked.makefile() as events:
                for line in events:
                    yield json.loads(line)

    def swap(self, component, trial_epochs=0):
        request = {"ask": "swap", "component": str(component), "trial_epochs": trial_epochs, "extent": "all"}
        return {event["event"]: event for event in self.ask(request)}

    def stop(self):
        self.process.terminate()
        if self.process.wait():
            sys.exit("the pipeline failed")


def written(port):
    """Rows that are committed, as the pipeline counts them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    return int(float(re.search(r"^records_written_total\{[^}]*\} (\S+)$", text, re.M)[1]))


def milliseconds(duration):
    return duration["secs"] * 1e3 + duration["nanos"] / 1e6


def pipeline(folder, source, component="delta", more=""):
    folder.mkdir(exist_ok=True)
    path = folder / "pipeline.toml"
    path.write_text(
        f'name = "{folder.name}"\n\n[source]\n{source}\n\n[sink]\ncomponent = "{component}"\nconnection = "lake"\n\n'
        f'[connections.lake]\ntype = "delta"\npath = "lake"\n\n[epoch]\nmax_rows = 100_000\n{more}'
    )
    return path


def pause(folder, _rows):
    """1,000 swaps of a pipeline under full load: how long rows wait beyond the commit that is under way."""
    wasm = builtin("delta")
    components = [folder / f"{name}.wasm" for name in ("one", "other")]
    for component in components:
        component.write_bytes(variant(wasm, component.stem))
    running = Running(pipeline(folder / "bench-pause", 'type = "generator"', components[0]))
    pauses, takeovers = [], []
    for turn in range(1, 1001):
        taken_over = running.swap(components[turn % 2]).get("taken-over")
        if taken_over is None:
            sys.exit("a swap was refused")
        pauses.append(milliseconds(taken_over["pause"]))
        takeovers.append(milliseconds(taken_over["elapsed"]))
    running.stop()
    for name, times in (("beside a commit", pauses), ("with it", takeovers)):
        times.sort()
        p50, p99 = (times[len(times) * part // 100] for part in (50, 99))
        print(f"  {name:<20} p50 {p50:.3f} ms, p99 {p99:.3f} ms, max {times[-1]:.3f} ms")


def compiling(folder, _rows):
    """Rows per second while one new component after the other is compiled, against those before."""
    port = free_port()
    more = f'\n[admin]\naddress = "127.0.0.1:{port}"\n'
    running = Running(pipeline(folder / "bench-compiling", 'type = "generator"', more=more))
    # It uses another capability than this pipeline has, which is found once it is compiled.
    wasm = builtin("postgres")
    number = 0

    def compile_for(seconds):
        nonlocal number
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            number += 1
            component = folder / "new.wasm"
            component.write_bytes(variant(wasm, f"variant {number}"))
            if "compiled" not in running.swap(component):
                sys.exit("a component was not compiled")

    def rate(work):
        before, started = written(port), time.monotonic()
        work(4)
        return (written(port) - before) / (time.monotonic() - started)

    running.swap("delta")
    time.sleep(2)
    ratios = []
    for _ in range(5):
        alone = rate(time.sleep)
        beside = rate(compile_for)
        ratios.append(beside / alone)
    running.stop()
    print(f"  {number} components; while compiling / before   {statistics.median(ratios):.3f}   (of {ratios_text(ratios)})")


def ratios_text(ratios):
    return ", ".join(f"{ratio:.2f}" for ratio in ratios)


def recording(folder, source):
    """A JSON file into Delta with --record, and without."""

    def run(name, *more):
        def again(turn):
            own = folder / f"{name}-{turn}"
            shutil.rmtree(folder / "recorded", ignore_errors=True)
            return [BINARY, "run", "--quiet", pipeline(own, source), *more]

        return again

    commands = {"recorded": run("recorded-run", "--record", folder / "recorded"), "not recorded": run("plain-run")}
    compare(3, "recorded / not", commands)


def shadowing(folder, source):
    """A JSON file into Delta beside a shadow that never ends, and without."""
    wasm = builtin("delta")
    component = folder / "shadow.wasm"
    component.write_bytes(variant(wasm, "shadow"))

    def wall(name, is_shadowed):
        started = time.monotonic()
        running = Running(pipeline(folder / name, source))
        compared = 0
        if is_shadowed:
            request = {"ask": "shadow", "component": str(component), "epochs": 1_000_000, "key": None}
            try:
                for event in running.ask(request):
                    compared = event.get("epochs", compared)
            except ConnectionError:
                pass
        if running.process.wait():
            sys.exit("the pipeline failed")
        return time.monotonic() - started, compared

    ratios, epochs = [], 0
    for turn in range(3):
        beside, compared = wall(f"beside-{turn}", True)
        alone, _ = wall(f"alone-{turn}", False)
        ratios.append(beside / alone)
        epochs += compared
    print(f"  with a shadow / without   {statistics.median(ratios):.3f} wall   (of {ratios_text(ratios)}; {epochs} epochs compared)")
