#!/usr/bin/env python3
"""A group that changes between the classic and the consumer protocol while its members run, request by request: every code and
every generation is Kafka's. Also what a group that nobody knows answers to a member's epoch.

  group_migration.py [--reference]     --reference asks the reference broker (env MILLRACE_REFERENCE) the same
"""
import os
import struct
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import wire  # noqa: E402
from harness.broker import Broker, Reference  # noqa: E402
from harness.checks import Checks  # noqa: E402

OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP = 8, 9, 10, 11, 12, 13, 14
LIST_GROUPS, CONSUMER_GROUP_HEARTBEAT = 16, 68
SERVER_ERROR, NONE, ILLEGAL_GENERATION, INCONSISTENT_PROTOCOL = -1, 0, 22, 23
UNKNOWN_MEMBER, REBALANCING, NOT_FOUND, MEMBER_ID_REQUIRED, FENCED_INSTANCE = 25, 27, 69, 79, 82
UNRELEASED_INSTANCE, STALE_EPOCH = 111, 113
TOPIC, PARTITIONS = "migrated", 4
GROUPS = ("nobody", "made", "up", "down", "static", "empty", "connect", "text")


def bytes_field(data):
    return struct.pack(">i", len(data)) + data


def named(partitions):
    return wire.array([wire.string(TOPIC) + wire.array([struct.pack(">i", p) for p in partitions])] if partitions else [])


def plan(partitions):
    return struct.pack(">h", 1) + named(partitions) + struct.pack(">i", -1)


def planned(data):
    if not data:
        return []
    answer = wire.Answer(data)
    answer.i16()
    topics = answer.array(lambda: (answer.string(), answer.array(answer.i32)))
    return sorted(p for _, partitions in topics for p in partitions)


class Classic:
    """A member by the classic protocol. Each method returns the error code."""

    def __init__(self, client, group, instance=None, topic=TOPIC):
        self.client, self.group, self.instance, self.topic = client, group, instance, topic
        self.id, self.generation, self.owned, self.leader, self.protocol = "", -1, [], "", "range"

    def _key(self):
        return wire.string(self.group) + struct.pack(">i", self.generation) + wire.string(self.id) + wire.string(self.instance)

    def join(self, owned=None, subscription=None, type="consumer", name="range", session=30000, rebalance=60000, told_id=True):
        said = struct.pack(">h", 1) + wire.array([wire.string(self.topic)]) + struct.pack(">i", -1)
        said += named(self.owned if owned is None else owned)
        while True:
            body = wire.string(self.group) + struct.pack(">ii", session, rebalance) + wire.string(self.id) + wire.string(self.instance)
            body += wire.string(type) + wire.array([wire.string(name) + bytes_field(said if subscription is None else subscription)])
            answer = self.client.call(JOIN_GROUP, 5, body)
            answer.i32()
            error, generation, protocol, self.leader, given = (
                answer.i16(), answer.i32(), answer.string(), answer.string(), answer.string())
            self.members = answer.array(lambda: (answer.string(), answer.string(), answer.bytes()))
            if error == MEMBER_ID_REQUIRED and told_id:
                self.id = given
            elif error == 0:
                self.id, self.generation, self.protocol = given, generation, protocol
                return error
            else:
                return error

    def sync(self, plans=(), protocol=None, type="consumer"):
        """With flexible version 5, which says the protocol."""
        body = wire.compact_string(self.group) + struct.pack(">i", self.generation) + wire.compact_string(self.id)
        body += wire.compact_string(self.instance) + wire.compact_string(type) + wire.compact_string(protocol or self.protocol)
        plans = [wire.compact_string(i) + wire.unsigned_varint(len(plan(p)) + 1) + plan(p) + b"\0" for i, p in plans]
        answer = self.client.call(SYNC_GROUP, 5, body + wire.compact_array(plans) + b"\0", flexible=True)
        answer.i32()
        error = answer.i16()
        answer.compact_string(), answer.compact_string()
        data = answer.take(max(answer.unsigned_varint() - 1, 0))
        if error == 0:
            self.owned = planned(data)
        return error

    def beat(self):
        answer = self.client.call(HEARTBEAT, 3, self._key())
        answer.i32()
        return answer.i16()

    def leave(self):
        answer = self.client.call(LEAVE_GROUP, 3, wire.string(self.group) + wire.array([wire.string(self.id) + wire.string(self.instance)]))
        answer.i32()
        error = answer.i16()
        return error or answer.array(lambda: (answer.string(), answer.string(), answer.i16()))[0][2]

    def follow(self):
        """Joins and syncs until it is told to go on, as its client does."""
        while True:
            error = self.beat()
            if error == 0:
                return
            assert error == REBALANCING, error
            assert self.join() == 0
            while self.sync() == REBALANCING:
                assert self.join() == 0


class Consumer:
    """A member by the consumer protocol."""

    def __init__(self, client, group, id, topic_id, instance=None, topic=TOPIC):
        self.client, self.group, self.id, self.topic_id, self.instance, self.topic = client, group, id, topic_id, instance, topic
        self.epoch, self.owned, self.message = 0, [], None

    def beat(self, epoch=None, full=False):
        self.epoch = self.epoch if epoch is None else epoch
        joining = self.epoch == 0
        if joining:
            self.owned = []
        body = wire.compact_string(self.group) + wire.compact_string(self.id) + struct.pack(">i", self.epoch)
        body += wire.compact_string(self.instance) + wire.compact_string(None) + struct.pack(">i", 60000 if joining else -1)
        body += wire.compact_array([wire.compact_string(self.topic)]) if joining else b"\0"
        body += wire.compact_string(None) + wire.compact_string(None)
        indexes = wire.compact_array([struct.pack(">i", p) for p in self.owned])
        owned = [bytes.fromhex(self.topic_id) + indexes + b"\0"] if self.owned else []
        body += wire.compact_array(owned) + b"\0"
        answer = self.client.call(CONSUMER_GROUP_HEARTBEAT, 1, body, flexible=True)
        answer.i32()
        error, self.message, _, epoch = answer.i16(), answer.compact_string(), answer.compact_string(), answer.i32()
        answer.i32()
        if error:
            return error
        self.epoch = epoch
        if answer.i8() >= 0:
            topics = answer.compact_array(lambda: (answer.take(16), answer.compact_array(answer.i32), answer.tags()))
            self.owned = sorted(p for _, partitions, _ in topics for p in partitions)
        return 0

    def join(self):
        return self.beat(0)

    def leave(self):
        return self.beat(-1)


class Bench:
    def __init__(self, checks, client, policy, broker):
        self.checks, self.client, self.policy, self.broker = checks, client, policy, broker
        self.topic_id = client.describe_topics([TOPIC])[TOPIC][1]

    def coordinated(self, group):
        """Its coordinator has loaded."""
        for _ in range(100):
            answer = self.client.call(FIND_COORDINATOR, 1, wire.string(group) + b"\0")
            answer.i32()
            if answer.i16() == 0 and self.fetch(group)[0] == 0:
                return
            time.sleep(0.1)
        raise ValueError(f"the coordinator of {group} does not load")

    def equal(self, got, expected, title):
        self.checks.equal(got, expected, title)

    def classic(self, group, **more):
        return Classic(self.client, group, **more)

    def consumer(self, group, id, **more):
        return Consumer(self.client, group, id, self.topic_id, **more)

    def stable(self, group, **more):
        """A classic group of one member that owns everything."""
        member = self.classic(group, **more)
        assert member.join() == 0
        assert member.sync([(member.id, range(PARTITIONS))]) == 0
        return member

    def settle(self, classic, consumers):
        """Until all partitions are owned and nobody is told anything new."""
        def tell():
            for m in classic:
                m.follow()
            for m in consumers:
                assert m.beat() == 0, (m.id, m.message)

        deadline = time.monotonic() + 20
        quiet = 0
        while quiet < 3:
            before = [(m.id, m.owned) for m in [*classic, *consumers]]
            tell()
            done = sorted(p for m in [*classic, *consumers] for p in m.owned) == list(range(PARTITIONS))
            quiet = quiet + 1 if done and before == [(m.id, m.owned) for m in [*classic, *consumers]] else 0
            assert time.monotonic() < deadline, before
            time.sleep(0.4)  # a group is assigned anew at most once a second

    def types(self, group):
        answer = self.client.call(LIST_GROUPS, 5, wire.compact_array([]) + wire.compact_array([]) + b"\0", flexible=True)
        answer.i32(), answer.i16()
        texts = lambda: (*(answer.compact_string() for _ in range(4)), answer.tags())
        return [(state, kind.lower()) for id, _, state, kind, _ in answer.compact_array(texts) if id == group]

    def commit(self, group, member, epoch, version=9, offset=5):
        parts = wire.compact_array([struct.pack(">iqi", 0, offset, -1) + wire.compact_string("") + b"\0"])
        if version < 8:
            body = wire.string(group) + struct.pack(">i", epoch) + wire.string(member) + wire.string(None)
            body += wire.array([wire.string(TOPIC) + wire.array([struct.pack(">iqi", 0, offset, -1) + wire.string("")])])
            answer = self.client.call(OFFSET_COMMIT, version, body)
            answer.i32()
            return answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i16()))))[0][1][0][1]
        body = wire.compact_string(group) + struct.pack(">i", epoch) + wire.compact_string(member) + wire.compact_string(None)
        body += wire.compact_array([wire.compact_string(TOPIC) + parts + b"\0"]) + b"\0"
        answer = self.client.call(OFFSET_COMMIT, version, body, flexible=True)
        answer.i32()
        part = lambda: (answer.i32(), answer.i16(), answer.tags())
        return answer.compact_array(lambda: (answer.compact_string(), answer.compact_array(part), answer.tags()))[0][1][0][1]

    def fetch(self, group, member=None, epoch=-1):
        """(the group's code, the offset of partition 0)"""
        topics = wire.compact_array([wire.compact_string(TOPIC) + wire.compact_array([struct.pack(">i", 0)]) + b"\0"])
        groups = wire.compact_array([wire.compact_string(group) + wire.compact_string(member) + struct.pack(">i", epoch) + topics + b"\0"])
        answer = self.client.call(OFFSET_FETCH, 9, groups + b"\0\0", flexible=True)
        answer.i32()
        part = lambda: (answer.i32(), answer.i64(), answer.i32(), answer.compact_string(), answer.i16(), answer.tags())
        topic = lambda: (answer.compact_string(), answer.compact_array(part), answer.tags())
        _, topics, error, _ = answer.compact_array(lambda: (answer.compact_string(), answer.compact_array(topic), answer.i16(), answer.tags()))[0]
        return error, topics[0][1][0][1] if topics else None


def unknown_groups(b):
    b.equal(b.commit("nobody", "m", 5), NOT_FOUND, "commit with a member epoch to a group that nobody knows")
    b.equal(b.commit("nobody", "m", 5, version=7), ILLEGAL_GENERATION, "commit with a generation to a group that nobody knows")
    b.equal(b.fetch("nobody", "m", 5), (NONE, -1), "fetch with a member epoch from a group that nobody knows")
    b.equal(b.fetch("nobody"), (NONE, -1), "fetch without a member from a group that nobody knows")
    b.equal(b.commit("made", "", -1), NONE, "commit without a member makes a group")
    b.equal(b.commit("made", "m", 5), UNKNOWN_MEMBER, "commit with a member epoch to a group without members")
    b.equal(b.fetch("made", "m", 5), (NONE, 5), "fetch with a member epoch from a group that was never a consumer group")


def upgrade(b):
    a = b.stable("up")
    first = a.generation
    new = b.consumer("up", "new")
    b.equal((new.join(), new.owned), (NONE, []), "a consumer joins a classic group: all is owned by the member before it")
    b.equal(b.types("up"), [("Reconciling", "consumer")], "the group is a consumer group")
    b.equal(a.beat(), REBALANCING, "the classic member is told to join again")
    b.equal(a.sync(), REBALANCING, "its sync too")
    b.equal(b.commit("up", a.id, first, version=7), NONE, "it commits in its generation")
    b.equal(b.commit("up", a.id, first + 1, version=7), ILLEGAL_GENERATION, "not in another")
    b.equal(b.fetch("up", a.id, first), (NONE, 5), "it fetches in its generation")
    b.equal(b.fetch("up", a.id, first + 1)[0], ILLEGAL_GENERATION, "not in another")
    b.equal(b.fetch("up", "new", new.epoch + 1)[0], STALE_EPOCH, "a consumer's epoch is checked as such")
    b.equal((a.join(), a.generation, a.leader, a.members, a.protocol), (NONE, first, "", [], "range"),
            "its join: the same generation while it has to give up partitions, and no leader")
    b.equal(a.sync(protocol="roundrobin"), INCONSISTENT_PROTOCOL, "its sync by another protocol")
    b.equal(a.sync(type="connect"), INCONSISTENT_PROTOCOL, "its sync by another type")
    b.equal((a.sync(), len(a.owned)), (NONE, 2), "its sync tells what it keeps")
    b.equal(a.beat(), REBALANCING, "it is to join again once it has given the rest up")
    b.equal((a.join(), a.generation > first), (NONE, True), "and comes to the group's epoch")
    b.equal((a.sync(), a.beat()), (NONE, NONE), "where it rests")
    b.equal((new.beat(), len(new.owned)), (NONE, 2), "the consumer gets what was given up")
    b.equal(b.classic("up").join(told_id=False), MEMBER_ID_REQUIRED, "a newcomer by the classic protocol is told its id first")
    b.equal(b.classic("up").join(type="connect"), INCONSISTENT_PROTOCOL, "one of another type is refused")
    b.equal(b.classic("up").join(name="sticky"), INCONSISTENT_PROTOCOL, "and one by a protocol that the others lack")
    b.equal(b.classic("up").join(subscription=b""), SERVER_ERROR, "a subscription that cannot be read")
    for epoch, code, title in ((a.generation + 1, ILLEGAL_GENERATION, "its heartbeat in another generation"), (a.generation, NONE, "in its own")):
        kept, a.generation = a.generation, epoch
        b.equal(a.beat(), code, title)
        a.generation = kept
    kept, a.id = a.id, "new"
    a.generation, kept_generation = new.epoch, a.generation
    b.equal((a.beat(), a.sync()), (UNKNOWN_MEMBER, UNKNOWN_MEMBER), "a consumer's id is no classic member's")
    a.id, a.generation = kept, kept_generation
    return a, new


def downgrade(b):
    a, new = upgrade(b)
    epoch = a.generation
    b.equal(new.leave(), NONE, "the last consumer leaves")
    b.equal(b.types("up"), [("PreparingRebalance", "classic")], "the group is classic and rebalances")
    b.equal(a.beat(), REBALANCING, "its member is told to join")
    b.equal((a.join(), a.generation, a.leader == a.id), (NONE, epoch + 1, True), "it leads the next generation")
    b.equal((a.sync([(a.id, range(PARTITIONS))]), a.owned), (NONE, [0, 1, 2, 3]), "and owns everything")
    b.equal(b.fetch("up"), (NONE, 5), "what was committed is still there")
    b.equal(new.beat(3), NOT_FOUND, "a consumer that has left is told that there is no such consumer group")
    b.equal(new.message, "Group up is not a consumer group.", "in these words")


def static_members(b):
    a = b.stable("static", instance="i")
    new = b.consumer("static", "new", instance="i")
    b.equal((new.join(), new.owned), (NONE, [0, 1, 2, 3]), "a static member comes back as a consumer, to all it had")
    b.equal(a.beat(), FENCED_INSTANCE, "the member before it is fenced")
    b.equal(b.types("static"), [("Stable", "consumer")], "the group is a consumer group")
    b.equal(b.consumer("static", "third", instance="i").join(), UNRELEASED_INSTANCE, "another consumer has to wait until it leaves")
    back = b.classic("static", instance="i")
    b.equal(back.join(), NONE, "it comes back by the classic protocol")
    b.equal(b.types("static"), [("Stable", "classic")], "the group is classic and need not rebalance")
    b.equal((back.sync(), back.owned, back.beat()), (NONE, [0, 1, 2, 3], NONE), "it has all it had")
    b.equal(new.beat(), NOT_FOUND, "the consumer before it is told that there is no such consumer group")
    again = b.consumer("static", "again", instance="i")
    b.equal(again.join(), NONE, "a consumer again")
    other = b.classic("static", instance="i", topic="other")
    b.equal(other.join(), NONE, "and back, wanting something else")
    b.equal(b.types("static"), [("PreparingRebalance", "classic")], "the group rebalances")
    b.equal(other.beat() in (ILLEGAL_GENERATION, REBALANCING), True, "and its member joins again")


def empty_groups(b):
    a = b.stable("empty")
    b.equal(a.leave(), NONE, "a classic group loses its member")
    new = b.consumer("empty", "new")
    b.equal((new.join(), new.owned), (NONE, [0, 1, 2, 3]), "and is a consumer group with the next")
    b.equal(new.leave(), NONE, "that leaves")
    b.equal(b.stable("empty").owned, [0, 1, 2, 3], "and a classic one again")


def refusals(b):
    a = b.classic("connect")
    b.equal(a.join(type="connect", subscription=b"x"), NONE, "a group of another type")
    new = b.consumer("connect", "new")
    b.equal((new.join(), new.message), (NOT_FOUND, "Cannot upgrade classic group connect to consumer group because the group does not "
                                        "use the consumer embedded protocol."), "is not upgraded")
    a = b.classic("text")
    b.equal((a.join(subscription=b"\0"), a.sync([(a.id, range(PARTITIONS))])), (NONE, NONE), "a group whose subscriptions cannot be read")
    new = b.consumer("text", "new")
    b.equal((new.join(), new.message), (NOT_FOUND, "Cannot upgrade classic group text to consumer group because the embedded consumer "
                                        "protocol is malformed."), "is not upgraded")


def forbidden_upgrade(b):
    a = b.stable("up")
    new = b.consumer("up", "new")
    b.equal((new.join(), new.message),
            (NOT_FOUND, "Cannot upgrade classic group up to consumer group because online upgrade is disabled."), f"{b.policy}: no upgrade")
    b.equal(a.beat(), NONE, f"{b.policy}: the classic member notices nothing")


def forbidden_downgrade(b):
    new = b.consumer("down", "new")
    b.equal(new.join(), NONE, f"{b.policy}: a consumer group")
    a = b.classic("down")
    if b.policy == "disabled":
        b.equal(a.join(), INCONSISTENT_PROTOCOL, f"{b.policy}: a classic member may not join it")
        return
    b.equal(a.join(), NONE, f"{b.policy}: a classic member may join it")
    b.settle([a], [new])
    b.equal(new.leave(), NONE, f"{b.policy}: the last consumer leaves")
    b.equal([kind for _, kind in b.types("down")], ["consumer"], f"{b.policy}: no downgrade")
    title = f"{b.policy}: the classic member goes on in a consumer group, with every partition"
    if b.broker == "reference":
        b.checks.skip(title, "the reference gives it none of what the consumer had")
        return
    b.settle([a], [])
    b.equal(a.owned, [0, 1, 2, 3], title)


def start(reference, policy):
    options = {"group.initial.rebalance.delay.ms": "0", "group.consumer.migration.policy": policy}
    if reference:
        return Reference([f"{k}={v}" for k, v in options.items()])
    return Broker(options=[word for k, v in options.items() for word in ("--" + k, v)])


def main():
    checks, reference = Checks(), "--reference" in sys.argv
    runs = {
        "bidirectional": (unknown_groups, downgrade, static_members, empty_groups, refusals),
        "disabled": (forbidden_upgrade, forbidden_downgrade),
        "upgrade": (forbidden_downgrade,),
        "downgrade": (forbidden_upgrade,),
    }
    for policy, works in runs.items():
        with start(reference, policy) as broker, broker.connect() as client:
            client.make_topic(TOPIC, PARTITIONS)
            b = Bench(checks, client, policy, broker.name)
            for group in GROUPS:
                b.coordinated(group)
            for work in works:
                checks.run(work.__name__, work, b)
    checks.finish()


if __name__ == "__main__":
    main()
