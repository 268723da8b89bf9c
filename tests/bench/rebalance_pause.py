#!/usr/bin/env python3
"""How long consumers pause while the members of their group are restarted one after the other: 20 members, 40 partitions.

  rebalance_pause.py [--members N] [--quiet SECONDS] [--only static|consumer|classic]

  static    20 static members of a classic group are restarted within their session timeout: nobody else notices
  consumer  of 20 dynamic members by the consumer protocol (KIP-848) each leaves in turn, and a new one joins: partitions that do
            not move keep flowing
  classic   the same with a classic group and the range assignor, which takes everything from everybody: printed, to compare with

  MILLRACE_REFERENCE  the reference broker's script (tests/harness/broker.py); without it Millrace stands alone

A producer writes a record to every partition each 50 ms; a gap is the time between two records of one partition as its consumers
see them. The same load without restarts comes first. Counts are asserted, for Millrace: generations, revocations of what did not move,
how much moves, records lost. Times are printed, as a table in Markdown. Members send a heartbeat every 3 s, and librdkafka waits no longer
than that for the answer: on a machine that stalls for longer, brokers put them out of the group. The clients are those of confluent-kafka-python, installed as
for tools/test clients; all of them live in this process.
"""
import argparse
import os
import struct
import sys
import threading
import time
from collections import defaultdict

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "clients"), os.path.join(TESTS, "clients/python")]
from harness.broker import Broker, Reference, has_reference  # noqa: E402
from harness.checks import Checks  # noqa: E402

try:
    import confluent_kafka as ck
    from confluent_kafka.admin import AdminClient, NewTopic
except ImportError:
    from suite import toolchain

    os.execv(toolchain.python("")[0][0], [toolchain.python("")[0][0], *sys.argv])

from suite.group_tools import stored_in  # noqa: E402

PARTITIONS_EACH, TICK_S, WAIT_S, SESSION_MS, HEARTBEAT_MS = 2, 0.05, 60, 45_000, 3000
OPTIONS = {
    "group.initial.rebalance.delay.ms": "0",
    "group.consumer.min.heartbeat.interval.ms": str(HEARTBEAT_MS),
    "group.consumer.heartbeat.interval.ms": str(HEARTBEAT_MS),
    "group.consumer.session.timeout.ms": str(SESSION_MS),
}
KINDS = {
    "static": {"partition.assignment.strategy": "range", "session.timeout.ms": SESSION_MS, "heartbeat.interval.ms": HEARTBEAT_MS},
    "consumer": {"group.protocol": "consumer"},
    "classic": {"partition.assignment.strategy": "range", "session.timeout.ms": SESSION_MS, "heartbeat.interval.ms": HEARTBEAT_MS},
}
GROUP_KEYS = {"static": 2, "consumer": 3, "classic": 2}  # versions of the keys in __consumer_offsets


class Load:
    """Writes a record to every partition at each tick."""

    def __init__(self, bootstrap, topic, partitions):
        self.producer = ck.Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "acks": "1"})
        self.topic, self.partitions, self.written, self.ending = topic, partitions, 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        at = time.monotonic()
        while not self.ending.is_set():
            for p in range(self.partitions):
                self.producer.produce(self.topic, b"tick", partition=p)
            self.written += 1
            self.producer.poll(0)
            at += TICK_S
            time.sleep(max(0, at - time.monotonic()))

    def stop(self):
        self.ending.set()
        self.thread.join()
        self.producer.flush(WAIT_S)


class Member:
    """One consumer, polled by a thread of its own."""

    def __init__(self, group, name):
        self.group, self.name, self.owned, self.leaving = group, name, set(), threading.Event()
        settings = {
            "bootstrap.servers": group.bootstrap, "group.id": group.name, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 100,
            "auto.commit.interval.ms": 1000, **KINDS[group.kind]}
        if group.kind == "static":
            settings["group.instance.id"] = name
        self.consumer = ck.Consumer(settings)
        self.consumer.subscribe([group.topic], on_assign=self.assigned, on_revoke=self.revoked, on_lost=self.lost)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def assigned(self, _, partitions):
        self.owned |= {tp.partition for tp in partitions}
        self.group.events.append((time.monotonic(), "assigned", self, {tp.partition for tp in partitions}))

    def revoked(self, _, partitions):
        self.owned -= {tp.partition for tp in partitions}
        if not self.leaving.is_set():
            self.group.events.append((time.monotonic(), "revoked", self, {tp.partition for tp in partitions}))

    def lost(self, _, partitions):
        self.group.errors.append(f"{self.name} was put out of the group")
        self.revoked(_, partitions)

    def run(self):
        while not self.leaving.is_set():
            m = self.consumer.poll(0.1)
            if m is None:
                continue
            if m.error() is None:
                self.group.arrivals[m.partition()].append((time.monotonic(), m.offset()))
            else:
                self.group.errors.append(str(m.error()))
        self.consumer.close()

    def leave(self):
        self.leaving.set()
        self.thread.join()


class Group:
    def __init__(self, bootstrap, kind, members):
        self.bootstrap, self.kind, self.topic, self.name = bootstrap, kind, f"pause-{kind}", f"pause-{kind}"
        self.partitions = members * PARTITIONS_EACH
        self.events, self.errors, self.arrivals = [], [], defaultdict(list)
        self.members = []

    def join(self, name):
        self.members.append(Member(self, name))

    def holders(self):
        """{partition: its member} once every member has its share; None before that."""
        owned = [(m, set(m.owned)) for m in self.members]
        held = {p: m for m, partitions in owned for p in partitions}
        return held if all(len(o) == PARTITIONS_EACH for _, o in owned) and len(held) == self.partitions else None

    def settle(self):
        """The holders, as soon as there are."""
        deadline = time.monotonic() + WAIT_S
        while (held := self.holders()) is None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"not shared in {WAIT_S} s: {sorted(len(m.owned) for m in self.members)} {self.errors[-3:]}")
            time.sleep(0.02)
        return held

    def flowing(self, since):
        """Waits until every partition has been read from since then."""
        deadline = time.monotonic() + WAIT_S
        while any(not rows or rows[-1][0] < since for rows in (self.arrivals[p] for p in range(self.partitions))):
            if time.monotonic() > deadline:
                raise RuntimeError("a partition does not flow")
            time.sleep(0.02)

    def span(self, partition, began, ended):
        """The arrivals between, with those just before and after."""
        rows = self.arrivals[partition]
        first = next((i for i, row in enumerate(rows) if row[0] >= began), len(rows))
        last = next((i for i, row in enumerate(rows) if row[0] > ended), len(rows) - 1)
        return rows[max(first - 1, 0) : last + 1]

    def gaps(self, began, ended, moved=()):
        """(longest gap of the partitions that stayed with one member, longest of those that moved), seconds."""
        longest = {True: 0, False: 0}
        for p in range(self.partitions):
            rows = self.span(p, began, ended)
            longest[p in moved] = max(longest[p in moved], *(b[0] - a[0] for a, b in zip(rows, rows[1:])), 0)
        return longest[False], longest[True]

    def needless(self):
        """Partitions that were taken from a member and next given to the same member again."""
        count, taken = 0, {}
        for _, what, member, partitions in self.events:
            for p in partitions:
                if what == "revoked":
                    taken[p] = member
                else:
                    count += taken.pop(p, None) is member
        return count

    def generation(self):
        """As the coordinator has stored it last: of a classic group, or the epoch of a consumer group."""
        reader = ck.Consumer({"bootstrap.servers": self.bootstrap, "group.id": "unused", "enable.auto.commit": False})
        at = ck.TopicPartition("__consumer_offsets", stored_in(self.name), 0)
        end = reader.get_watermark_offsets(at, timeout=WAIT_S)[1]
        reader.assign([at])
        found, version = None, GROUP_KEYS[self.kind]
        wanted = struct.pack(">hh", version, len(self.name)) + self.name.encode()
        while True:
            m = reader.poll(5)
            if m is not None and m.error() is None and m.key() == wanted and m.value():
                value = m.value()
                skip = 2 if version == 3 else 4 + struct.unpack(">h", value[2:4])[0]  # behind the version, and the protocol's type
                found = struct.unpack(">i", value[skip : skip + 4])[0]
            if m is None or m.offset() + 1 >= end:
                break
        reader.close()
        return found


def restarts(group):
    """Each member in turn; [(began, ended, the partitions that have another consumer than before, those that the member had)]"""
    windows, held = [], group.settle()
    for member in list(group.members):
        before, began = held, time.monotonic()
        group.members.remove(member)
        member.leave()
        group.join(member.name if group.kind == "static" else f"{member.name}-again")
        held = group.settle()
        group.flowing(time.monotonic())
        moved = {p for p in held if held[p] is not before[p]}
        windows.append((began, time.monotonic(), moved, {p for p in before if before[p] is member}))
        time.sleep(4 * TICK_S)  # a gap that ends just after one restart is not one of the next
    return windows


def measure(checks, broker, kind, members, quiet_s):
    group = Group(broker.bootstrap, kind, members)
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic(group.topic, group.partitions, 1)])[group.topic].result(WAIT_S)
    load = Load(broker.bootstrap, group.topic, group.partitions)
    try:
        for n in range(members):
            group.join(f"member-{n}")
        return judge(checks, broker.name, group, load, quiet_s)
    finally:
        load.stop()
        for member in group.members:
            member.leaving.set()
        for member in group.members:
            member.leave()


def judge(checks, broker, group, load, quiet_s):
    """A row of the table."""
    members = len(group.members)
    group.settle()
    time.sleep(2 * HEARTBEAT_MS / 1000)
    group.settle()
    group.flowing(time.monotonic())
    quiet_began = time.monotonic()
    time.sleep(quiet_s)
    quiet_ended, before, seen = time.monotonic(), group.generation(), len(group.events)
    windows = restarts(group)
    after, noticed = group.generation(), sum(what == "revoked" for _, what, _, _ in group.events[seen:])
    load.stop()
    deadline = time.monotonic() + WAIT_S
    read = lambda: [len({row[1] for row in group.arrivals[p]}) for p in range(group.partitions)]
    while min(read()) < load.written and time.monotonic() < deadline:
        time.sleep(0.1)
    lost = sum(load.written - n for n in read())
    again = sum(len(rows) for rows in group.arrivals.values()) - sum(read())
    stayed, moved = zip(*(group.gaps(began, ended, moves) for began, ended, moves, _ in windows))
    moves, strays = [len(moves) for *_, moves, _ in windows], [sorted(moves - own) for *_, moves, own in windows if moves - own]
    needless, title = group.needless(), f"{group.kind}, {broker}"
    checks.equal(lost, 0, f"{title}: no record is lost; {again} came again")
    if broker == "millrace" and group.kind == "static":
        checks.equal(after, before, f"{title}: the generation is as before the restarts")
        checks.equal(noticed, 0, f"{title}: nobody but the restarted member has a partition revoked")
        checks.equal(strays, [], f"{title}: at each restart only its partitions come to another consumer")
    if broker == "millrace" and group.kind == "consumer":
        checks.equal(group.errors, [], f"{title}: no member was put out of the group by a machine too busy for its heartbeats")
        checks.equal(needless, 0, f"{title}: no partition is revoked that does not move")
        checks.that(max(moves) <= 2 * PARTITIONS_EACH, f"{title}: at each restart at most as many move as one leaves and one gets", max(moves))
        checks.that(before < after <= before + 2 * members, f"{title}: the epoch rises by at most one for who leaves and one for who joins", (before, after))
    quiet = group.gaps(quiet_began, quiet_ended)[0]
    gaps = (quiet, max(stayed), sorted(stayed)[len(stayed) // 2], max(moved))
    return [group.kind, broker, f"{before} → {after}", str(needless), f"{sum(moves) / members:.1f}", *(f"{1000 * gap:.0f}" for gap in gaps),
            f"{windows[-1][1] - windows[0][0]:.0f}"]


TITLES = ["members", "broker", "generation or epoch", "revoked and given back", "moved per restart", "longest gap without restarts, ms",
          "of partitions that stay, ms", "its median, ms", "of partitions that move, ms", "all restarts, s"]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--members", type=int, default=20)
    options.add_argument("--quiet", type=float, default=10, metavar="SECONDS")
    options.add_argument("--only", choices=KINDS)
    asked = options.parse_args()
    checks, rows = Checks(), []
    starts = [lambda: Broker(options=[word for key, value in OPTIONS.items() for word in (f"--{key}", value)])]
    if has_reference():
        starts.append(lambda: Reference([f"{key}={value}" for key, value in OPTIONS.items()]))
    else:
        checks.skip("the reference broker", "MILLRACE_REFERENCE is not set")
    for kind in KINDS if asked.only is None else [asked.only]:
        for start in starts:
            with start() as broker:
                checks.run(f"{kind}, {broker.name}", lambda: rows.append(measure(checks, broker, kind, asked.members, asked.quiet)))
    print("load average", os.getloadavg()[0])
    for row in (TITLES, ["---"] * len(TITLES), *rows):
        print("| " + " | ".join(row) + " |")
    checks.finish()


if __name__ == "__main__":
    main()
