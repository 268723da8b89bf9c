#!/usr/bin/env python3
"""Broker CPU seconds per GB: produce (librdkafka, 1 KiB records, 1 MB batches, one partition, acks=1) and hot fetch of the
same data, Millrace and the reference broker in turn, and the pumps that say what the machine itself costs, in one run.

  cost.py [--quick] [--check] [--pairs N] [--gb X] [--fetch-bytes N] [--json FILE] [--option KEY=VALUE ...]

  --quick        2 pairs of 0.3 GB, to see that it works
  --check        fails where a target is missed: produce at most a quarter of the reference, fetch below it in every pair and
                 at most 1.25 times the sendfile pump, placed
  MILLRACE_REFERENCE  the reference broker's script (tests/harness/broker.py); without it Millrace stands alone
  MILLRACE_BENCH      where the programs are (build-release/tests/bench; make them: ninja -C build-release bench_programs)

Broker CPU: user and system time of all its threads. GB: 10^9 bytes of record values, for the plain reader
of batches. "Placed": server and client each stay on a core of their own, broker and pump alike; elsewhere the scheduler
puts the client beside the server or away from it, which alone changes what a transfer costs two- to threefold. Each pair has a new topic; what it wrote is flushed to the disk before its hot fetch, outside every measurement.
"""
import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from bench.held_memory import HeldMemory  # noqa: E402
from bench.measuring import memory_for, on_core, program, run, settle, spread  # noqa: E402
from harness import process, wire  # noqa: E402
from harness.broker import Broker, Reference, has_reference  # noqa: E402

RECORD_BYTES = 1024
PRODUCE, PLAIN, LIBRDKAFKA = "produce acks=1", "hot fetch, plain reader", "hot fetch, librdkafka"
RECEIVE, SENDFILE, ASKED = "pump: receive + CRC32C + pwrite", "pump: sendfile", "pump: sendfile, asked for"
PLACED, PLACED_PUMP = "placed: hot fetch, plain reader", "placed: pump, sendfile, asked for"
SERVER_CORE, CLIENT_CORE = 0, 1
PLACED_ROUNDS = 6  # of one pair, in turn: how often the client sleeps and is woken is luck, and costs more than the transfer
PRODUCE_RATIO_MAX, FETCH_PUMP_RATIO_MAX = 0.25, 1.25


class Figures:
    """(case, system) → one dictionary per pair: CPU seconds per GB of broker and client, GB/s."""

    def __init__(self):
        self.all = {}

    def add(self, case, system, said, cpu):
        gb = said["bytes"] / 1e9
        self.all.setdefault((case, system), []).append(
            {"cpu": cpu / gb, "client": said["client_cpu"] / gb, "rate": gb / said["seconds"]})

    def add_mean_of(self, rounds):
        for at, values in rounds.all.items():
            self.all.setdefault(at, []).append({what: statistics.fmean(one[what] for one in values) for what in values[0]})

    def of(self, case, system, what="cpu"):
        return [one[what] for one in self.all.get((case, system), [])]


def measured(figures, case, broker, *command, memory=contextlib.nullcontext()):
    settle()
    with memory:
        before = process.cpu_seconds(broker.pid)
        said = run(*command)
        time.sleep(0.05)  # answers that the client did not wait for
    if figures:
        figures.add(case, broker.name, said, process.cpu_seconds(broker.pid) - before)


def one_broker(figures, broker, topic, records, fetch_bytes, home):
    with broker.connect(60) as client:
        client.make_topic(topic)
    measured(figures, PRODUCE, broker, program("rdkafka_producer"), broker.bootstrap, topic, records, RECORD_BYTES, 1,
             memory=HeldMemory(home, memory_for(records * RECORD_BYTES)))
    measured(figures, PLAIN, broker, program("fetch_reader"), *broker.address, topic, records * RECORD_BYTES, fetch_bytes)
    measured(figures, LIBRDKAFKA, broker, program("rdkafka_consumer"), broker.bootstrap, topic, records)
    with broker.connect(60) as client:
        client.call(wire.DELETE_TOPICS, 3, wire.array([wire.string(topic)]) + (30000).to_bytes(4, "big"))


def placed(figures, broker, records, fetch_bytes, home):
    """`broker` was started on SERVER_CORE and has the records."""
    size, rounds = records * RECORD_BYTES, Figures()
    for _ in range(PLACED_ROUNDS):
        with on_core(CLIENT_CORE):
            measured(rounds, PLACED, broker, program("fetch_reader"), *broker.address, "placed", size, fetch_bytes)
        said = run(program("pump"), "asked", os.path.join(home, "pump"), size, fetch_bytes, SERVER_CORE, CLIENT_CORE)
        rounds.add(PLACED_PUMP, "pump", said, said["cpu"])
        os.remove(os.path.join(home, "pump"))
    if figures:
        figures.add_mean_of(rounds)


def pumps(figures, home, size, fetch_bytes):
    for case, mode, chunk in ((RECEIVE, "receive", 1 << 20), (SENDFILE, "sendfile", fetch_bytes), (ASKED, "asked", fetch_bytes)):
        settle()
        with HeldMemory(home, memory_for(size)):
            said = run(program("pump"), mode, os.path.join(home, "pump"), size, chunk)
        figures.add(case, "pump", said, said["cpu"])
        os.remove(os.path.join(home, "pump"))


def table(figures, systems):
    print(f"\n{'case':34} {'system':10} {'broker CPU s/GB':24} {'client CPU s/GB':24} GB/s")
    for case in (PRODUCE, PLAIN, LIBRDKAFKA, RECEIVE, SENDFILE, ASKED, PLACED, PLACED_PUMP):
        for system in (*systems, "pump"):
            if figures.of(case, system):
                columns = [spread(figures.of(case, system, "cpu")), spread(figures.of(case, system, "client"))]
                print(f"{case:34} {system:10} {columns[0]:24} {columns[1]:24} {spread(figures.of(case, system, 'rate'), 2)}")


def ratios(figures):
    """[(title, ratio of each pair, limit, whether every pair or the median must keep it)]"""
    over = lambda case, system, base_case, base: [a / b for a, b in zip(figures.of(case, system), figures.of(base_case, base))]
    found = []
    if figures.of(PRODUCE, "reference"):
        found += [("produce, Millrace / reference", over(PRODUCE, "millrace", PRODUCE, "reference"), PRODUCE_RATIO_MAX, False),
                  ("plain fetch, Millrace / reference", over(PLAIN, "millrace", PLAIN, "reference"), 1.0, True),
                  ("librdkafka fetch, Millrace / reference", over(LIBRDKAFKA, "millrace", LIBRDKAFKA, "reference"), 1.0, True)]
    return found + [("produce, Millrace / receive pump", over(PRODUCE, "millrace", RECEIVE, "pump"), None, False),
                    ("plain fetch, Millrace / sendfile pump", over(PLAIN, "millrace", SENDFILE, "pump"), None, False),
                    ("plain fetch, Millrace / pump asked for", over(PLAIN, "millrace", ASKED, "pump"), None, False),
                    ("placed fetch, Millrace / pump asked for", over(PLACED, "millrace", PLACED_PUMP, "pump"), FETCH_PUMP_RATIO_MAX, False)]


def judge(figures, asserted):
    failed = 0
    print(f"\n{'ratio of broker CPU, pair by pair':44} median (range)")
    for title, values, limit, every in ratios(figures):
        kept = limit is None or (max(values) if every else statistics.median(values)) <= limit
        failed += not kept
        aim = "" if limit is None else f"   {'met' if kept else 'MISSED'}: {'every pair' if every else 'median'} ≤ {limit}"
        print(f"{title:44} {spread(values)}{aim}")
    return 1 if failed and asserted else 0


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--check", action="store_true")
    options.add_argument("--pairs", type=int, default=5)
    options.add_argument("--gb", type=float, default=1.5)
    options.add_argument("--fetch-bytes", type=int, default=1 << 20)
    options.add_argument("--json")
    options.add_argument("--option", action="append", default=[], help="of Millrace, to see what it changes")
    asked = options.parse_args()
    if os.cpu_count() < 2:
        sys.exit("two cores are needed: one for the broker, one for its clients")
    pairs, gb = (2, 0.3) if asked.quick else (asked.pairs, asked.gb)
    records = int(gb * 1e9 / RECORD_BYTES)
    print(f"{pairs} pairs of {gb} GB; load average {os.getloadavg()[0]:.1f} before the start (a busy machine makes these figures worthless)")
    set_to = [word for pair in asked.option for word in ("--" + pair.split("=", 1)[0], pair.split("=", 1)[1])]
    figures, brokers, alone = Figures(), [Broker(options=set_to)], Broker(options=set_to)
    if has_reference():
        brokers.append(Reference())
    else:
        print("skip the reference broker: MILLRACE_REFERENCE is not set")
    with tempfile.TemporaryDirectory(prefix="millrace-cost-") as home:
        try:
            for broker in brokers:
                broker.start()
                one_broker(None, broker, "warm-up", records, asked.fetch_bytes, home)  # the reference's compiler needs it
            with on_core(SERVER_CORE):
                alone.start()
            with alone.connect(60) as client:
                client.make_topic("placed")
            run(program("rdkafka_producer"), alone.bootstrap, "placed", records, RECORD_BYTES, 1)
            placed(None, alone, records, asked.fetch_bytes, home)
            for pair in range(pairs):
                for broker in brokers:
                    one_broker(figures, broker, f"pair-{pair}", records, asked.fetch_bytes, home)
                placed(figures, alone, records, asked.fetch_bytes, home)
                pumps(figures, home, records * RECORD_BYTES, asked.fetch_bytes)
                print(f"pair {pair}: " + "; ".join(f"{case}, {system}: {values[-1]['cpu']:.3f} s/GB"
                                                   for (case, system), values in figures.all.items()), flush=True)
        finally:
            for broker in (*brokers, alone):
                broker.close()
    table(figures, [broker.name for broker in brokers])
    if asked.json:
        with open(asked.json, "w") as file:
            json.dump([{"case": case, "system": system, "pairs": values} for (case, system), values in figures.all.items()], file, indent=1)
    sys.exit(judge(figures, asked.check))


if __name__ == "__main__":
    main()
