#!/usr/bin/env python3
"""Milliseconds from exec to the first acknowledged produce, median of 10 rounds: on an empty directory, and on one with 100
partitions that hold records.

  start_time.py [--check] [--rounds N]     --check fails above the limit; without it the figures are only printed
"""
import argparse
import os
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.batches import batch  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.checks import Checks  # noqa: E402
from harness.client import Client  # noqa: E402

MS_MAX, PARTITIONS = 100, 100


def first_produce_ms(broker, topic):
    """A client that tries again at once until its record is acknowledged; acks=all, so it is on the disk."""
    data = batch([b"first"])
    began = time.monotonic()
    broker.launch()
    while True:
        try:
            with Client(broker.address, 5) as client:
                error, _ = client.produce(topic, 0, data)
                if error == 0:
                    return (time.monotonic() - began) * 1000
                if topic == "new":
                    client.create_topic("new")
        except OSError:
            if broker.process.poll() is not None:
                raise RuntimeError(f"the broker ended: {broker.said()[-500:]}") from None
            time.sleep(0.0005)


def on_empty():
    broker = Broker()
    try:
        return first_produce_ms(broker, "new")
    finally:
        broker.close()


def filled():
    broker = Broker()
    broker.start()
    with broker.connect() as client:
        client.make_topic("many", PARTITIONS)
        for partition in range(PARTITIONS):
            client.produce("many", partition, batch([b"v" * 1000] * 20), acks=1)
    broker.stop()
    return broker


def report(checks, what, figures, asserted):
    middle = statistics.median(figures)
    detail = f"median {middle:.1f} ms, {min(figures):.1f} to {max(figures):.1f}"
    checks.that(middle <= MS_MAX or not asserted, f"exec to first acknowledged produce, {what}", detail)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true")
    options.add_argument("--rounds", type=int, default=10)
    asked = options.parse_args()
    checks, asserted = Checks(), asked.check
    report(checks, "empty directory, topic creation included", [on_empty() for _ in range(asked.rounds)], asserted)
    broker = filled()

    def again(stop):
        figures, stops = [], []
        for _ in range(asked.rounds):
            figures.append(first_produce_ms(broker, "many"))
            began = time.monotonic()
            stop()
            stops.append((time.monotonic() - began) * 1000)
        print(f"     the end took {statistics.median(stops):.1f} ms, {min(stops):.1f} to {max(stops):.1f}")
        return figures

    def rounds(how, stop):
        report(checks, f"{PARTITIONS} partitions {how}", again(stop), asserted)

    try:
        checks.run("after a clean stop", rounds, "after a clean stop", broker.stop)
        first_produce_ms(broker, "many")
        broker.kill()
        checks.run("after kill -9", rounds, "after kill -9", lambda: broker.kill(at_once=True))
    finally:
        broker.close()
    checks.finish()


if __name__ == "__main__":
    main()
