#!/usr/bin/env python3
"""Builds Millrace twice, release and with sanitizers, and runs every Meson test of both; tools/test calls it.

The last line is 'N passed, N failed', with ', N skipped' where true.
"""
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run_suite(build):
    """Runs every Meson test of one build directory; counts each by its result."""
    log = os.path.join(ROOT, build, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    # Tests that take long do so with sanitizers, or on a machine that does other things too.
    subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs", "--num-processes", "2",
                    "--timeout-multiplier", "4"], cwd=ROOT)
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    if not os.path.exists(log):
        return {"passed": 0, "failed": 1, "skipped": 0}
    with open(log, encoding="utf-8") as lines:
        for line in lines:
            outcome = json.loads(line)
            if outcome["result"] == "OK":
                counts["passed"] += 1
            elif outcome["result"] == "SKIP":
                counts["skipped"] += 1
                print(f"skipped: {outcome['name']}: {outcome['stdout'].strip().splitlines()[-1:]}")
            else:
                counts["failed"] += 1
                print(f"FAILED: {outcome['name']} in {build}")
    return counts


def main():
    total = {"passed": 0, "failed": 0, "skipped": 0}
    times = []

    def timed(name, work):
        began = time.monotonic()
        outcome = work()
        times.append(f"{name} {time.monotonic() - began:.0f} s")
        return outcome

    for kind in ("release", "asan"):
        build = timed(f"{kind} build", lambda: subprocess.run([os.path.join(ROOT, "tools", "build"), kind], cwd=ROOT))
        if build.returncode != 0:
            print(f"FAILED: tools/build {kind}")
            total["failed"] += 1
            continue
        for outcome, count in timed(f"{kind} tests", lambda: run_suite(f"build-{kind}")).items():
            total[outcome] += count
    print("took: " + ", ".join(times))
    skipped = f", {total['skipped']} skipped" if total["skipped"] else ""
    print(f"{total['passed']} passed, {total['failed']} failed{skipped}", flush=True)
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
