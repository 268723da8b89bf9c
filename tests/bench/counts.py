#!/usr/bin/env python3
"""The regression gate: what requests cost in counts, each beside the one that is kept in expected_counts.json.

  counts.py [--write] [--only WORD]     `tools/test bench` builds what it needs and runs it

  --write       keeps what is found, and shows what changes; a deliberate act, to be committed with its reason
  --only WORD   the counts whose title has the word

Time is noisy and counts are not: instructions per request come from valgrind, on a whole broker in a simulated world, calls and punts
from the kernel's trace of a real one, copies and flushes from its counters. A count above its band fails. One below it passes
and says so: keep it, so that it stays. Instructions belong to a compiler and a C library; where those differ they are skipped.
"""
import argparse
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from bench import instruction_counts, kernel_counts  # noqa: E402
from harness.broker import TREE  # noqa: E402
from harness.checks import Checks  # noqa: E402

KEPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expected_counts.json")
BAND = 0.05
EVENTS_FREE = 3  # of a whole load: a timer that fires meanwhile, a file that grows
# A disk that makes a write sleep makes the broker write by the ring for a while. What disturbs only adds, so where a count is too
# high the loads run again, on a new broker, and the least counts.
RUNS_MAX = 3
BUILT_WITH = "built with"


def program():
    return os.environ.get("MILLRACE_REQUEST_COUNTS") or os.path.join(TREE, "build-release/tests/bench/request_counts")


def kept():
    if not os.path.exists(KEPT):
        return {}
    with open(KEPT) as file:
        return json.load(file)


def profile_command(title):
    for case, what in instruction_counts.CASES.items():
        if title == instruction_title(case):
            return "callgrind_annotate " + os.path.relpath(instruction_counts.profile_path(program(), case))
    return f"python3 tests/bench/counts.py --only '{title.split(':')[0]}' while: perf trace -s -p PID, or perf record -g -p PID"


def instruction_title(case):
    return f"{instruction_counts.CASES[case]}: instructions per request"


def allowed(expected, slack):
    return max(BAND * expected, slack)


class Gate:
    def __init__(self, asked):
        self.asked, self.checks, self.kept, self.found = asked, Checks(), kept(), {}

    def wants(self, title):
        return not self.asked.only or self.asked.only in title

    def take(self, title, value, slack=0.0):
        """`slack`: what a few events more or less change."""
        if not self.wants(title):
            return
        self.found[title] = float(f"{value:.5g}")
        expected = self.kept.get(title)
        if self.asked.write:
            return
        if expected is None:
            self.checks.that(False, title, f"found {value:.4g}, nothing is kept: tools/test bench --write")
            return
        band = allowed(expected, slack)
        change = f"{value / expected - 1:+.1%}" if expected else "from none"
        told = f"{value:.6g}, kept {expected:.6g} ({change})"
        if value > expected + band:
            self.checks.that(False, title, f"{told}, allowed up to {expected + band:.6g}; where it goes: {profile_command(title)}")
        elif value < expected - band:
            self.checks.that(True, title, f"{told}: better than kept; keep it: tools/test bench --write")
        else:
            self.checks.that(True, title, told)

    def skip(self, title, why):
        if self.wants(title):
            self.checks.skip(title, why)

    def instructions(self):
        titles = [instruction_title(case) for case in instruction_counts.CASES]
        why, built_with = instruction_counts.available(), None
        if not why:
            built_with = instruction_counts.built_with(program())
            if not self.asked.write and self.kept.get(BUILT_WITH) not in (None, built_with):
                why = f"kept for {self.kept[BUILT_WITH]}, this is {built_with}"
        if why:
            for title in titles:
                self.skip(title, why)
            return
        self.found[BUILT_WITH] = built_with
        for case, title in zip(instruction_counts.CASES, titles):
            if self.wants(title):
                self.checks.run(title, lambda: self.take(title, instruction_counts.count(program(), case)))

    def calls(self):
        least = {}
        for _ in range(RUNS_MAX):
            try:
                rows = kernel_counts.all_rows()
            except OSError as why:
                self.skip("calls, punts, copies and flushes", f"no kernel trace: {why}")
                return
            for title, (events, per) in rows.items():
                value, _ = least.get(title, (events / per, 0))
                least[title] = min(value, events / per), EVENTS_FREE / per
            if not self.asked.write and not any(self.too_high(title, *one) for title, one in least.items()):
                break
        for title, (value, slack) in least.items():
            self.take(title, value, slack)

    def too_high(self, title, value, slack):
        expected = self.kept.get(title)
        return expected is not None and self.wants(title) and value > expected + allowed(expected, slack)

    def write(self):
        for title, value in self.found.items():
            before = self.kept.get(title)
            if before != value:
                print(f"{title}: {'nothing' if before is None else before} → {value}")
        with open(KEPT, "w") as file:
            json.dump({**self.kept, **self.found}, file, indent=1, ensure_ascii=False)
            file.write("\n")
        self.checks.that(len(self.found) > 1, f"{len(self.found)} counts are kept in {os.path.relpath(KEPT)}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--write", action="store_true")
    options.add_argument("--only", default="")
    gate = Gate(options.parse_args())
    gate.instructions()
    gate.checks.run("calls, punts, copies and flushes", gate.calls)
    if gate.asked.write:
        gate.write()
    gate.checks.finish()


if __name__ == "__main__":
    main()
