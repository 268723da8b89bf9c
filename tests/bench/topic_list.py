#!/usr/bin/env python3
"""How long `millrace topic list` takes, from its start to its end: the median of 20 runs against a fresh broker with 10 topics.

  topic_list.py [--runs N]

The time is printed, not asserted; that every run lists the topics is. The tool is that of build-release, or MILLRACE_TOOL.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.broker import TREE, Broker, clean_environment  # noqa: E402
from harness.checks import Checks  # noqa: E402

TOOL = os.environ.get("MILLRACE_TOOL") or os.path.join(TREE, "build-release/tools/millrace/millrace")
TOPICS = [f"topic-{n}" for n in range(10)]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=20)
    asked, checks, figures, complete = options.parse_args(), Checks(), [], 0
    with Broker() as broker:
        with broker.connect() as client:
            for name in TOPICS:
                client.make_topic(name, 1)
        for _ in range(asked.runs):
            began = time.monotonic()
            done = subprocess.run([TOOL, "topic", "list", "--bootstrap-server", broker.bootstrap], capture_output=True, text=True,
                                  timeout=60, env=clean_environment())
            figures.append((time.monotonic() - began) * 1000)
            complete += done.returncode == 0 and all(name in done.stdout for name in TOPICS)
    checks.equal(complete, asked.runs, f"every run of topic list shows all {len(TOPICS)} topics")
    print(f"topic list: median {statistics.median(figures):.1f} ms, {min(figures):.1f} to {max(figures):.1f}; load average {os.getloadavg()[0]:.1f}")
    checks.finish()


if __name__ == "__main__":
    main()
