#!/usr/bin/env python3
"""Crashes, simulated and real: what was acknowledged has to be there afterwards. tools/test crash calls it.

  run.py [--short] [--states N] [--kills N] [--cuts N] [--replays N] [--seed N]

Simulated: crash_hunt on whole brokers, two at a time, until N crash states were started and read. Real: kill_rounds.py, and
power_rounds.py on a loop-mounted ext4 and XFS (root), and replay_rounds.py on states made from a log of the writes to such a file
system's device. Then mutations.py, which demands that the hunt finds each known way to lose
what was promised. --short is for a quick look. The counts are those of docs/durability.md; the last line is "N passed, N failed",
with ", N skipped" where true.
"""
import argparse
import json
import os
import random
import re
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))
from harness.checks import SKIPPED_STATUS  # noqa: E402

BUILD = os.path.join(ROOT, "build-release")
SEEDS_APART = 1_000_000_000  # more than a hunt gets through


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.Lock()

    def tell(self, ok, line):
        with self.lock:
            self.passed, self.failed = self.passed + ok, self.failed + (not ok)
            print(f"{'ok  ' if ok else 'FAIL'} {line}", flush=True)

    def skip(self, line):
        with self.lock:
            self.skipped += 1
            print(f"skip {line}", flush=True)


def beside_each_other(*works):
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


CLEANUP_RUNS = 10  # in fewer, none may be of the kind that is cleaned, or live for long enough


def simulated(tally, states, seconds, first):
    """Two hunts with seeds of their own; states is their sum."""
    sums, began = {}, time.monotonic()

    def one(number):
        command = [os.path.join(BUILD, "tests/crash/crash_hunt"), "--seeds", str(first + number * SEEDS_APART), str(SEEDS_APART),
                   "--states", str((states + 1) // 2), "--seconds", str(seconds)]
        ended = subprocess.run(command, capture_output=True, text=True)
        lines = ended.stdout.strip().splitlines()
        if ended.returncode or not lines:
            tally.tell(False, "a hunt: " + "\n     ".join(lines[-8:] or [ended.stderr[-500:]]))
        for name, value in (json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}).items():
            sums[name] = sums.get(name, 0) + value

    beside_each_other(lambda: one(0), lambda: one(1))
    if not sums:
        return 0
    print(f"     simulated: {sums['states']} crash states ({sums['power_cuts']} power cuts, {sums['kills']} kills; {sums['distinct']} of "
          f"the disks differ; {sums['cut_again']} were cut again while they started, in {sums['went_on']} producers went on) of {sums['runs']} "
          f"runs with {sums['crashes']} crashes of their own; {sums['acknowledged']} records, {sums['deletions']} deletions, {sums['commits']} "
          f"commits, {sums['member_commits']} of members and {sums['topic_changes']} topic changes acknowledged, {sums['keyed']} of keys, of which "
          f"{sums['compactions']} rounds of compaction took some, {sums['aged']} gone by retention, {sums['read_back']} records read back; "
          f"{time.monotonic() - began:.0f} s")
    wanted = ["deletions", "commits", "member_commits", "topic_changes", "keyed"]
    if sums["runs"] >= CLEANUP_RUNS:
        wanted += ["compactions", "aged"]
    unheard = [name for name in wanted if not sums[name]]
    tally.tell(not unheard, "every kind of client was acknowledged something" + (f", but {', '.join(unheard)}" if unheard else ""))
    tally.tell(sums["wrong"] == 0 and sums["states"] >= states, f"{sums['states']} simulated crash states, {states} wanted")
    return sums["states"]


def real(tally, what, script, *options):
    """How many of its rounds went well."""
    ended = subprocess.run([sys.executable, os.path.join(HERE, script), *options], capture_output=True, text=True)
    if ended.returncode == SKIPPED_STATUS:
        tally.skip(f"{what}: {ended.stdout.strip().splitlines()[-1:]}")
        return 0
    rounds = len(re.findall(r"^ok +(?:round|power cut) \d+", ended.stdout, re.MULTILINE))
    rounds += sum(int(count) for count in re.findall(r"^ok .* in (\d+) states", ended.stdout, re.MULTILINE))
    if ended.returncode:
        wrong = [line for line in ended.stdout.splitlines() if line.startswith("FAIL")]
        print("\n".join(["seed: " + ended.stdout.split("\n", 1)[0], *wrong[:5], ended.stderr[-500:]]))
    tally.tell(ended.returncode == 0, f"{what}: {rounds} rounds")
    return rounds


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--short", action="store_true")
    options.add_argument("--states", type=int)
    options.add_argument("--kills", type=int)
    options.add_argument("--cuts", type=int, help="two thirds of them on ext4, one on XFS")
    options.add_argument("--replays", type=int, help="two thirds of them on ext4, one on XFS")
    options.add_argument("--seed", type=int, default=random.randrange(1, SEEDS_APART))
    asked = options.parse_args()
    states, kills, cuts = (asked.states or (4000 if asked.short else 100_000), asked.kills or (4 if asked.short else 120),
                           asked.cuts or (3 if asked.short else 90))
    replays = asked.replays or (6 if asked.short else 240)
    print(f"seed {asked.seed}", flush=True)
    tally, began = Tally(), time.monotonic()
    tried = simulated(tally, states, 60 if asked.short else 900, asked.seed)
    counts = [0, 0, 0]
    seed = ("--seed", str(asked.seed))

    def all_kills():
        counts[0] = real(tally, "kill -9", "kill_rounds.py", "--rounds", str(kills), *seed)
        for kind, states in (("ext4", replays - replays // 3), ("xfs", replays // 3)):
            counts[2] += real(tally, f"states from a log of the writes to {kind}", "replay_rounds.py", "--file-system", kind, "--states", str(states), *seed)

    def all_cuts():
        on_ext4 = cuts - cuts // 3
        counts[1] = real(tally, "power cuts on ext4", "power_rounds.py", "--rounds", str(on_ext4), *seed)
        counts[1] += real(tally, "power cuts on XFS", "power_rounds.py", "--file-system", "xfs", "--rounds", str(cuts - on_ext4), *seed)

    beside_each_other(all_kills, all_cuts)
    if not asked.short:
        found = subprocess.run([sys.executable, os.path.join(HERE, "mutations.py"), BUILD])
        tally.tell(found.returncode == 0, "every kept mutation is found")
    print(f"     {tried} simulated crash states, {counts[0]} real kills, {counts[1]} real power cuts, {counts[2]} states from write logs; took {time.monotonic() - began:.0f} s")
    skipped = f", {tally.skipped} skipped" if tally.skipped else ""
    print(f"{tally.passed} passed, {tally.failed} failed{skipped}")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
