#!/usr/bin/env python3
"""kill -9 in the middle of writing, again and again: every acknowledged record is there exactly once afterwards.

  kill_rounds.py [--rounds N] [--seed N]     20 rounds; env MILLRACED and MILLRACE_TOOL name the programs

Two writers at a time: `millrace produce --journal` (a new run each round, plain and idempotent in turn), and an idempotent
producer of our own with several partitions and batches in flight, which lives through all rounds and sends again what it
was not told about.
"""
import argparse
import os
import random
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from harness.broker import Broker  # noqa: E402
from harness.checks import Checks  # noqa: E402
from journal_run import JournalRun, tool  # noqa: E402
from writers import IdempotentWriter  # noqa: E402

JOURNAL_PARTITIONS, OWN_PARTITIONS = 4, 6
SMALL_SEGMENTS = [("segment.bytes", "1048576")]  # so that kills meet rolls


def ends(client, topic, partitions):
    return [client.end_offset(topic, p) for p in range(partitions)]


def one_round(checks, broker, writer, number, chance):
    with broker.connect() as client:
        journal_starts, own_starts = ends(client, "journal", JOURNAL_PARTITIONS), ends(client, "own", OWN_PARTITIONS)
    before = writer.count()
    run = JournalRun(broker.bootstrap, broker.home, "journal", f"r{number}", idempotent=number % 2 == 1)
    run.wait_for_the_first()  # on a busy machine the tool may take long to begin
    time.sleep(chance.uniform(0.0, 1.0))
    broker.kill()
    run.end()
    came = len(run.acknowledged())
    began = time.monotonic()
    broker.start()
    took = (time.monotonic() - began) * 1000
    with broker.connect() as client:
        found = {p: dict(client.read_all("journal", p, start)) for p, start in enumerate(journal_starts)}
        wrong = run.lost_or_doubled(found) + writer.lost_or_doubled(client, own_starts)
    if came == 0:
        wrong.append(f"the tool was told of no record at all: {run.said()[-300:]}")
    if writer.failure:
        wrong.append(f"the idempotent producer: {writer.failure}")
    own = writer.count() - before
    checks.that(not wrong, f"round {number}", "; ".join(wrong) or f"{came} + {own} records acknowledged, served again after {took:.0f} ms")
    return run, came


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--seed", type=int, default=int(time.time()))
    asked = options.parse_args()
    print(f"seed {asked.seed}", flush=True)
    checks, chance, runs = Checks(), random.Random(asked.seed), []
    if not os.access(tool(), os.X_OK):
        sys.exit(f"no tool at {tool()}: build it, or set MILLRACE_TOOL")
    with Broker() as broker:
        with broker.connect() as client:
            client.make_topic("journal", JOURNAL_PARTITIONS, SMALL_SEGMENTS)
            client.make_topic("own", OWN_PARTITIONS, SMALL_SEGMENTS)
        writer = IdempotentWriter(broker.address, "own", OWN_PARTITIONS, asked.seed)
        writer.start()
        for number in range(asked.rounds):
            runs.append(one_round(checks, broker, writer, number, chance))
        writer.end()
        with broker.connect() as client:
            found = {p: dict(client.read_all("journal", p)) for p in range(JOURNAL_PARTITIONS)}
            wrong = [what for run, _ in runs for what in run.lost_or_doubled(found)]
            checks.that(not wrong, f"after all rounds, the tool's {sum(came for _, came in runs)} acknowledged records", "; ".join(wrong))
            wrong = writer.lost_or_doubled(client) + ([str(writer.failure)] if writer.failure else [])
            checks.that(not wrong, f"after all rounds, the idempotent producer's {writer.count()} records", "; ".join(wrong))
        checks.equal(broker.stop(), 0, "the broker stops cleanly")
    checks.finish()


if __name__ == "__main__":
    main()
