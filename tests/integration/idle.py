#!/usr/bin/env python3
"""What an idle broker costs: resident memory and CPU over 5 s; with no client, and with 100 quiet connections.

  idle.py [--check]     --check fails above the limits; without it the figures are only printed
"""
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import process  # noqa: E402
from harness.batches import batch  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.checks import Checks  # noqa: E402

RESIDENT_MIB_MAX, CPU_SECONDS_MAX, SECONDS = 20, 0.02, 5


def main():
    checks, asserted = Checks(), "--check" in sys.argv[1:]

    def at_most(what, figure, limit, unit):
        checks.that(figure <= limit or not asserted, what, f"{figure:.2f} {unit} (limit {limit})")

    with Broker() as broker:
        time.sleep(0.5)
        before = process.cpu_seconds(broker.pid)
        time.sleep(SECONDS)
        at_most(f"idle CPU in {SECONDS} s", process.cpu_seconds(broker.pid) - before, CPU_SECONDS_MAX, "s")
        at_most("idle resident memory", process.resident_mib(broker.pid), RESIDENT_MIB_MAX, "MiB")
        quiet = [broker.connect() for _ in range(100)]
        with broker.connect() as client:
            client.make_topic("used")
            for _ in range(100):
                client.produce("used", 0, batch([b"v" * 1000]))
        time.sleep(0.5)
        before = process.cpu_seconds(broker.pid)
        time.sleep(SECONDS)
        at_most(f"CPU in {SECONDS} s after use, 100 quiet connections", process.cpu_seconds(broker.pid) - before, CPU_SECONDS_MAX, "s")
        print(f"     resident memory then: {process.resident_mib(broker.pid):.1f} MiB, {len(process.threads(broker.pid))} threads")
        for connection in quiet:
            connection.close()
    checks.finish()


if __name__ == "__main__":
    main()
