"""What it costs that several pipelines share a process."""

import os
import statistics
import subprocess
import sys
import time

import changes
from measuring import BINARY, HERE

PIPELINES = 100
SETTLED_S = 15
MEASURED_S = 10
TURNS = 5
COMPONENTS = HERE.parent.parent / "target" / "components"


def cpu_s(process):
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(process):
    line = next(line for line in open(f"/proc/{process.pid}/status") if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def run(*paths):
    return subprocess.Popen([str(part) for part in (BINARY, "run", "--quiet", *paths)], stderr=subprocess.DEVNULL)


def idle(folder, _rows):
    """100 pipelines in one process: memory and share of a core, with nothing to do, and with a row a second each."""
    for name, rate in [("idle", 0.001), ("a row a second", 1)]:
        measure_idle(folder / name.replace(" ", "-"), name, rate)


def measure_idle(folder, name, rate):
    folder.mkdir()
    for number in range(PIPELINES):
        source = f'type = "generator"\nrate = {rate}'
        path = changes.pipeline(folder / f"idle-{number}", source, more="max_ms = 60_000\n")
        path.rename(folder / f"idle-{number}.toml")
    process = run(folder)
    time.sleep(SETTLED_S)
    before = cpu_s(process)
    time.sleep(MEASURED_S)
    share = (cpu_s(process) - before) / MEASURED_S
    print(f"  {PIPELINES} pipelines, {name:<15} {resident_mb(process):.0f} MB   {share * 100:.1f} % of a core")
    process.terminate()
    if process.wait():
        sys.exit("the pipelines failed")


def hostile_component():
    """tests/hostile for Delta, compiled like the built-in components."""
    command = ["cargo", "build", "--quiet", "--target", "wasm32-wasip2", "--profile", "component", "--target-dir", COMPONENTS]
    subprocess.run([*command, "--message-format", "json"], cwd=HERE.parent / "hostile" / "delta", check=True, stdout=subprocess.DEVNULL)
    return COMPONENTS / "wasm32-wasip2" / "component" / "wasm_sink_hostile_delta.wasm"


def neighbour(folder, _rows):
    """Rows per second of an honest pipeline beside one whose component traps on a row of each batch, all the time,
    against those alone."""
    hostile = changes.pipeline(
        folder / "hostile",
        'type = "generator"\nrate = 200_000',
        hostile_component(),
        '[limits]\nmax_rejected = 10_000\n[sink.config]\nfault = "trap-on-some-rows"\ntable_name = ""\n',
    )
    alone, beside = [], []
    for turn in range(TURNS):
        for name, others, rates in (("alone", [], alone), ("beside", [hostile], beside)):
            port = changes.free_port()
            honest = changes.pipeline(
                folder / f"{name}-{turn}",
                'type = "generator"\nrate = 400_000',
                more=f'[admin]\naddress = "127.0.0.1:{port}"\n',
            )
            process = run(honest, *others)
            time.sleep(4)
            before, started = changes.written(port), time.monotonic()
            time.sleep(MEASURED_S / 2)
            rates.append((changes.written(port) - before) / (time.monotonic() - started))
            process.terminate()
            process.wait()
    ratios = [one / other for one, other in zip(beside, alone)]
    shown = ", ".join(f"{ratio:.2f}" for ratio in sorted(ratios))
    print(f"  alone {statistics.median(alone):,.0f} rows/s   beside / alone {statistics.median(ratios):.3f}   (of {shown})")
