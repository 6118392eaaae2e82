"""Kafka: a broker for a while, topics of JSON records, and what reads them."""

import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from measuring import BINARY, CACHE, HERE, KAFKA_COPY, measure

RECORDS = 5_000_000
SETUP = HERE.parent / "setup.sh"


class Broker:
    """Runs as long as the `with` lasts, over a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        found = subprocess.run(["bash", SETUP, "kafka"], check=True, capture_output=True, text=True)
        self.home = Path(found.stdout.strip().split("=", 1)[1])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            # Seven in a row; below those that the system gives to clients.
            self.port = 16_000 + probe.getsockname()[1] % 1_000 * 10

    def __enter__(self):
        self.folder.mkdir()
        log = open(self.folder / "log", "w+")
        self.process = subprocess.Popen(
            [HERE.parent / "harness" / "kafka_broker.sh", self.folder / "broker", str(self.port)],
            stdout=log,
            stderr=log,
            env={**os.environ, "KAFKA_HOME": str(self.home), "KAFKA_JVM_OPTIONS": "-Xms1g -Xmx1g"},
            start_new_session=True,
        )
        while "Kafka Server started" not in (self.folder / "log").read_text():
            if self.process.poll() is not None:
                sys.exit("Kafka did not start:\n" + (self.folder / "log").read_text())
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def servers(self):
        return f"127.0.0.1:{self.port}"

    def tool(self, name, *arguments):
        """A command line of a tool that comes with the broker."""
        classes = self.home / "jars" / "*"
        log = self.home / "log4j2.properties"
        java = ["java", "-Xmx512m", f"-Dlog4j2.configurationFile={log}", "-cp", str(classes)]
        return [*java, f"org.apache.kafka.tools.{name}", *map(str, arguments)]

    def ask(self, name, *arguments):
        ran = subprocess.run(self.tool(name, *arguments), capture_output=True, text=True)
        if ran.returncode:
            sys.exit(f"{name} failed:\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    def topic(self, name, partitions, records):
        """A topic of JSON records of about 200 bytes."""
        create = ["--create", "--topic", name, "--partitions", partitions]
        self.ask("TopicCommand", "--bootstrap-server", self.servers, *create)
        written = ["--topic", name, "--num-records", records, "--throughput", -1, "--payload-file", payloads()]
        settings = [f"bootstrap.servers={self.servers}", "batch.size=262144", "linger.ms=20", "acks=1"]
        self.ask("ProducerPerformance", *written, "--producer-props", *settings)


def payloads():
    """Lines that the producer chooses from."""
    path = CACHE / "bench-payloads.jsonl"
    if not path.exists():
        countries = ["DE", "FR", "JP", "US", "BR", "KE"]
        part = path.with_suffix(".part")
        with open(part, "w") as out:
            for n in range(20_000):
                out.write(
                    f'{{"id":{n + 1_000_000},"at":"2026-03-{1 + n % 28:02}T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}Z",'
                    f'"user":"u{n * 7919 % 100_000}","country":"{countries[n % 6]}","amount":{n * 31 % 100_000 / 100},'
                    f'"status":"shipped","note":"order {n} of many, with a text that makes it longer"}}\n'
                )
        part.rename(path)
    return path


def pipeline(folder, broker, topic, source, sink):
    folder.mkdir(parents=True)
    path = folder / "pipeline.toml"
    path.write_text(
        f'name = "{folder.name}"\n\n[connections.broker]\ntype = "kafka"\n"bootstrap.servers" = "{broker.servers}"\n\n'
        f'[source]\nconnection = "broker"\ntopics = ["{topic}"]\nuntil = "latest"\n{source}\n\n{sink}\n'
    )
    return path


DISCARD = '[sink]\ncomponent = "discard"'
DELTA = '[sink]\ncomponent = "delta"\nconnection = "lake"\n\n[connections.lake]\ntype = "delta"\npath = "lake"'


def their_rate(broker, topic, turn):
    """Records per second of Kafka's own consumer, as it counts them: without its start."""
    said = broker.ask(
        "ConsumerPerformance", "--bootstrap-server", broker.servers, "--topic", topic,
        "--messages", RECORDS, "--group", f"theirs-{turn}", "--timeout", 60_000,
    )
    columns, values = [line.split(", ") for line in said.strip().splitlines() if ", " in line][:2]
    by_name = dict(zip((column.strip() for column in columns), values))
    return float(by_name["nMsg.sec"]), float(by_name["fetch.nMsg.sec"])


def to_discard(folder, _rows):
    """Kafka into the component that keeps none, and Kafka's own ConsumerPerformance, from one broker: 5M JSON records."""
    with Broker(folder / "broker") as broker:
        broker.topic("orders", 16, RECORDS)
        ratios = {"bytes": [], "json": []}
        for turn in range(3):
            rate, fetching = their_rate(broker, "orders", turn)
            print(f"  theirs               {rate / 1e6:6.2f} M records/s ({fetching / 1e6:.2f} while it fetches)")
            for kind in ratios:
                path = pipeline(folder / f"{kind}-{turn}", broker, "orders", f'format = "{kind}"', DISCARD)
                ours = measure(BINARY, "run", "--quiet", path)
                ratios[kind].append(RECORDS / ours.wall_s / rate)
                print(f"  {kind:<20} {RECORDS / ours.wall_s / 1e6:6.2f} M records/s   {ours}")
        for kind, all in ratios.items():
            print(f"  {kind} / theirs  {statistics.median(all):.3f} of its records/s")


def to_delta(folder, _rows):
    """Kafka into Delta: CPU per record, and from the start of the process to the first commit with rows."""
    with Broker(folder / "broker") as broker:
        broker.topic("orders", 16, RECORDS)
        for turn in range(3):
            path = pipeline(folder / f"delta-{turn}", broker, "orders", 'format = "json"', DELTA)
            ours = measure(BINARY, "run", "--quiet", path)
            print(f"  {ours}   {ours.cpu_s / RECORDS * 1e6:.2f} us of CPU per record")
        path = pipeline(folder / "first", broker, "orders", 'format = "json"', DELTA)
        log = folder / "first" / "lake" / "_delta_log"
        started = time.monotonic()
        process = subprocess.Popen([BINARY, "run", "--quiet", path], stdout=subprocess.DEVNULL)
        while process.poll() is None and not any('"add"' in entry.read_text() for entry in log.glob("*.json")):
            time.sleep(0.005)
        print(f"  first commit         {time.monotonic() - started:7.2f} s after the start")
        if process.wait():
            sys.exit("the pipeline failed")


def to_kafka(folder, _rows):
    """Kafka into Kafka, exactly once, and a copy by hand without transactions: 5M records as they are. JSON, too."""
    with Broker(folder / "broker") as broker:
        broker.topic("orders", 16, RECORDS)
        ratios = []
        for turn in range(3):
            by_hand = f"by-hand-{turn}"
            create = ["--create", "--partitions", 16, "--topic"]
            for topic in (by_hand, f"bytes-{turn}", f"json-{turn}"):
                broker.ask("TopicCommand", "--bootstrap-server", broker.servers, *create, topic)
            theirs = measure(KAFKA_COPY, broker.servers, by_hand, "orders", by_hand)
            print(f"  by hand, at least once {theirs}")
            for kind in ("bytes", "json"):
                sink = '[sink]\ncomponent = "kafka"\nconnection = "broker"\n\n[sink.config]\n'
                sink += f'topic = "{kind}-{turn}"\nformat = "{kind}"'
                path = pipeline(folder / f"{kind}-{turn}", broker, "orders", f'format = "{kind}"', sink)
                ours = measure(BINARY, "run", "--quiet", path)
                print(f"  {kind}, exactly once    {ours}")
                if kind == "bytes":
                    ratios.append(ours.wall_s / theirs.wall_s)
            for topic in (by_hand, f"bytes-{turn}", f"json-{turn}"):
                broker.ask("TopicCommand", "--bootstrap-server", broker.servers, "--delete", "--topic", topic)
        print(f"  bytes / by hand      {statistics.median(ratios):.3f} of its wall time")


def memory(folder, _rows):
    """Kafka into Delta from 1, 16 and 256 partitions: peak memory."""
    with Broker(folder / "broker") as broker:
        for partitions in (1, 16, 256):
            topic = f"of-{partitions}"
            broker.topic(topic, partitions, RECORDS // 5)
            path = pipeline(folder / topic, broker, topic, 'format = "json"', DELTA)
            print(f"  {partitions:>3} partitions       {measure(BINARY, 'run', '--quiet', path)}")
