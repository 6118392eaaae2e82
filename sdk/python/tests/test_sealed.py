"""What a component has not: asked for in a process of its own, which is sealed as a component is."""

from __future__ import annotations

import json
import subprocess
import sys
import unittest
from pathlib import Path

SDK = Path(__file__).parents[1]

SCRIPT = """
import json, os, sys
out = sys.stdout
from wasm_sink import log, sealed
# In 3.14, nothing has loaded it here.
sys.modules.pop("random", None)
sealed.cover()
import io, logging, queue, random, socket, threading, time, uuid
from datetime import date, datetime
from random import random as chance, shuffle
from time import time as now
lock = threading.Lock()
lock.acquire()
before = [now() > 0, datetime.now().year > 2000, date.today().year > 2000, len(time.strftime("%Y")), chance() < 1]
sealed.seal()
lines = []
log._write = lambda level, words: lines.append([level, *words])

asked = {
    "now()": now,
    "datetime.now()": datetime.now,
    "datetime.today()": datetime.today,
    "date.today()": date.today,
    "time.localtime()": time.localtime,
    "time.strftime()": lambda: time.strftime("%Y"),
    "time.sleep()": lambda: time.sleep(0),
    "lock": lock.acquire,
    "with lock": lambda: lock.__enter__(),
    "event": threading.Event().wait,
    "chance()": chance,
    "shuffle()": lambda: shuffle([1, 2]),
    "random.choice()": lambda: random.choice([1]),
    "random.seed()": lambda: random.seed(1),
    "Random()": random.Random,
    "SystemRandom": random.SystemRandom().random,
    "uuid": uuid.uuid4,
    "queue": queue.SimpleQueue().get,
    "thread": threading.Thread().start,
    "connection": lambda: socket.create_connection(("localhost", 1)),
    "socket": socket.socket,
    "open()": lambda: io.open("x"),
    "input()": input,
    "import": lambda: __import__("wave"),
}
said = {}
for name, call in asked.items():
    try:
        said[name] = ["it gave", repr(call())]
    except (OSError, ImportError) as error:
        said[name] = [type(error).__name__, str(error)]

rest = [time.gmtime(0)[0], time.strftime("%Y", time.gmtime(0)), datetime.fromtimestamp(1_000_000).year, lock.acquire(False)]
rest.append(random.Random(1).random())
print("printed", "in parts")
sys.stdout.buffer.write(b"bytes\\n")
sys.__stderr__.write("unfinished")
os.write(2, b", and ended\\n")
logging.getLogger("x").error("logged %d", 1)
rest.append(logging.Formatter("%(asctime)s").format(logging.makeLogRecord({}))[:4] in ("1969", "1970"))
sealed.end_lines()
out.write(json.dumps({"before": before, "said": said, "rest": rest, "lines": lines}))
out.flush()
"""


class Sealed(unittest.TestCase):
    def test_what_is_not_there_is_told(self) -> None:
        ran = subprocess.run(
            [sys.executable, "-B", "-c", SCRIPT], cwd=SDK, capture_output=True, text=True, check=False, timeout=60
        )
        self.assertEqual(ran.returncode, 0, ran.stderr)
        found = json.loads(ran.stdout)
        self.assertEqual(found["before"], [True, True, True, 4, True])
        clock, alone = "a component has no clock", "a component runs alone"
        by_chance = "a component has no randomness"
        for name, words in (
            ("now()", f"time.time: {clock}"),
            ("datetime.now()", f"datetime.now: {clock}"),
            ("datetime.today()", f"date.today: {clock}"),
            ("date.today()", f"date.today: {clock}"),
            ("time.localtime()", f"time.localtime: {clock}"),
            ("time.strftime()", f"time.strftime: {clock}"),
            ("time.sleep()", "time.sleep: a component cannot wait"),
            ("lock", f"lock.acquire: {alone}"),
            ("with lock", f"lock.__enter__: {alone}"),
            ("event", f"lock.acquire: {alone}"),
            ("chance()", f"random.random: {by_chance}"),
            ("shuffle()", f"random.shuffle: {by_chance}"),
            ("random.choice()", f"random.choice: {by_chance}"),
            ("random.seed()", f"random.seed: {by_chance}"),
            ("Random()", f"random.Random without a seed: {by_chance}"),
            ("SystemRandom", f"os.urandom: {by_chance}"),
            ("uuid", f"os.urandom: {by_chance}"),
            ("queue", f"queue.SimpleQueue.get: {alone}"),
            ("thread", "threading.Thread.start: a component has no threads"),
            ("connection", "socket.create_connection: a component has no network"),
            ("socket", "socket.socket: a component has no network"),
            ("open()", "io.open: a component has no files"),
            ("input()", "input: a component has no input"),
        ):
            with self.subTest(name):
                kind, said = found["said"][name]
                self.assertEqual(kind, "NotHere")
                self.assertTrue(said.startswith(words), said)
        self.assertIn("`import wave` comes too late", found["said"]["import"][1])
        self.assertEqual(found["rest"], [1970, "1970", 1970, False, 0.13436424411240122, True])
        self.assertEqual(
            found["lines"],
            [
                ["INFO", "printed in parts"],
                ["INFO", "bytes"],
                ["WARN", "unfinished, and ended"],
                ["ERROR", "logged 1"],
            ],
        )


if __name__ == "__main__":
    unittest.main()
