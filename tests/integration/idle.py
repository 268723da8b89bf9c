#!/usr/bin/env python3
"""What an idle broker costs: resident memory and CPU over 5 s; with no client, with 100 quiet connections, and for each of many
fetches that wait.

  idle.py [--check]     --check fails above the limits; without it the figures are only printed
"""
import os
import resource
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import process, wire  # noqa: E402
from harness.batches import batch  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.checks import Checks  # noqa: E402
from harness.client import FETCH_VERSION, fetch_body  # noqa: E402

RESIDENT_MIB_MAX, CPU_SECONDS_MAX, SECONDS = 20, 0.02, 5
WAITERS, WAITER_BYTES_MAX = 5000, 4096


def bytes_per_waiter():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    waiters = min(WAITERS, hard // 2)
    with Broker() as broker, broker.connect() as client:
        client.make_topic("awaited")
        before = process.resident_mib(broker.pid)
        waiting = [broker.connect() for _ in range(waiters)]
        for one in waiting:
            one.send(wire.FETCH, FETCH_VERSION, fetch_body([("awaited", [(0, 0)])], 60_000))
        time.sleep(1)
        grown = process.resident_mib(broker.pid) - before
        for one in waiting:
            one.close()
        return grown * (1 << 20) / waiters


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
    at_most("memory of a connection with a fetch that waits", bytes_per_waiter(), WAITER_BYTES_MAX, "bytes")
    checks.finish()


if __name__ == "__main__":
    main()
