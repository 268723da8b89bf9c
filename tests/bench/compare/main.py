#!/usr/bin/env python3
"""Millrace beside the reference broker: the rows of tests/bench/compare/cases.py, the sides of each in turn, and whether their
targets are reached. tools/compare builds what this needs and calls it.

  tools/compare [--quick] [--case ID ...] [--rounds N] [--results DIR] [--list] [--no-build]

  --quick        the rows that fit into five minutes, with less data and one to three rounds; otherwise all, with five
  --case ID      only these rows, whether they are quick or not; several with commas
  --rounds N     exactly so many
  --results DIR  where table.md, figures.json and page.html go (compare-results)
  --list         names the rows and their targets, and stops
  --no-build     takes the programs that are there

The reference is fetched from Maven Central (tests/clients/java/pom.xml) and started here; MILLRACE_REFERENCE names a script that starts
another (tests/harness/broker.py). Ctrl-C ends the measurements; what was measured is printed and written.
Exit status: 0 whatever the figures say, 1 if a side could not be measured, 2 wrong usage, 130 after Ctrl-C.
"""
import argparse
import json
import os
import platform
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from bench.compare import cases, page, report, rivals, warm_up  # noqa: E402
from bench.compare.stage import Stage  # noqa: E402
from harness.broker import has_reference  # noqa: E402

QUICK_SECONDS, QUICK_ROUNDS_MAX, ROUNDS = 250, 3, 5  # the last row may take longer than it was given
FAILED_WHY_MAX = 300


class Schedule:
    """How many rounds a row gets. Quick ones share what is left of the time: as many as fit, one at least while there is any."""

    def __init__(self, quick, rounds, rows, now):
        self.quick, self.rounds, self.left, self.now = quick, rounds, rows, now
        self.end = now() + QUICK_SECONDS if quick and not rounds else None

    def row(self, row):
        self.taken, self.began = 0, self.now()
        self.row_end = self.began + (self.end - self.began) / self.left if self.end else None
        self.rounds_max = self.rounds or min(row.rounds_max, QUICK_ROUNDS_MAX if self.quick else ROUNDS)
        self.left -= 1

    def another(self):
        """Whether a round more fits; called before each."""
        if self.taken >= self.rounds_max:
            return False
        each = (self.now() - self.began) / self.taken if self.taken else 0
        if self.end and (self.now() >= self.end or self.now() + each > self.row_end and self.taken):
            return False
        self.taken += 1
        return True


def measure(row, stage, schedule, result):
    schedule.row(row)
    try:
        while schedule.another():
            for side in row.sides:
                if side.name in result["failed"]:
                    continue
                try:
                    result["rounds"].setdefault(side.name, []).append(side.load(stage, side.broker or side.name))
                except (Exception, SystemExit) as why:  # a program that is missing ends others, not this one
                    result["failed"][side.name] = f"{type(why).__name__}: {why}".replace("\n", " ")[:FAILED_WHY_MAX]
        if not schedule.taken:
            result["failed"].update({side.name: "no time was left" for side in row.sides})
    finally:
        if row.topics:
            row.topics.forget(stage)


def progress(result):
    for one in report.judged(result):
        print(f"{result['id']:4}{result['what'][:70]:72}{one.target.text()[:76]:78}{report.figures.spread(one.values):24}{report.verdict(one, result)}", flush=True)


def machine(rounds, quick):
    with open("/proc/meminfo") as lines:
        memory = int(next(lines).split()[1]) >> 20
    return {"cores": os.cpu_count(), "memory": f"{memory} GiB", "kernel": platform.release().split("-")[0], "load average before": f"{os.getloadavg()[0]:.1f}",
            "reference": "by MILLRACE_REFERENCE" if has_reference() else "Apache Kafka as tests/clients/java/pom.xml pins it, 1 GiB of heap",
            "mode": "quick: little data, few rounds" if quick else f"{rounds or ROUNDS} rounds"}


def write(results, facts, folder):
    os.makedirs(folder, exist_ok=True)
    whole = report.raw(results, facts)
    for name, content in (("table.md", report.text(results, facts)), ("figures.json", json.dumps(whole, indent=1)), ("page.html", page.html_of(whole))):
        with open(os.path.join(folder, name), "w") as file:
            file.write(content)


def wanted(options):
    rows = cases.rows()
    if not options.case:
        return [row for row in rows if row.quick or not options.quick]
    ids = {id.upper() for word in options.case for id in word.split(",")}
    unknown = ids - {row.id for row in rows}
    if unknown:
        print(f"tools/compare: no case {', '.join(sorted(unknown))}; there are {', '.join(dict.fromkeys(row.id for row in rows))}", file=sys.stderr)
        sys.exit(2)
    return [row for row in rows if row.id in ids]


def main():
    options = argparse.ArgumentParser(prog="tools/compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--case", action="append", default=[])
    options.add_argument("--rounds", type=int, default=0)
    options.add_argument("--results", default="compare-results")
    options.add_argument("--list", action="store_true")
    asked = options.parse_args()
    rows = wanted(asked)
    if asked.list:
        for row in rows:
            print(f"{row.id:4}{row.what}{'' if row.quick else ' (not with --quick)'}", *(f"      {target.text()}" for target in row.targets), sep="\n")
        return 0
    facts, results, interrupted = machine(asked.rounds, asked.quick), [], False
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stage, began = Stage(asked.quick), time.monotonic()
    try:
        rivals.prepare({row.id for row in rows})
        for name in ("reference", "millrace"):
            try:
                stage.broker(name)
            except Exception as why:
                print(f"no {name}: {why}", flush=True)
        began = time.monotonic()
        schedule = Schedule(asked.quick, asked.rounds, len(rows), time.monotonic)
        warm_up.warm(stage)
        print(f"{' and '.join(stage.brokers)}: warm after {time.monotonic() - began:.0f} s", flush=True)
        for row in rows:
            result = {"id": row.id, "what": row.what, "sides": [(side.name, side.durability) for side in row.sides], "targets": row.targets,
                      "rounds": {}, "failed": {}}
            results.append(result)
            row_began = time.monotonic()
            measure(row, stage, schedule, result)
            result["seconds"] = time.monotonic() - row_began
            progress(result)
    except KeyboardInterrupt:
        interrupted = True
        print("interrupted: what was measured until now", flush=True)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the brokers and their data go in any case
        stage.close()
    write(results, facts, asked.results)
    print("\n" + report.text(results, facts))
    print(f"written to {asked.results}: table.md, figures.json, page.html; {time.monotonic() - began:.0f} s")
    return 130 if interrupted else 1 if any(result["failed"] for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
