#!/usr/bin/env python3
"""What is wrong in a group request gets Kafka's exact code, and while the largest and the most tangled of them are under way,
another group of the same coordinator partition is served as before.

  bad_group_requests.py [--check] [--option NAME=VALUE]...   where MILLRACE_REFERENCE is set, the reference broker is asked the same and must agree
  --check                   fails where the other group's p99 is not within its bound; for a quiet machine and a release build
  --option NAME=VALUE       of the broker beside whose group this is measured
"""
import functools
import multiprocessing
import os
import statistics
import struct
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.broker import Broker, Reference, has_reference  # noqa: E402
from harness.checks import Checks  # noqa: E402
from harness.wire import Answer, Connection, array, compact_array, compact_string, string, unsigned_varint  # noqa: E402

OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP = 8, 9, 10, 11, 12, 13, 14
DESCRIBE_GROUPS, OFFSET_DELETE, CONSUMER_GROUP_HEARTBEAT, CONSUMER_GROUP_DESCRIBE = 15, 47, 68, 69
NO_TAGS = b"\0"
NONE, UNKNOWN_TOPIC, METADATA_TOO_LARGE, ILLEGAL_GENERATION, INCONSISTENT_PROTOCOL, INVALID_GROUP_ID = 0, 3, 12, 22, 23, 24
UNKNOWN_MEMBER, INVALID_SESSION_TIMEOUT, INVALID_REQUEST, GROUP_NOT_FOUND, MEMBER_ID_REQUIRED = 25, 26, 42, 69, 79
UNKNOWN_SERVER_ERROR, FENCED_EPOCH, UNSUPPORTED_ASSIGNOR, STALE_EPOCH, INVALID_REGEX = -1, 110, 112, 113, 128
SOON = (14, 15, 16)  # the coordinator is not there yet
TOPIC = "orders"


# Of the consumer protocol: the reference never answers a join whose metadata it cannot read.
SUBSCRIPTION = struct.pack(">h", 0) + array([string(TOPIC)]) + struct.pack(">i", -1)


def nullable_array(items):
    return unsigned_varint(0) if items is None else compact_array(items)


def compact_bytes(data):
    return unsigned_varint(len(data) + 1) + data


def join_body(group, member="", session_ms=30000, protocols=(("range", SUBSCRIPTION),), kind="consumer", instance=None):
    offered = [compact_string(name) + compact_bytes(data) + NO_TAGS for name, data in protocols]
    return (compact_string(group) + struct.pack(">ii", session_ms, 30000) + compact_string(member) + compact_string(instance) +
            compact_string(kind) + compact_array(offered) + compact_string(None) + NO_TAGS)


def sync_body(group, generation, member, assignments=(), kind="consumer", protocol="range"):
    parts = [compact_string(to) + compact_bytes(data) + NO_TAGS for to, data in assignments]
    return (compact_string(group) + struct.pack(">i", generation) + compact_string(member) + compact_string(None) +
            compact_string(kind) + compact_string(protocol) + compact_array(parts) + NO_TAGS)


def heartbeat_body(group, generation, member, instance=None):
    return compact_string(group) + struct.pack(">i", generation) + compact_string(member) + compact_string(instance) + NO_TAGS


def commit_body(group, generation, member, parts, topic=TOPIC):
    """`parts`: (partition, offset, metadata)"""
    partitions = [struct.pack(">iqi", p, offset, -1) + compact_string(text) + NO_TAGS for p, offset, text in parts]
    return (compact_string(group) + struct.pack(">i", generation) + compact_string(member) + compact_string(None) +
            compact_array([compact_string(topic) + compact_array(partitions) + NO_TAGS]) + NO_TAGS)


def beat_body(group, member, epoch, names=None, regex=None, assignor=None, owned=None, instance=None, rebalance_ms=30000):
    owned = None if owned is None else [identity + compact_array([struct.pack(">i", p) for p in numbers]) + NO_TAGS for identity, numbers in owned]
    return (compact_string(group) + compact_string(member) + struct.pack(">i", epoch) + compact_string(instance) + compact_string(None) +
            struct.pack(">i", rebalance_ms) + nullable_array(None if names is None else [compact_string(n) for n in names]) +
            compact_string(regex) + compact_string(assignor) + nullable_array(owned) + NO_TAGS)


def many_names(letter):
    return [f"{letter}{i:05d}" for i in range(NAMES_MANY)]


def describe_body(group):
    return compact_array([compact_string(group)]) + b"\0" + NO_TAGS


def fetch_body(group, member, epoch, partitions=None, topic=TOPIC):
    """Without partitions: of all that there are."""
    wanted = None if partitions is None else [compact_string(topic) + compact_array([struct.pack(">i", p) for p in partitions]) + NO_TAGS]
    return compact_array([compact_string(group) + compact_string(member) + struct.pack(">i", epoch) + nullable_array(wanted) + NO_TAGS]) + b"\0" + NO_TAGS


class Groups:
    """The requests as flexible versions have them; each answers with its code, and waits for a coordinator that is not there yet."""

    def __init__(self, address, seconds=300):
        self.connection = Connection(address, seconds)

    def ask(self, api, version, body, read):
        deadline = time.monotonic() + 20
        while True:
            answer = self.connection.call(api, version, body, flexible=True)
            answer.i32()
            told = read(answer)
            if (told if isinstance(told, int) else told[0]) not in SOON or time.monotonic() > deadline:
                return told
            time.sleep(0.05)

    def find(self, group):
        body = b"\0" + compact_array([compact_string(group)]) + NO_TAGS
        read = lambda a: a.compact_array(lambda: (a.compact_string(), a.i32(), a.compact_string(), a.i32(), a.i16(), a.compact_string(), a.tags()))[0][4]
        return self.ask(FIND_COORDINATOR, 4, body, read)

    def join(self, *words, **more):
        """(code, generation, member id)"""
        read = lambda a: (a.i16(), a.i32(), a.compact_string(), a.compact_string(), a.compact_string(), a.i8(), a.compact_string())
        told = self.ask(JOIN_GROUP, 9, join_body(*words, **more), read)
        return told[0], told[1], told[6]

    def enter(self, group, protocol="range", **more):
        """Joins as the only member and syncs: (generation, member id)."""
        _, _, member = self.join(group, **more)
        code, generation, member = self.join(group, member, **more)
        if code or self.sync(group, generation, member, [(member, b"mine")], protocol=protocol):
            raise ValueError(f"cannot join {group[:20]}: {code}")
        return generation, member

    def sync(self, *words, **more):
        return self.ask(SYNC_GROUP, 5, sync_body(*words, **more), lambda a: a.i16())

    def heartbeat(self, *words, **more):
        return self.ask(HEARTBEAT, 4, heartbeat_body(*words, **more), lambda a: a.i16())

    def leave(self, group, member):
        """The code of the request, or of the member."""
        body = compact_string(group) + compact_array([compact_string(member) + compact_string(None) + compact_string(None) + NO_TAGS]) + NO_TAGS

        def read(a):
            whole = a.i16()
            return whole or a.compact_array(lambda: (a.compact_string(), a.compact_string(), a.i16(), a.tags()))[0][2]

        return self.ask(LEAVE_GROUP, 5, body, read)

    def commit(self, *words, **more):
        """The code of each partition; one number if all are alike."""
        def read(a):
            codes = a.compact_array(lambda: (a.compact_string(), a.compact_array(lambda: (a.i32(), a.i16(), a.tags())), a.tags()))[0][1]
            codes = [code for _, code, _ in codes]
            return codes[0] if len(set(codes)) == 1 else tuple(codes)

        return self.ask(OFFSET_COMMIT, 9, commit_body(*words, **more), read)

    def fetch(self, group, member, epoch):
        body = fetch_body(group, member, epoch)
        part = lambda a: (a.i32(), a.i64(), a.i32(), a.compact_string(), a.i16(), a.tags())
        topic = lambda a: (a.compact_string(), a.compact_array(lambda: part(a)), a.tags())
        return self.ask(OFFSET_FETCH, 9, body, lambda a: a.compact_array(lambda: (a.compact_string(), a.compact_array(lambda: topic(a)), a.i16(), a.tags()))[0][2])

    def beat(self, *words, **more):
        """(code, epoch)"""
        return self.ask(CONSUMER_GROUP_HEARTBEAT, 1, beat_body(*words, **more), lambda a: (a.i16(), a.compact_string(), a.compact_string(), a.i32()))[::3]

    def describe(self, api, group):
        """(code, text), by the API for the groups of one kind"""
        version = {DESCRIBE_GROUPS: 6, CONSUMER_GROUP_DESCRIBE: 1}[api]
        return self.ask(api, version, describe_body(group), lambda a: a.compact_array(lambda: (a.i16(), a.compact_string(), self.rest(a)))[0][:2])

    @staticmethod
    def rest(answer):
        answer.at = len(answer.data)

    def delete_offsets(self, group):
        """The code of the request, or of the partition."""
        def read(answer):
            whole, _, topics = answer.i16(), answer.i32(), answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i16()))))
            return whole or topics[0][1][0][1]

        deadline = time.monotonic() + 20
        while True:
            answer = self.connection.call(OFFSET_DELETE, 0, string(group) + array([string(TOPIC) + array([struct.pack(">i", 0)])]))
            told = read(answer)
            if told not in SOON or time.monotonic() > deadline:
                return told
            time.sleep(0.05)


MEMBERS_MANY = 100_000
NAMES_MANY = 50_000  # of topics: as many as a stored record has room for
COMMITS_MANY = 5_000  # that are written, so that a round has several of each kind
# What grows into automata of gigabytes, what recurses, and what is no regular expression; with the code.
REGEXES = {"repetitions of repetitions": ("(((a{1,100}){1,100}){1,100}){1,100}", INVALID_REGEX),
           "a repetition too large": ("a{1,100000}", INVALID_REGEX), "10,000 groups in groups": ("(" * 10_000 + ")" * 10_000, NONE),
           "an open group": ("(", INVALID_REGEX), "a back reference": (r"(a)\1", INVALID_REGEX), "a look ahead": ("(?=a)a", INVALID_REGEX)}
SLOW_REGEXES = ["(a*)*(a|aa)*b(x+x+)+y", "(.*){1,20}(.*){1,20}[a-z]+$", "|".join(f"topic{i}.*x" for i in range(2000))]


def classic_cases(g):
    for ms in (-1, 0, 1, 5999, 1_800_001, 2**31 - 1):
        yield f"a session timeout of {ms} ms", INVALID_SESSION_TIMEOUT, g.join("a", session_ms=ms)[0]
    yield "a join of an unknown member", UNKNOWN_MEMBER, g.join("a", "nobody")[0]
    yield "a join without protocols", INCONSISTENT_PROTOCOL, g.join("a", protocols=())[0]
    yield "a join without a protocol type", INCONSISTENT_PROTOCOL, g.join("a", kind="")[0]
    yield "a join without a group id", INVALID_GROUP_ID, g.join("")[0]
    for what, name in (("of 32 KB", "g" * 32_767), ("with control characters", "\x00\x01\x1f\x7f\n"), ("of spaces", "  ")):
        yield f"a join with a group id {what}", MEMBER_ID_REQUIRED, g.join(name)[0]
        yield f"a heartbeat of nobody in a group with an id {what}", UNKNOWN_MEMBER, g.heartbeat(name, 0, "nobody")
        yield f"a commit without members to a group with an id {what}", NONE, g.commit(name, -1, "", [(0, 1, "")])
    generation, member = g.enter("a")
    yield "a join with a protocol that nobody has", INCONSISTENT_PROTOCOL, g.join("a", protocols=(("other", b""),))[0]
    yield "a join with another protocol type", INCONSISTENT_PROTOCOL, g.join("a", kind="connect")[0]
    for what, past in (("of the past", generation - 1), ("of the future", generation + 1), ("below zero", -7)):
        yield f"a heartbeat with a generation {what}", ILLEGAL_GENERATION, g.heartbeat("a", past, member)
        yield f"a sync with a generation {what}", ILLEGAL_GENERATION, g.sync("a", past, member)
        yield f"a commit with a generation {what}", ILLEGAL_GENERATION, g.commit("a", past, member, [(0, 1, "")])
    yield "a heartbeat of an unknown member", UNKNOWN_MEMBER, g.heartbeat("a", generation, "nobody")
    yield "a heartbeat of an unknown static member", UNKNOWN_MEMBER, g.heartbeat("a", generation, member, instance="nobody")
    yield "a heartbeat without a group id", INVALID_GROUP_ID, g.heartbeat("", generation, member)
    yield "a sync of an unknown member", UNKNOWN_MEMBER, g.sync("a", generation, "nobody")
    yield "a sync with another protocol", INCONSISTENT_PROTOCOL, g.sync("a", generation, member, protocol="other")
    yield "a commit of an unknown member", UNKNOWN_MEMBER, g.commit("a", generation, "nobody", [(0, 1, "")])
    yield "a commit from outside of a group with members", UNKNOWN_MEMBER, g.commit("a", -1, "", [(0, 1, "")])
    yield "a leave of an unknown member", UNKNOWN_MEMBER, g.leave("a", "nobody")
    yield "a leave from an unknown group", UNKNOWN_MEMBER, g.leave("no-such-group", "nobody")
    yield "a commit of an unknown topic", UNKNOWN_TOPIC, g.commit("a", generation, member, [(0, 1, "")], topic="no-such-topic")
    yield "a commit of a topic with a bad name", UNKNOWN_TOPIC, g.commit("a", generation, member, [(0, 1, "")], topic="bad name")
    yield "a commit of partitions that do not exist", UNKNOWN_TOPIC, g.commit("a", generation, member, [(99, 1, ""), (-1, 1, "")])
    yield "a commit of 4097 bytes of metadata, beside one that fits", (METADATA_TOO_LARGE, NONE), g.commit("a", generation, member, [(0, 1, "m" * 4097), (1, 1, "m" * 4096)])
    yield "a sync with 100,000 assignments", NONE, g.sync("a", generation, member, [(f"member-{i}", b"x" * 20) for i in range(MEMBERS_MANY)])
    yield "a heartbeat after all that", NONE, g.heartbeat("a", generation, member)

def first_sync(g):
    """The leader of a new generation hands out 100,000 assignments."""
    _, _, member = g.join("first")
    _, generation, member = g.join("first", member)
    return g.sync("first", generation, member, [(f"member-{i}", b"x" * 20) for i in range(MEMBERS_MANY)] + [(member, b"mine")])


def consumer_cases(g):
    code, epoch = g.beat("c", "m", 0, names=[TOPIC], owned=[])
    yield "a member of a consumer group joins", NONE, code
    for what, wrong in (("of the future", epoch + 5), ("far in the future", 2**31 - 1)):
        yield f"a beat with an epoch {what}", FENCED_EPOCH, g.beat("c", "m", wrong)[0]
    yield "a beat with the epoch -5", INVALID_REQUEST, g.beat("c", "m", -5)[0]
    yield "a beat of an unknown member", UNKNOWN_MEMBER, g.beat("c", "nobody", 3)[0]
    yield "a beat in an unknown group", GROUP_NOT_FOUND, g.beat("no-such-group", "nobody", 3)[0]
    yield "a beat without a group id", INVALID_REQUEST, g.beat("", "m", 0, names=[TOPIC], owned=[])[0]
    yield "a beat without a member id", INVALID_REQUEST, g.beat("c", "", 0, names=[TOPIC], owned=[])[0]
    yield "a join without a subscription", INVALID_REQUEST, g.beat("c", "n", 0, owned=[])[0]
    yield "a join that says nothing of what it owns", INVALID_REQUEST, g.beat("c", "n", 0, names=[TOPIC])[0]
    yield "a join without a rebalance timeout", INVALID_REQUEST, g.beat("c", "n", 0, names=[TOPIC], owned=[], rebalance_ms=-1)[0]
    yield "a join that owns partitions already", INVALID_REQUEST, g.beat("c", "n", 0, names=[TOPIC], owned=[(b"\1" * 16, [0])])[0]
    yield "a join with an assignor that nobody has", UNSUPPORTED_ASSIGNOR, g.beat("c", "n", 0, names=[TOPIC], owned=[], assignor="fair")[0]
    yield "a static member that leaves and was never there", UNKNOWN_MEMBER, g.beat("c", "n", -2, instance="nobody")[0]
    for what, (regex, expected) in REGEXES.items():
        yield f"a subscription with {what}", expected, g.beat("r", "n", 0, regex=regex, owned=[])[0]
    # The reference takes up to a minute for one of these, and then the session of any member of before is over.
    _, epoch = g.beat("d", "m", 0, names=[TOPIC], owned=[])
    yield "a commit with a stale epoch", STALE_EPOCH, g.commit("d", epoch - 1, "m", [(0, 1, "")])
    yield "a commit with an epoch of the future", STALE_EPOCH, g.commit("d", epoch + 1, "m", [(0, 1, "")])
    yield "a commit of nobody", UNKNOWN_MEMBER, g.commit("d", epoch, "nobody", [(0, 1, "")])
    yield "a commit of an unknown topic by a consumer", UNKNOWN_TOPIC, g.commit("d", epoch, "m", [(0, 1, "")], topic="no-such-topic")
    yield "a read of offsets with a stale epoch", STALE_EPOCH, g.fetch("d", "m", epoch + 1)
    yield "a read of offsets of nobody", UNKNOWN_MEMBER, g.fetch("d", "nobody", epoch)
    yield "a heartbeat of the classic protocol of a consumer's member", UNKNOWN_MEMBER, g.heartbeat("d", epoch, "m")
    for what, name, expected in (("of 32 KB", "k" * 32_767, NONE), ("with control characters", "k\x00\x02\x1f\n", NONE),
                                 ("of control characters alone", "\x02\x1f\n", INVALID_REQUEST)):
        yield f"a consumer group with an id {what}", expected, g.beat(name, "m", 0, names=[TOPIC], owned=[])[0]
    yield "a subscription to 50,000 topics by name", NONE, g.beat("many", "m", 0, names=many_names("a"), owned=[])[0]
    yield "a beat after all that", NONE, g.beat("d", "m", epoch, owned=None)[0]


def tool_cases(g):
    """What tools ask about groups that are not there, or not of the kind they take them for."""
    g.enter("classic")
    g.beat("consumer", "m", 0, names=[TOPIC], owned=[])
    absent = (GROUP_NOT_FOUND, "Group no-such-group not found.")
    yield "a description of a classic group as a consumer group", (GROUP_NOT_FOUND, "Group classic is not a consumer group."), g.describe(CONSUMER_GROUP_DESCRIBE, "classic")
    yield "a description of a consumer group as a classic group", (GROUP_NOT_FOUND, "Group consumer is not a classic group."), g.describe(DESCRIBE_GROUPS, "consumer")
    yield "a description of no consumer group", absent, g.describe(CONSUMER_GROUP_DESCRIBE, "no-such-group")
    yield "a description of no classic group", absent, g.describe(DESCRIBE_GROUPS, "no-such-group")
    yield "a description of a consumer group without an id", (INVALID_GROUP_ID, None), g.describe(CONSUMER_GROUP_DESCRIBE, "")
    yield "a description of a classic group without an id", (GROUP_NOT_FOUND, "Group  not found."), g.describe(DESCRIBE_GROUPS, "")
    yield "a deletion of offsets of no group", GROUP_NOT_FOUND, g.delete_offsets("no-such-group")
    yield "a deletion of offsets without a group id", INVALID_GROUP_ID, g.delete_offsets("")


def codes_of(broker):
    """{what was asked: (the code expected, the code)}"""
    with broker.connect() as client:
        client.make_topic(TOPIC, 2)
    found = {}
    g = Groups(broker.address)
    g.find("a")
    for cases in (classic_cases, consumer_cases, tool_cases):
        for what, expected, code in cases(g):
            found[what] = expected, code
    found["the first sync of a generation, with 100,000 assignments"] = NONE, first_sync(g)
    return found


def codes(checks):
    with Broker(options=["--group.initial.rebalance.delay.ms", "0"]) as broker:
        ours = codes_of(broker)
    theirs = {}
    if has_reference():
        with Reference() as reference:
            theirs = codes_of(reference)
    for what, (expected, code) in ours.items():
        if expected is not None:
            checks.equal(code, expected, what)
        if what not in theirs:
            continue
        if theirs[what][1] == UNKNOWN_SERVER_ERROR:  # of its stack or memory, after up to half a minute: nothing to compare with
            checks.skip(f"{what}: as the reference", "the reference fails")
        else:
            checks.equal(code, theirs[what][1], f"{what}: as the reference")


# A kernel without preemption keeps a core for as long as a call takes: one that sends 10 MB would hold up whoever is measured there.
PIECE_BYTES = 64 << 10


def send_in_pieces(connection, api, version, body):
    frame = connection.frame(api, version, body, flexible=True)
    for at in range(0, len(frame), PIECE_BYTES):
        connection.socket.sendall(frame[at:at + PIECE_BYTES])


def call_in_pieces(connection, api, version, body):
    send_in_pieces(connection, api, version, body)
    connection.receive()


CROWD, CROWD_METADATA_BYTES = 150, 80_000  # together somewhat less than a group may have
PROTOCOLS_LARGE, PROTOCOL_BYTES = 5, 2_000_000


class Crowd:
    """Members of one group whose metadata together is more than a record of it may have. Each call is a rebalance: all join again, each with
    something new, the leader is told what all of them said, and what it assigns cannot be stored."""

    def __init__(self, address):
        self.group = f"heavy-crowd-{os.getpid()}"  # in that of a client that has gone, its members would be waited for
        self.members = [Groups(address) for _ in range(CROWD)]
        self.ids = [g.join(self.group)[2] for g in self.members]
        self.generation, self.round = 0, 0
        self.join(0)
        self.hear(0)  # the first is in before the others come

    def join(self, which):
        metadata = struct.pack(">i", self.round) + b"x" * CROWD_METADATA_BYTES
        send_in_pieces(self.members[which].connection, JOIN_GROUP, 9, join_body(self.group, self.ids[which], 600_000, [("range", metadata)]))

    def hear(self, which):
        answer = Answer(self.members[which].connection.receive()[1])
        answer.take(1 + 4)  # tags of the header, and a throttle time
        code, self.generation = answer.i16(), answer.i32()
        if code:
            raise ValueError(f"a member of the crowd is told {code}")

    def __call__(self):
        self.round += 1
        for which in reversed(range(CROWD)):
            self.join(which)
        for which in range(CROWD):
            self.hear(which)
        code = self.members[0].sync(self.group, self.generation, self.ids[0], [(self.ids[1], b"some")])
        if code != UNKNOWN_SERVER_ERROR:
            raise ValueError(f"more than a record may have is stored: {code}")


# What is asked again and again while another group is measured.
def heavy_requests(address, g, group, generation, member):
    def asking(api, version, body):
        return functools.partial(call_in_pieces, g.connection, api, version, body)

    many = [(f"member-{i}", b"x" * 20) for i in range(MEMBERS_MANY)]
    yield asking(SYNC_GROUP, 5, sync_body(group, generation, member, many))
    yield asking(OFFSET_COMMIT, 9, commit_body(group, generation, member, [(p, 1, "m" * 5000) for p in range(2000)]))
    yield asking(OFFSET_COMMIT, 9, commit_body(group, generation, member, [(p, 1, "") for p in range(MEMBERS_MANY)], topic="no-such-topic"))
    yield asking(OFFSET_COMMIT, 9, commit_body(group, generation, member, [(p % 2, p, "") for p in range(COMMITS_MANY)]))
    yield asking(OFFSET_FETCH, 9, fetch_body(group, None, -1, [p % 2 for p in range(MEMBERS_MANY)]))
    yield asking(JOIN_GROUP, 9, join_body("g" * 32_767))
    for regex in (*(regex for regex, _ in REGEXES.values()), *SLOW_REGEXES):
        yield asking(CONSUMER_GROUP_HEARTBEAT, 1, beat_body("heavy-regex", "n", 0, regex=regex, owned=[]))
    for letter in "ab":  # so that each is another subscription than the one before
        yield asking(CONSUMER_GROUP_HEARTBEAT, 1, beat_body("heavy-names", "n", 0, names=many_names(letter), owned=[]))
        yield asking(CONSUMER_GROUP_DESCRIBE, 1, describe_body("heavy-names"))
    # A leader that joins again begins a rebalance, and as the only member ends it.
    large = [(f"protocol-{i}", b"x" * PROTOCOL_BYTES) for i in range(PROTOCOLS_LARGE)]
    alone = f"heavy-protocols-{os.getpid()}"
    _, leader = g.enter(alone, session_ms=600_000, protocols=(("protocol-0", b""),), protocol="protocol-0")
    yield asking(JOIN_GROUP, 9, join_body(alone, leader, 600_000, large))
    yield Crowd(address)


# What an ordinary client asks.
def light_requests(_address, g, group, generation, member):
    for offset in range(10):
        for api, version, body in ((HEARTBEAT, 4, heartbeat_body(group, generation, member)),
                                   (OFFSET_COMMIT, 9, commit_body(group, generation, member, [(0, offset, "")]))):
            yield functools.partial(call_in_pieces, g.connection, api, version, body)


def stand_back(thread=0):
    """It runs when a core has nothing else to do, and is interrupted at once when it has."""
    os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))


def load(address, requests_of, group, running, sent):
    if CHECKED:
        os.sched_setaffinity(0, CORES)
        stand_back()
    g = Groups(address)
    generation, member = g.enter(group)
    requests = list(requests_of(address, g, group, generation, member))
    while running.value:
        for request in requests:
            if not running.value:
                break
            request()
            sent.value += 1
    g.leave(group, member)


def p99_of(g, group, generation, member, seconds):
    """Milliseconds, over heartbeats and commits by turns."""
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        if len(took) % 2:
            g.connection.call(HEARTBEAT, 4, heartbeat_body(group, generation, member), flexible=True)
        else:
            g.connection.call(OFFSET_COMMIT, 9, commit_body(group, generation, member, [(0, len(took), "")]), flexible=True)
        took.append((time.monotonic() - began) * 1000)
        time.sleep(0.001)
    return sorted(took)[len(took) * 99 // 100], max(took)


ROUNDS, ROUND_SECONDS, ATTEMPTS = 5, 1, 3
RATIO_MAX, FLOOR_MS = 2, 2
CORES = os.sched_getaffinity(0)
CHECKED = "--check" in sys.argv
OPTIONS = [word for name, pair in zip(sys.argv, sys.argv[1:]) if name == "--option" for word in ("--" + pair.split("=", 1)[0], pair.split("=", 1)[1])]


def give_cores(broker):
    """What is measured is the shard, and not what a kernel does with more work than cores: there, whoever is woken waits for the next
    tick of the clock, 4 ms at 250 Hz. So the shard and the client that is measured have a core each, and the load, which is the other
    client and the threads that decode for it, stands back where they want to run, as it would on a machine with a core for each."""
    if len(CORES) > 1:
        mine, shards = sorted(CORES)[:2]
        os.sched_setaffinity(0, {mine})
        os.sched_setaffinity(broker.pid, {shards})
    for thread in map(int, os.listdir(f"/proc/{broker.pid}/task")):
        with open(f"/proc/{broker.pid}/task/{thread}/comm", encoding="utf-8") as name:
            decodes = name.read().strip() == "offload"
        if decodes:
            stand_back(thread)


def p99_beside(broker, requests_of, g, generation, member):
    """(p99, longest, requests of the neighbour)"""
    running, sent = multiprocessing.Value("b", 1), multiprocessing.Value("q", 0)
    neighbour = multiprocessing.Process(target=load, args=(broker.address, requests_of, requests_of.__name__, running, sent))
    neighbour.start()
    while sent.value == 0 and neighbour.is_alive():
        time.sleep(0.01)
    told = p99_of(g, "quiet", generation, member, ROUND_SECONDS)
    running.value = 0
    neighbour.join(60)
    return *told, sent.value


def neighbours(checks):
    """Both groups in one coordinator partition. Whoever writes there shares the flushes of the device with the others, so the run
    without has a neighbour too, one that does ordinary things."""
    options = ["--offsets.topic.num.partitions", "1", "--group.initial.rebalance.delay.ms", "0", "--shards", "1", *OPTIONS]
    with Broker(options=options) as broker:
        with broker.connect() as client:
            client.make_topic(TOPIC, 2)
        g = Groups(broker.address)
        g.find("quiet")
        generation, member = g.enter("quiet", session_ms=600_000)  # longer than any pause between two rounds
        if CHECKED:  # on a machine with other work, what stands back would hardly run
            p99_beside(broker, heavy_requests, g, generation, member)  # then all threads that decode are there
            give_cores(broker)
        rounds_wanted, attempts = (ROUNDS, ATTEMPTS) if CHECKED else (1, 1)
        for attempt in range(attempts):  # what stalls a shard stalls it each time; a machine that is busy otherwise does not
            alone, light, heavy = [], [], []
            for _ in range(rounds_wanted):
                alone.append(p99_of(g, "quiet", generation, member, ROUND_SECONDS)[0])
                light.append(p99_beside(broker, light_requests, g, generation, member))
                heavy.append(p99_beside(broker, heavy_requests, g, generation, member))
            stall = max(shard["longest_stall_ns"] for shard in broker.counters()) / 1e6
            calm, busy = (statistics.median(p99 for p99, _, _ in rounds) for rounds in (light, heavy))
            bound = max(RATIO_MAX * calm, FLOOR_MS)
            if busy <= bound:
                break
        checks.that(sum(sent for _, _, sent in heavy) >= rounds_wanted * (10 if CHECKED else 1), "heavy requests were under way", [sent for _, _, sent in heavy])
        told = (f"{statistics.median(alone):.2f} ms alone, {calm:.2f} ms beside ordinary requests, {busy:.2f} ms beside heavy ones; "
                f"longest answer {max(longest for _, longest, _ in heavy):.1f} ms, {f'longest turn of a shard {stall:.1f} ms' if stall else 'no turn of a shard long enough to count as a stall'}")
        what = f"the p99 of another group beside them: at most {RATIO_MAX}x, or {FLOOR_MS} ms"
        if CHECKED:
            checks.that(busy <= bound, what, told)
        else:
            print(f"not checked without --check: {what}: {told}")
        checks.equal(g.heartbeat("quiet", generation, member), NONE, "the other group is as it was")


def main():
    checks = Checks()
    for check in (codes, neighbours):
        checks.run(check.__name__, check, checks)
    checks.finish()


if __name__ == "__main__":
    main()
