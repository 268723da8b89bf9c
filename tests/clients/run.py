#!/usr/bin/env python3
"""Runs real Kafka clients against a broker: every cell client × version × scenario of manifest.json, each counted.

  run.py [--list] [--only PATTERN] [--keep] [--write-docs] [--build-java]
    --list         name the cells and stop
    --only PATTERN only the cells whose "client version scenario" contains PATTERN, or matches it as a glob
    --keep         keep the work directory (logs, tool output, the broker's data) even when all pass
    --write-docs   put the matrix into docs/compatibility.md, after a run of all cells that has passed
    --build-java   fetch and compile the Java programs, print their class path and stop

Environment:
  MILLRACE_BOOTSTRAP  host:port of a running broker; unset: start one on a free port and a new directory
  MILLRACE_LOG_DIR    the data directory of that running broker, for the cell that dumps its segments
  MILLRACED           the broker to start (default: build-release/src/broker/millraced of this tree)

Each cell prints `ok` or `FAIL`, client, version, scenario and seconds. A cell whose toolchain is missing or too old fails and
names it. Then comes the matrix of clients and scenarios, with what docs/compatibility.md says otherwise: to claim there what did not
pass is a failure. The last line is `N passed, N failed`; exit status 0 only if nothing failed and something passed.
Clients are installed under ${XDG_CACHE_HOME:-~/.cache}/millrace-clients, never in the tree.
"""

import argparse
import concurrent.futures
import fnmatch
import json
import os
import shutil
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "python")]

from suite import broker, matrix, scenarios, toolchain, tools  # noqa: E402


def incomplete(manifest):
    """What the manifest forgets: each client must have, or give a reason to lack, every scenario that another client has."""
    drivers = [c for c in manifest["clients"] if "driver" not in c]
    every = {s for c in drivers for s in c["scenarios"]}
    gaps = []
    for c in drivers:
        own = {f"cross_read/{c['name']}"}
        reasoned = {s for s in every if matrix.reason_against(c, s)}
        lacking = every - set(c["scenarios"]) - reasoned - own
        gaps += [f"{c['name']} lacks {s} and gives no reason" for s in sorted(lacking)]
        gaps += [f"{c['name']} is read by nobody"] * (f"cross_read/{c['name']}" not in every)
    return gaps + [f"{n} is not in the manifest" for n in toolchain.INSTALL if n not in {c["name"] for c in manifest["clients"]}]


def cells_of(manifest, pattern):
    """Ordered so that each client's own cells come first, then what others wrote, then the tools, deletions, groups last."""
    late = lambda s: 3 if s.startswith(WAITING) else 1 if s.startswith("cross_read/") else 2 if s == "delete_recreate" else 0
    cells = [(c, s) for c in manifest["clients"] for s in c["scenarios"]]
    cells.sort(key=lambda cell: (late(cell[1]), "driver" in cell[0]))
    title = lambda c, s: f"{c['name']} {c['version']} {s}"
    fits = lambda text: pattern is None or pattern in text or fnmatch.fnmatch(text, pattern)
    return [(c, s) for c, s in cells if fits(title(c, s))]


# Cells of groups and of whole applications mostly wait, so this many clients have theirs at the same time, after all other cells.
WAITING = ("group_", "streams_", "connect_")
GROUP_CLIENTS = 4


def phases(cells):
    """(cells to run one after the other, then lists of a client's cells, the lists at the same time)."""
    grouped = lambda cell: cell[1].startswith(WAITING)
    owners = list(dict.fromkeys(client["name"] for client, _ in filter(grouped, cells)))
    owners.sort(key=lambda name: name not in SLOW)
    return [c for c in cells if not grouped(c)], [[c for c in cells if grouped(c) and c[0]["name"] == o] for o in owners]


SLOW = ("kafka-clients", "kafka-streams", "kafka-connect", "kcat", "aiokafka")


def install_all(names):
    """name -> (command, environment), or the exception that says what is missing."""

    def one(name):
        try:
            return toolchain.INSTALL[name]()
        except toolchain.Missing as e:
            return e
        except Exception as e:
            return RuntimeError(f"could not be installed: {e}")

    families = [[n for n in names if n in f] for f in FAMILIES]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda family: [(n, one(n)) for n in family], families)
    return dict(pair for family in done for pair in family)


# Clients that share an installation, or Debian's package lock, are installed one after the other.
FAMILIES = [
    ("kcat", "librdkafka", "confluent-kafka-python", "aiokafka"),
    ("kafka-clients", "kafka-streams", "kafka-connect"),
    ("franz-go", "sarama"),
    ("kafkajs",),
]


def run_cell(c, kafka_tools, client, scenario):
    """None, or the reason why the cell fails."""
    try:
        if "driver" in client:
            got = c.ask(client["driver"], "version")
            assert got == client["version"], f"{client['name']} is {got}, the manifest says {client['version']}"
            getattr(kafka_tools, scenario)()
        else:
            scenarios.run(c, client["name"], scenario)
    except Exception as e:
        return str(e).replace("\n", " ") or type(e).__name__
    return None


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--list", action="store_true")
    options.add_argument("--only", metavar="PATTERN")
    options.add_argument("--keep", action="store_true")
    options.add_argument("--write-docs", action="store_true")
    options.add_argument("--build-java", action="store_true")
    asked = options.parse_args()
    if asked.write_docs and asked.only:
        options.error("--write-docs needs all cells, so it goes without --only")
    if asked.build_java:
        print(toolchain.java_class_path())
        return 0
    with open(os.path.join(HERE, "manifest.json")) as f:
        manifest = json.load(f)
    gaps = incomplete(manifest)
    cells = cells_of(manifest, asked.only)
    if asked.list:
        for client, scenario in cells:
            print(client["name"], client["version"], scenario)
        return 0

    work = tempfile.mkdtemp(prefix="millrace-clients-")
    failed = [f"manifest: {gap}" for gap in gaps]
    for gap in failed:
        print("FAIL", gap, flush=True)
    began = time.monotonic()
    installed = install_all(list(toolchain.INSTALL))
    print(f"clients installed in {time.monotonic() - began:.1f}s", flush=True)
    passed, under_test, broken, results = 0, None, None, {}
    try:
        under_test = broker.Broker(work)
    except RuntimeError as e:
        broken = str(e)
    c = under_test and scenarios.Context(manifest, under_test, installed, work, f"suite{int(time.time()):x}")
    kafka_tools = c and tools.Tools(c)
    lock = threading.Lock()

    def one(cell):
        nonlocal passed
        client, scenario = cell
        cell_began = time.monotonic()
        reason = broken or run_cell(c, kafka_tools, client, scenario)
        title = f"{client['name']} {client['version']} {scenario} {time.monotonic() - cell_began:.1f}s"
        with lock:
            results[client["name"], scenario] = reason is None
            if reason is None:
                passed += 1
                print("ok", title, flush=True)
            else:
                failed.append(title)
                print("FAIL", title, reason[:1000], flush=True)

    in_turn, at_once = phases(cells)
    for cell in in_turn:
        one(cell)
    with concurrent.futures.ThreadPoolExecutor(GROUP_CLIENTS) as pool:
        list(pool.map(lambda own: [one(cell) for cell in own], at_once))
    if c:
        c.stop()
        ending = under_test.stop()
        if ending:
            failed.append(ending)
            print("FAIL", ending, flush=True)
    table = matrix.Matrix(manifest, results)
    print(table.text())
    if asked.write_docs and not failed:
        matrix.write(table)
    claimed, differing = matrix.compare(table, whole=not asked.only)
    for wrong in claimed:
        print("FAIL", wrong, flush=True)
    failed += [wrong for wrong in claimed if wrong.endswith("of the manifest")]  # a cell that failed is counted already
    print(*differing, sep="\n", end="\n" if differing else "")
    print(f"{time.monotonic() - began:.0f}s in all")
    if failed or asked.keep:
        print(f"logs are in {work}")
    else:
        shutil.rmtree(work)
    print(f"{passed} passed, {len(failed)} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
