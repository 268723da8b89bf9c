#!/usr/bin/env python3
"""One load on brokers that differ in an option or in the program, in turn, as ratios to the first: what a change gives, on a machine
that is never quiet.

  python3 tests/bench/variants.py [--rounds N] --broker 'NAME OPTION...' --broker 'NAME OPTION...' COMMAND WORD...

  --rounds N     after one that does not count (5)
  --broker       a name, then options of millraced. NAME=VALUE before them goes into its environment; PROGRAM=FILE is another binary
  --partitions N of the topic (1)
  --fill 'WORD...'   `millrace-bench produce` with these words first, once; every round then reads that topic
  COMMAND        of millrace-bench, and its options

  variants.py --broker 'gathered --fetch.sendfile.min.bytes 1GiB' --broker 'sendfile --fetch.sendfile.min.bytes 1' \\
      --fill '--num-records 150000 --record-size 1000 --batch-bytes 4000' consume --partition-fetch-bytes 64KiB

For each figure: the median over the rounds, the least, and in brackets the median and range of its ratio to the first broker's in the
same round. CPU is the broker's; `both` has the client's too.
"""
import argparse
import json
import os
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from bench.compare.stage import bench_tool, finished  # noqa: E402
from bench.measuring import spread  # noqa: E402
from harness import process, wire  # noqa: E402
from harness.broker import Broker  # noqa: E402

COUNTERS = ("waits", "ring_enters", "bytes_copied", "bytes_received")
ANSWERS_LATE_SECONDS = 0.05


def broker_of(text):
    name, *words = text.split()
    environment = {}
    while words and not words[0].startswith("-"):
        key, value = words.pop(0).split("=", 1)
        environment[key] = value
    return name, Broker(options=["--log.segment.delete.delay.ms", "500", *words], program=environment.pop("PROGRAM", None), environment=environment)


def counted(broker):
    shards = broker.counters()
    return {name: sum(shard[name] for shard in shards) for name in COUNTERS}


def measured(broker, words):
    before, cpu, began = counted(broker), process.cpu_seconds(broker.pid), time.monotonic()
    said, client_cpu, took = finished([bench_tool(), *words, "--bootstrap-server", broker.bootstrap, "--format", "json", "--no-progress"])
    time.sleep(ANSWERS_LATE_SECONDS)
    cpu = process.cpu_seconds(broker.pid) - cpu
    passed = {name: value - before[name] for name, value in counted(broker).items()}
    one = json.loads(said)["sections"][0]
    found = {"CPU s/GB": cpu / one["bytes"] * 1e9, "both, CPU s/GB": (cpu + client_cpu) / one["bytes"] * 1e9,
             "CPU, cores": cpu / (time.monotonic() - began), "MB/s": one["mb_per_second"],
             "waits per MB": passed["waits"] / one["bytes"] * 1e6, "enters per MB": passed["ring_enters"] / one["bytes"] * 1e6,
             "copied per byte received": passed["bytes_copied"] / max(1, passed["bytes_received"])}
    if one["requests"]:
        found["CPU s per 10^6 requests"] = cpu / one["requests"] * 1e6
    if one["latency_us"]["count"]:
        found.update({f"{key}, µs": one["latency_us"][key] for key in ("p50", "p99")})
    return found


def one_round(broker, topic, asked):
    if asked.fill:
        return measured(broker, [*asked.load, "--topic", topic])
    with broker.connect(60) as client:
        client.make_topic(topic, asked.partitions)
    found = measured(broker, [*asked.load, "--topic", topic])
    with broker.connect(60) as client:
        client.call(wire.DELETE_TOPICS, 3, wire.array([wire.string(topic)]) + (60000).to_bytes(4, "big"))
    return found


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--broker", action="append", required=True, type=broker_of)
    options.add_argument("--partitions", type=int, default=1)
    options.add_argument("--fill", default="")
    options.add_argument("load", nargs=argparse.REMAINDER)
    asked = options.parse_args()
    brokers, rounds = asked.broker, {name: [] for name, _ in asked.broker}
    try:
        for _, broker in brokers:
            broker.start()
            if asked.fill:
                with broker.connect(60) as client:
                    client.make_topic("variants", asked.partitions)
                measured(broker, ["produce", "--topic", "variants", *asked.fill.split()])
        for number in range(asked.rounds + 1):
            for name, broker in brokers if number % 2 else brokers[::-1]:
                found = one_round(broker, "variants" if asked.fill else f"variants-{number}", asked)
                if number:
                    rounds[name].append(found)
    finally:
        for _, broker in brokers:
            broker.close()
    first = brokers[0][0]
    print(f"load average {os.getloadavg()[0]:.1f}, {asked.rounds} rounds: {' '.join(asked.load)}")
    for key in rounds[first][0]:
        for name, _ in brokers:
            values = [one[key] for one in rounds[name]]
            ratios = [one[key] / base[key] for one, base in zip(rounds[name], rounds[first]) if base[key]]
            print(f"{key:26}{name:14}{statistics.median(values):12.4g}{min(values):12.4g}   {spread(ratios, 2) if ratios and name != first else ''}")


if __name__ == "__main__":
    main()
