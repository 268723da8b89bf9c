#!/usr/bin/env python3
"""What members cost that do nothing but say that they are alive: 1,000 groups of 10 members (KIP-848), broker CPU and p99 of
heartbeats, in turn and in one run: Millrace, the reference broker, and an echo, which reads the same bytes from as many connections
and answers without a thought: what the machine's sockets and wake-ups cost by themselves.

  heartbeats.py [--groups N] [--members N] [--seconds N] [--rounds N] [--check]

  --check             fails if Millrace takes more than a fifth of the reference's CPU time
  MILLRACE_REFERENCE  the reference broker's script (tests/harness/broker.py); without it Millrace stands alone
  The echo is made by `ninja -C build-release bench_programs`; without it there is none.

Every member is heard of once in 5 s, on a connection of its own, as clients do it. CPU share: CPU seconds of the broker per
second; latency as a client sees it who waits for each answer, ten of them at a time.
"""
import argparse
import multiprocessing
import os
import resource
import statistics
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import process, wire  # noqa: E402
from harness.broker import TREE, Broker, Reference, free_port, has_reference  # noqa: E402

CONSUMER_GROUP_HEARTBEAT, FIND_COORDINATOR = 68, 10
INTERVAL_SECONDS, CPU_RATIO_MAX, SETTLE_ROUNDS = 5, 0.2, 12
TOPIC, COORDINATOR_BUSY = "beats", (14, 15, 16)


class Member:
    def __init__(self, address, group, number):
        self.connection = wire.Connection(address, 60)
        self.group, self.id, self.epoch, self.owned, self.told = group, f"member-{number:04d}-of-{group}", 0, b"\x01", True

    def request(self):
        joining = self.epoch == 0
        body = wire.compact_string(self.group) + wire.compact_string(self.id) + struct.pack(">i", self.epoch)
        body += wire.compact_string(None) * 2 + struct.pack(">i", 300000 if joining else -1)
        body += wire.compact_array([wire.compact_string(TOPIC)]) if joining else b"\0"
        body += b"\0" + b"\0"  # regex, assignor
        body += self.owned if joining or self.told else b"\0"
        return body + b"\0"

    def answered(self, answer):
        answer.i32()
        error = answer.i16()
        answer.compact_string()
        if error:
            if error not in COORDINATOR_BUSY:
                self.epoch, self.owned = 0, b"\x01"
            return error
        self.id = answer.compact_string() or self.id
        self.epoch, self.told = answer.i32(), False
        answer.i32()
        if answer.i8() >= 0:
            def topic():
                topic_id, partitions = answer.take(16), answer.compact_array(answer.i32)
                answer.tags()
                return topic_id + wire.compact_array([struct.pack(">i", p) for p in partitions]) + b"\0"
            self.owned, self.told = wire.compact_array(answer.compact_array(topic)), True
        return 0


class Echo:
    """tests/bench/beat_echo.cc, as a broker: a thread for each of our cores."""

    name, program = "echo", os.path.join(os.environ.get("MILLRACE_BENCH") or os.path.join(TREE, "build-release/tests/bench"), "beat_echo")

    def __init__(self):
        self.address = ("127.0.0.1", free_port())

    def start(self):
        cores = map(str, sorted(os.sched_getaffinity(0)))
        self.process = subprocess.Popen([self.program, str(self.address[1]), *cores], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.readline()
        self.pid = self.process.pid

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class Crowd:
    """One member of each group; a thread's work."""

    def __init__(self, address, groups, number):
        self.members = [Member(address, f"group-{g:05d}", number) for g in range(groups)]

    def beat(self, member):
        began = time.perf_counter()
        answer = member.connection.call(CONSUMER_GROUP_HEARTBEAT, 1, member.request(), flexible=True)
        took = time.perf_counter() - began
        return took, member.answered(answer)

    def once(self):
        for member in self.members:
            while self.beat(member)[1] in COORDINATOR_BUSY:
                time.sleep(0.05)

    def for_seconds(self, seconds, taken, errors):
        pace, began, count = INTERVAL_SECONDS / len(self.members), time.perf_counter(), 0
        while (now := time.perf_counter() - began) < seconds:
            if now < count * pace:
                time.sleep(count * pace - now)
            took, error = self.beat(self.members[count % len(self.members)])
            taken.append(took)
            errors += [error] if error else []
            count += 1


def open_files(wanted):
    """Room for a connection per member, where the usual limit is too low for it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (ValueError, PermissionError):
        sys.exit(f"{wanted} open files are needed, {hard} are allowed: raise it (ulimit -n), or take fewer --groups")


def all_at_once(crowds, what):
    threads = [threading.Thread(target=what, args=(crowd,)) for crowd in crowds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def prepare(broker, groups, members):
    if broker.name != Echo.name:
        with broker.connect(60) as client:
            client.make_topic(TOPIC, members)
            while client.call(FIND_COORDINATOR, 1, wire.string("group-00000") + b"\0").data[4:6] != b"\0\0":
                time.sleep(0.2)
    crowds = [Crowd(broker.address, groups, number) for number in range(members)]
    for _ in range(SETTLE_ROUNDS):
        all_at_once(crowds, Crowd.once)
    return crowds


def client(broker, groups, members, orders):
    """All members of one broker, in a process of its own: a process may have too few open files for those of two."""
    open_files(groups * members + 1000)
    crowds = prepare(broker, groups, members)
    orders.send(None)
    while not orders.poll(5):  # as long as the others' members settle, these are not to be put out
        all_at_once(crowds, Crowd.once)
    while (seconds := orders.recv()) is not None:
        all_at_once(crowds, Crowd.once)  # nobody may time out while the other one is measured
        orders.send(measure(broker, crowds, seconds))


class Clients:
    def __init__(self, broker, groups, members):
        self.orders, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=client, args=(broker, groups, members, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def wait(self):
        self.orders.recv()

    def measure(self, seconds):
        self.orders.send(seconds)
        return self.orders.recv()

    def close(self):
        self.orders.send(None)
        self.process.join()


def measure(broker, crowds, seconds):
    taken, errors, before = [], [], process.cpu_seconds(broker.pid)
    all_at_once(crowds, lambda crowd: crowd.for_seconds(seconds, taken, errors))
    share = (process.cpu_seconds(broker.pid) - before) / seconds
    taken.sort()
    return {"cpu": share, "p50": taken[len(taken) // 2] * 1e6, "p99": taken[len(taken) * 99 // 100] * 1e6, "beats": len(taken), "errors": len(errors)}


def ratio(found, name, other):
    """Of their CPU times, round by round; prints and returns the median, where both were measured."""
    if name not in found or other not in found:
        return None
    ratios = [a["cpu"] / b["cpu"] for a, b in zip(found[name], found[other])]
    print(f"CPU, {name} / {other}: {statistics.median(ratios):.3f} ({min(ratios):.3f}–{max(ratios):.3f})")
    return statistics.median(ratios)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--groups", type=int, default=1000)
    options.add_argument("--members", type=int, default=10)
    options.add_argument("--seconds", type=int, default=10)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--check", action="store_true")
    asked = options.parse_args()
    brokers = [Broker()] + ([Reference()] if has_reference() else [])
    if len(brokers) == 1:
        print("skip the reference broker: MILLRACE_REFERENCE is not set")
    if os.access(Echo.program, os.X_OK):
        brokers.append(Echo())
    else:
        print("skip the echo: ninja -C build-release bench_programs makes it")
    found = {broker.name: [] for broker in brokers}
    clients = {}
    try:
        for broker in brokers:  # all before the first client, whose ports might be the ones that they chose
            broker.start()
        for broker in brokers:
            clients[broker.name] = Clients(broker, asked.groups, asked.members)
            clients[broker.name].wait()
        for _ in range(asked.rounds):
            for broker in brokers:
                found[broker.name].append(clients[broker.name].measure(asked.seconds))
    finally:
        for each in clients.values():
            each.close()
        for broker in brokers:
            broker.close()
    print(f"{'broker':10} {'CPU share':>10} {'p50 µs':>8} {'p99 µs':>8} {'heartbeats':>11} {'errors':>7}   medians of {asked.rounds} rounds of {asked.seconds} s")
    for name, rounds in found.items():
        middle = {what: statistics.median(one[what] for one in rounds) for what in rounds[0]}
        print(f"{name:10} {middle['cpu']:10.4f} {middle['p50']:8.0f} {middle['p99']:8.0f} {middle['beats']:11.0f} {middle['errors']:7.0f}")
    ratio(found, Echo.name, "reference")
    ratio(found, "millrace", Echo.name)
    middle = ratio(found, "millrace", "reference")
    if middle is not None:
        kept = middle <= CPU_RATIO_MAX
        print(f"{'met' if kept else 'MISSED'}: Millrace / reference ≤ {CPU_RATIO_MAX}")
        sys.exit(0 if kept or not asked.check else 1)


if __name__ == "__main__":
    main()
