"""The scenarios of consumer groups: members of one group, each a driver process, polled together by a Party."""

import concurrent.futures
import time
from collections import Counter

import records

from . import broker

WAIT_S = 30
MEMBER_S = 40
POLL_MS = 100
REST_MS = 900
SHORT_SESSION_MS = 6_000  # the shortest that a broker accepts by default
STATIC_SESSION_MS = 30_000


class Member:
    def __init__(self, driver):
        self.driver = driver
        self.rebalances, self.assigned = 0, ()

    def ask(self, line):
        return self.driver.ask(line, MEMBER_S)

    def poll(self, ms=POLL_MS):
        """[(partition, offset)] of what it has read since the last poll."""
        rebalances, assigned, runs = self.ask(f"poll {ms}").split()
        self.rebalances = int(rebalances)
        self.assigned = () if assigned == "-" else tuple(sorted(map(int, assigned.split(","))))
        came = []
        for run in () if runs == "-" else runs.split(","):
            p, span = run.split(":")
            first, end = map(int, span.split("-"))
            came += [(int(p), offset) for offset in range(first, end)]
        return came


class Party:
    """The members of one group that all read one topic, by the place that each has; `with` ends those that are left."""

    def __init__(self, c, client, topic, partitions, flavor, what, assignor="-", session_ms=10_000, bootstrap=None, place=""):
        self.c, self.client, self.topic, self.partitions, self.flavor = c, client, topic, partitions, flavor
        self.assignor, self.session_ms, self.bootstrap, self.place = assignor, session_ms, bootstrap, place
        self.group = c.fresh(f"{client}-{what}")
        self.members, self.read = {}, Counter()
        self.pool = concurrent.futures.ThreadPoolExecutor(3)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for member in self.members.values():
            member.driver.kill()
        self.pool.shutdown()

    def join(self, place, instance="-"):
        member = Member(self.c.driver(self.client, f"{self.place}@{place}", self.bootstrap))
        how = f"{self.partitions} {self.flavor} {self.assignor} {instance} {self.session_ms}"
        member.ask(f"join {self.group} {self.topic} {how}")
        self.members[place] = member

    def poll(self):
        for came in self.pool.map(Member.poll, self.members.values()):
            self.read.update(came)

    def until(self, holds, what, seconds=WAIT_S):
        deadline = time.monotonic() + seconds
        self.poll()
        while not holds():
            assert time.monotonic() < deadline, f"not in {seconds} s: {what}; {self.state()}"
            self.poll()

    def state(self):
        rows = (f"member {n}: {m.assigned} after {m.rebalances} assignments" for n, m in sorted(self.members.items()))
        return f"{'; '.join(rows)}; {len(self.read)} records read"

    def shared(self):
        """Every partition has one owner, and nobody has two more than another."""
        owned = [m.assigned for m in self.members.values()]
        sizes = [len(o) for o in owned]
        return sorted(p for o in owned for p in o) == list(range(self.partitions)) and max(sizes) - min(sizes) <= 1

    def settle(self, seconds=WAIT_S):
        self.until(self.shared, f"{self.partitions} partitions shared by {len(self.members)} members", seconds)

    def rest(self):
        """Polls until nobody has had a rebalance for three heartbeats: a member learns of one up to a heartbeat late."""
        calm, before = 0, None
        while calm < REST_MS:
            self.poll()
            now = [m.rebalances for m in self.members.values()]
            calm, before = calm + POLL_MS if now == before else 0, now

    def read_to(self, count, seconds=WAIT_S, first=0):
        """Polls until the first `count` records of the topic, less those before record `first`, have been read, each once."""
        self.until(lambda: len(self.read) >= count - first, f"{count - first} records read", seconds)
        want = {(i % self.partitions, i // self.partitions) for i in range(first, count)}
        assert self.read.keys() == want, f"other records were read than were written: {sorted(self.read.keys() ^ want)[:5]}"
        again = [at for at, times in self.read.items() if times > 1]
        assert not again, f"{len(again)} records were read more than once, such as {sorted(again)[:3]}"

    def commit(self):
        list(self.pool.map(lambda m: m.ask("commit"), self.members.values()))

    def kill(self, place):
        self.members.pop(place).driver.kill()

    def leave(self, place):
        self.members.pop(place).ask("leave")

    def leave_all(self):
        leaving, self.members = list(self.members.values()), {}
        list(self.pool.map(lambda m: m.ask("leave"), leaving))

    def teller(self, line):
        """Asks what needs no member."""
        name = self.c.clients[self.client].get("creator", self.client)
        return self.c.driver(name, self.place, self.bootstrap).ask(line, MEMBER_S)

    def check_committed(self, count):
        """By Kafka's meaning a committed offset is that of the next record to read."""
        said = self.teller(f"committed {self.group} {self.topic} {self.partitions}")
        want = [(count - p + self.partitions - 1) // self.partitions for p in range(self.partitions)]
        assert said == ",".join(map(str, want)), f"committed offsets are {said}, expected {want}"


def writer(c, name, partitions, flavor, bootstrap=None, place=""):
    """A new topic, and a function that appends records to it; confluent-kafka-python writes for all clients."""
    driver = c.driver("confluent-kafka-python", place, bootstrap)
    driver.ask(f"create {name} {partitions}", MEMBER_S)
    written = [0]

    def write(count):
        driver.ask(f"produce_more {name} {partitions} {count} {flavor} {written[0]}", MEMBER_S)
        written[0] += count
        return written[0]

    return write


def flavor_of(c, client):
    return c.clients[client].get("flavor", "full")


def group_read(c, client, protocol="-"):
    """One member reads everything, commits and leaves; the next of the same group gets nothing more."""
    topic = c.topic(client, "plain")
    with Party(c, client, topic.name, c.partitions, topic.flavor, f"read{protocol}", protocol) as party:
        party.join(0)
        party.read_to(c.records)
        party.commit()
        party.check_committed(c.records)
        party.leave_all()
        party.check_committed(c.records)
        party.join(1)
        party.settle()
        for _ in range(5):
            party.poll()
        party.read_to(c.records)
        party.leave_all()
        party.check_committed(c.records)


def group_reset(c, client, protocol="-"):
    """A group that has read everything is set back to a time, and reads on from the first record at or after it."""
    topic = c.topic(client, "plain")
    with Party(c, client, topic.name, c.partitions, topic.flavor, f"reset{protocol}", protocol) as party:
        party.join(0)
        party.read_to(c.records)
        party.leave_all()
        first = c.records * 3 // 5
        party.teller(f"reset {party.group} {topic.name} {c.partitions} {records.time_ms(first)}")
        party.check_committed(first)
        party.read.clear()
        party.join(1)
        party.read_to(c.records, first=first)
        party.leave_all()
        party.check_committed(c.records)


def group_three(c, client, protocol="-"):
    """Three members share the partitions; one is killed, and the others take over; one is added again."""
    partitions, topic, flavor = 6, c.fresh(f"{client}-three{protocol}"), flavor_of(c, client)
    write = writer(c, topic, partitions, flavor)
    with Party(c, client, topic, partitions, flavor, f"three{protocol}", protocol, SHORT_SESSION_MS) as party:
        for place in range(3):
            party.join(place)
        party.settle()
        party.read_to(write(3000))
        party.commit()
        party.kill(2)
        count = write(600)
        party.read_to(count)
        party.settle()
        party.commit()
        party.join(2)
        party.settle()
        count = write(600)
        party.read_to(count)
        party.leave_all()
        party.check_committed(count)


def group_assignor(c, client, assignor):
    """Members with this assignor come and go while they read, and nothing is lost or read twice."""
    topic = c.topic(client, "plain")
    with Party(c, client, topic.name, c.partitions, topic.flavor, assignor, assignor) as party:
        party.join(0)
        party.poll()
        party.join(1)
        party.settle()
        party.join(2)
        party.settle()
        party.leave(0)
        party.settle()
        party.read_to(c.records)
        party.leave_all()
        party.check_committed(c.records)


def group_static(c, client, protocol="-"):
    """Each of three members with static ids is restarted in turn: it gets its partitions again, and the others notice nothing."""
    partitions, topic, flavor = 6, c.fresh(f"{client}-static{protocol}"), flavor_of(c, client)
    write = writer(c, topic, partitions, flavor)
    # A restarted leader of franz-go makes its plan anew, and calls for a rebalance where that differs; a plan by range does not.
    assignor = c.clients[client].get("static_assignor", protocol)
    with Party(c, client, topic, partitions, flavor, f"static{protocol}", assignor, STATIC_SESSION_MS) as party:
        for place in range(3):
            party.join(place, f"instance-{place}")
        party.settle()
        party.read_to(write(900))
        party.rest()
        before = {place: (m.assigned, m.rebalances) for place, m in party.members.items()}
        for place in range(3):
            party.leave(place)
            count = write(300)
            party.poll()
            party.join(place, f"instance-{place}")
            party.settle()
            party.read_to(count)
            party.rest()
            again = party.members[place]
            assert again.assigned == before[place][0], f"{place} came back to {again.assigned}, had {before[place][0]}"
            for other in party.members.keys() - {place}:
                m = party.members[other]
                same = (m.assigned, m.rebalances) == before[other]
                assert same, f"the restart of {place} was noticed by {other}: {m.assigned}, {m.rebalances}, before {before[other]}"
            before[place] = again.assigned, again.rebalances
        party.leave_all()
        party.check_committed(count)


def group_restart(c, client, protocol="-"):
    """The broker stops, and is killed, between commits: a member that stays reads on, and a new one from what was committed."""
    partitions, flavor, place = 3, flavor_of(c, client), f".{client}-restart{protocol}"
    topic = c.fresh("restart")
    stays = not c.clients[client].get("ends_without_broker")

    def before_end(party):
        party.commit() if stays else party.leave(0)

    def after_start(party):
        stays or party.join(0)

    try:
        with broker.restartable() as own:
            write = writer(c, topic, partitions, flavor, own.bootstrap, place)
            with Party(c, client, topic, partitions, flavor, "restart", protocol, bootstrap=own.bootstrap, place=place) as party:
                party.join(0)
                party.read_to(write(900))
                before_end(party)
                status = own.stop()
                assert status == 0, f"the broker stopped with status {status}"
                own.start()
                party.check_committed(900)
                after_start(party)
                party.read_to(write(300))
                before_end(party)
                own.kill()
                own.start()
                party.check_committed(1200)
                after_start(party)
                party.read_to(write(300))
                party.leave_all()
                own.kill()
                own.start()
                party.join(1)
                party.read_to(write(300))
                party.leave_all()
                party.check_committed(1800)
    finally:
        c.dismiss(place)


def group_migrate(c, client, protocol):
    """A group goes from the classic to this protocol and back, one member after the other, while the others read on."""
    partitions, topic, flavor = 6, c.fresh(f"{client}-migrate"), flavor_of(c, client)
    write = writer(c, topic, partitions, flavor)
    with Party(c, client, topic, partitions, flavor, "migrate", session_ms=SHORT_SESSION_MS) as party:
        for spoken in ("range", protocol, "range"):
            party.assignor = spoken
            for place in range(2):
                if place in party.members:
                    party.leave(place)
                party.join(place)
                party.settle()
                party.rest()
                count = write(300)
                party.read_to(count)
        party.leave_all()
        party.check_committed(count)


def run(c, client, scenario):
    name, _, assignor = scenario.partition("/")
    scenarios = (group_read, group_reset, group_three, group_assignor, group_static, group_restart, group_migrate)
    found = {f.__name__: f for f in scenarios}[name]
    found(c, client, assignor) if assignor else found(c, client)
