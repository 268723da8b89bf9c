#!/usr/bin/env python3
"""millrace group and millrace consume --group against a running broker: a group is listed, described with its lag and members,
reset and deleted; members share partitions and go on where the group had committed; what is refused says why, by exit status and
by one line. With --reference the consuming alone, against the reference broker (MILLRACE_REFERENCE)."""
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import wire  # noqa: E402
from harness.batches import batch  # noqa: E402
from harness.broker import TREE, Broker, chosen, clean_environment  # noqa: E402
from harness.checks import Checks  # noqa: E402

TOOL = os.environ.get("MILLRACE_TOOL") or os.path.join(TREE, "build-release/tools/millrace/millrace")
OFFSET_COMMIT, FIND_COORDINATOR, JOIN_GROUP, LEAVE_GROUP, SYNC_GROUP, DELETE_RECORDS = 8, 10, 11, 13, 14, 21
COORDINATOR_LOADS, MEMBER_ID_REQUIRED = (14, 15, 16), 79
GROUP, TOPIC = "billing", "orders"


def bytes_field(data):
    return struct.pack(">i", len(data)) + data


class Member:
    """One member of a classic group that gives every partition to itself."""

    def __init__(self, client):
        self.client, self.id = client, ""

    def join(self, topic, partitions):
        subscription = struct.pack(">h", 0) + wire.array([wire.string(topic)]) + struct.pack(">i", -1)
        # Asking for the coordinator is what makes the topic of the offsets.
        self.client.call(FIND_COORDINATOR, 1, wire.string(GROUP) + b"\0")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            body = wire.string(GROUP) + struct.pack(">ii", 30000, 30000) + wire.string(self.id) + wire.string(None)
            body += wire.string("consumer") + wire.array([wire.string("range") + bytes_field(subscription)])
            answer = self.client.call(JOIN_GROUP, 5, body)
            answer.i32()
            error, self.generation, _, _, self.id = answer.i16(), answer.i32(), answer.string(), answer.string(), answer.string()
            if error == 0:
                break
            if error not in (*COORDINATOR_LOADS, MEMBER_ID_REQUIRED):
                raise ValueError(f"JoinGroup: error {error}")
            time.sleep(0 if error == MEMBER_ID_REQUIRED else 0.1)
        mine = wire.string(topic) + wire.array([struct.pack(">i", p) for p in partitions])
        assignment = struct.pack(">h", 0) + wire.array([mine]) + struct.pack(">i", -1)
        body = wire.string(GROUP) + struct.pack(">i", self.generation) + wire.string(self.id) + wire.string(None)
        answer = self.client.call(SYNC_GROUP, 3, body + wire.array([wire.string(self.id) + bytes_field(assignment)]))
        answer.i32()
        return answer.i16()

    def commit(self, topic, offsets):
        parts = [struct.pack(">iqi", p, offset, -1) + wire.string("") for p, offset in offsets.items()]
        body = wire.string(GROUP) + struct.pack(">i", self.generation) + wire.string(self.id) + wire.string(None)
        answer = self.client.call(OFFSET_COMMIT, 7, body + wire.array([wire.string(topic) + wire.array(parts)]))
        answer.i32()
        return answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i16()))))[0][1]

    def leave(self):
        self.client.call(LEAVE_GROUP, 0, wire.string(GROUP) + wire.string(self.id))


class Tool:
    def __init__(self, broker):
        self.broker = broker

    def __call__(self, *words):
        """(exit status, standard output, standard error)"""
        done = subprocess.run([TOOL, *words, "--bootstrap-server", self.broker.bootstrap], capture_output=True, text=True, timeout=60,
                              env=clean_environment())
        return done.returncode, done.stdout, done.stderr

    def json(self, *words):
        status, out, err = self(*words, "--format", "json")
        if status:
            raise ValueError(f"{' '.join(words)}: {err}")
        return json.loads(out)

    def committed(self):
        rows = self.json("group", "describe", GROUP)[0]["partitions"]
        return {row["partition"]: row["committed"] for row in rows if row["committed"] is not None}


def refused(checks, tool, title, status, *words):
    """The exit status, and one line that holds each of the words behind the command."""
    command, expected = words
    code, _, err = tool(*command)
    checks.that(code == status and err.count("\n") == 1 and all(word in err for word in expected), title, f"{code}: {err.strip()}")


def described(checks, tool):
    group = tool.json("group", "describe", GROUP)[0]
    checks.equal((group["group"], group["state"], group["protocol_type"], group["assignor"]), (GROUP, "Stable", "consumer", "range"),
                 "describe: state and protocol")
    rows = {row["partition"]: row for row in group["partitions"]}
    checks.equal({p: (row["committed"], row["end"], row["lag"]) for p, row in rows.items()},
                 {0: (10, 40, 30), 1: (40, 40, 0), 2: (None, 0, None)}, "describe: committed offset, end and lag of each partition")
    age = rows[0]["lag_seconds"]
    checks.that(0 <= age < 120, "describe: the lag in seconds is the age of the first record that was not read", age)
    checks.equal(rows[1]["lag_seconds"], 0, "describe: who has read everything has a lag of 0 seconds")
    checks.that(rows[2]["lag_seconds"] is None, "describe: without a committed offset the lag is unknown")
    checks.equal({(row["member"], row["client"]) for row in rows.values()}, {(group["members"][0]["member"], "millrace-test")},
                 "describe: the member of each partition")
    checks.equal([(a["topic"], a["partition"]) for a in group["members"][0]["assignment"]], [(TOPIC, 0), (TOPIC, 1), (TOPIC, 2)],
                 "describe: the assignment is decoded")
    status, text, _ = tool("group", "describe", GROUP)
    lines = text.splitlines()
    columns = [line.find(word) + len(word) for line, word in zip(lines[1:4], ("LAG", " 30", " 0"))]
    checks.that(status == 0 and lines[1].startswith("TOPIC") and len(set(columns)) == 1, "describe: a table for people is aligned", columns)


def with_members(checks, broker, tool, client):
    member = Member(client)
    checks.equal(member.join(TOPIC, [0, 1, 2]), 0, "a member joins")
    checks.equal(member.commit(TOPIC, {0: 10, 1: 40}), [(0, 0), (1, 0)], "it commits")
    checks.equal([(g["group"], g["state"], g["type"], g["protocol_type"]) for g in tool.json("group", "list")],
                 [(GROUP, "Stable", "classic", "consumer")], "list: the group, its state and types")
    described(checks, tool)
    reset = ("group", "reset-offsets", GROUP, "--topic", TOPIC, "--to-earliest")
    refused(checks, tool, "reset-offsets: a group with members is refused", 1, (*reset, "--execute"), [GROUP, "members", "stop them"])
    refused(checks, tool, "delete: a group with members is refused", 1, ("group", "delete", GROUP), [GROUP, "members", "stop them"])
    checks.equal(tool.committed(), {0: 10, 1: 40}, "what was refused changed nothing")
    member.leave()


def resets(checks, broker, tool, client):
    # The topic's first records are from 1970, those that the tool wrote from now.
    minute_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    cases = [
        (["--to-earliest"], {0: 0, 1: 0}), (["--to-latest"], {0: 40, 1: 40}), (["--to-offset", "25"], {0: 25, 1: 25}),
        (["--shift-by=-5"], {0: 20, 1: 20}), (["--shift-by", "1000"], {0: 40, 1: 40}), (["--to-offset", "41"], {0: 40, 1: 40}),
        (["--to-time", "2000-01-01T00:00:00Z"], {0: 10, 1: 40}), (["--to-time", minute_ago], {0: 10, 1: 40}),
        (["--by-duration", "PT1M"], {0: 10, 1: 40}), (["--by-duration", "90s"], {0: 10, 1: 40}),
        (["--to-time", "1970-01-01T00:00:00Z"], {0: 0, 1: 0}), (["--to-time", "2999-01-01"], {0: 40, 1: 40}),
    ]
    for target, expected in cases:
        before = tool.committed()
        command = ("group", "reset-offsets", GROUP, "--topic", f"{TOPIC}:0,1", *target)
        plan = tool.json(*command)
        title = " ".join(target)
        checks.that(plan["executed"] is False and {row["partition"]: row["new"] for row in plan["partitions"]} == expected,
                    f"reset-offsets {title}: says what it would do", plan["partitions"])
        checks.equal(tool.committed(), before, f"reset-offsets {title}: changes nothing without --execute")
        checks.equal(tool.json(*command, "--execute")["executed"], True, f"reset-offsets {title}: is done with --execute")
        checks.equal(tool.committed(), expected, f"reset-offsets {title}: the offsets are there afterwards")
    named = lambda *topics: [row["partition"] for row in tool.json(
        "group", "reset-offsets", GROUP, *(word for topic in topics for word in ("--topic", topic)), "--to-earliest")["partitions"]]
    checks.equal((named(TOPIC, f"{TOPIC}:1"), named(f"{TOPIC}:1", TOPIC), named(f"{TOPIC}:2,1", f"{TOPIC}:1,0")), ([0, 1, 2], [0, 1, 2], [0, 1, 2]),
                 "reset-offsets: a partition that is named twice is there once")
    tool("group", "reset-offsets", GROUP, "--topic", f"{TOPIC}:1", "--to-offset", "7", "--execute")
    checks.equal(tool.committed(), {0: 40, 1: 7}, "reset-offsets: only the partitions that are named change")


def refusals(checks, broker, tool, client):
    reset = ("group", "reset-offsets", GROUP)
    refused(checks, tool, "describe: a group that does not exist", 1, ("group", "describe", "nobody"), ["nobody", "group list"])
    refused(checks, tool, "delete: a group that does not exist", 1, ("group", "delete", "nobody"), ["nobody", "group list"])
    for command in (("group", "describe", ""), ("group", "delete", GROUP, ""), ("group", "reset-offsets", "", "--topic", TOPIC, "--to-latest", "--execute"),
                    ("consume", TOPIC, "--group", "")):
        refused(checks, tool, f"{' '.join(command[:2])}: an empty group id", 2, command, ["group id", "empty"])
    refused(checks, tool, "reset-offsets: no topic", 2, (*reset, "--to-latest"), ["--topic"])
    refused(checks, tool, "reset-offsets: no target", 2, (*reset, "--topic", TOPIC), ["--to-earliest"])
    refused(checks, tool, "reset-offsets: two targets", 2, (*reset, "--topic", TOPIC, "--to-latest", "--to-earliest"), ["one of"])
    refused(checks, tool, "reset-offsets: no time", 2, (*reset, "--topic", TOPIC, "--to-time", "noon"), ["noon", "2026-"])
    refused(checks, tool, "reset-offsets: no duration", 2, (*reset, "--topic", TOPIC, "--by-duration", "5"), ["90s"])
    refused(checks, tool, "reset-offsets: no partition 9", 1, (*reset, "--topic", f"{TOPIC}:9", "--to-latest"), ["partition 9", "3 partitions"])
    refused(checks, tool, "reset-offsets: no such topic", 1, (*reset, "--topic", "nix", "--to-latest"), ["nix", "does not exist"])
    refused(checks, tool, "reset-offsets: nothing to shift", 1, (*reset, "--topic", f"{TOPIC}:2", "--shift-by", "1"), ["no committed offset"])
    status, out, err = tool("group", "describe", "nobody", GROUP, "--format", "json")
    checks.that(status == 1 and [g["group"] for g in json.loads(out)] == [GROUP] and "nobody" in err,
                "describe: the groups that exist are shown beside the error for the one that does not")


def endings(checks, broker, tool, client):
    checks.equal(tool("group", "reset-offsets", "made", "--topic", TOPIC, "--to-earliest", "--execute")[0], 0,
                 "reset-offsets: a group begins with its first offsets")
    checks.equal(sorted(g["group"] for g in tool.json("group", "list")), [GROUP, "made"], "list: both groups, in order")
    broker.kill()
    broker.start()
    checks.equal(tool.committed(), {0: 40, 1: 7}, "kill -9: the offsets that were set are there")
    checks.equal(tool("group", "delete", "made")[:2], (0, "group made deleted\n"), "delete: a group that only has offsets")
    checks.equal(tool("topic", "delete", TOPIC)[0], 0, "the topic is deleted")
    status, _, err = tool("group", "describe", GROUP)
    checks.equal((status, err), (0, ""), "describe: a group whose topic is gone is described all the same")
    checks.equal(tool("group", "delete", GROUP)[:2], (0, f"group {GROUP} deleted\n"), "delete: a group that had members")
    checks.equal(tool.json("group", "list"), [], "list: no group is left")


SHARED, READERS, PARTITIONS = "shared", "readers", 4
WAIT_S = 30


class Consumer:
    """millrace consume --group in the background, by its output."""

    def __init__(self, broker, *words):
        self.out = tempfile.TemporaryFile("w+")
        command = [TOOL, "consume", SHARED, "--group", READERS, "--format", "json", "--bootstrap-server", broker.bootstrap, *words]
        self.process = subprocess.Popen(command, stdout=self.out, stderr=subprocess.PIPE, text=True, env=clean_environment())

    def read(self):
        """[(partition, offset)]"""
        self.out.seek(0)
        return [(r["partition"], r["offset"]) for r in map(json.loads, self.out.read().splitlines())]

    def end(self, how):
        self.process.send_signal(how)
        err = self.process.communicate(timeout=WAIT_S)[1]
        return self.process.returncode, err


def until(holds, seconds=WAIT_S):
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


def consuming(checks, broker, tool, client):
    client.make_topic(SHARED, PARTITIONS)
    everything = set()

    def write(count):
        first = len(everything) // PARTITIONS
        for p in range(PARTITIONS):
            client.produce(SHARED, p, batch([b"shared"] * count))
            everything.update((p, offset) for offset in range(first, first + count))

    def owned():
        """How many partitions each member has."""
        members = tool.json("group", "describe", READERS)[0]["members"]
        return sorted(len(m["assignment"]) for m in members)

    write(100)
    first = Consumer(broker, "--follow")
    checks.that(until(lambda: set(first.read()) == everything), "consume --group: a member reads everything", len(first.read()))
    second = Consumer(broker, "--follow")
    checks.that(until(lambda: owned() == [2, 2]), "consume --group: a second member gets half of the partitions", owned())
    write(100)
    both = lambda: first.read() + second.read()
    checks.that(until(lambda: len(both()) >= len(everything)), "consume --group: both read on while partitions move")
    checks.equal((sorted(both()) == sorted(everything), len({p for p, _ in second.read()})), (True, 2),
                 "consume --group: each record comes to one of them, once")
    checks.equal(second.end(signal.SIGINT), (0, ""), "consume --group: Ctrl-C ends a member in order")
    checks.that(until(lambda: owned() == [4]), "consume --group: who leaves leaves its partitions to the other", owned())
    write(10)
    checks.that(until(lambda: len(both()) >= len(everything)), "consume --group: the other reads all of them")
    checks.that(sorted(both()) == sorted(everything), "consume --group: nothing was lost or repeated by the leaving")
    checks.equal(first.end(signal.SIGTERM), (0, ""), "consume --group: SIGTERM ends a member in order")
    group = tool.json("group", "describe", READERS)[0]
    checks.equal((group["state"], {row["partition"]: row["committed"] for row in group["partitions"]}), ("Empty", dict.fromkeys(range(PARTITIONS), 210)),
                 "consume --group: what was read is committed at the end")
    resuming(checks, tool, write)


def resuming(checks, tool, write):
    read = ("consume", SHARED, "--group", READERS, "--timeout-ms", "1500", "--format", "json")
    checks.equal(tool(*read), (0, "", ""), "consume --group: nothing new is nothing printed, and the command ends")
    write(2)
    _, some, _ = tool(*read, "--count", "3")
    _, rest, _ = tool(*read)
    offsets = [[(r["partition"], r["offset"]) for r in map(json.loads, out.splitlines())] for out in (some, rest)]
    checks.equal((len(offsets[0]), sorted(offsets[0] + offsets[1])), (3, [(p, o) for p in range(PARTITIONS) for o in (210, 211)]),
                 "consume --group: a member that stops at a count is followed by one that goes on there")
    latest = ("consume", SHARED, "--group", "late", "--offset", "latest", "--timeout-ms", "1500")
    checks.equal(tool(*latest), (0, "", ""), "consume --group --offset latest: a new group begins at the end")
    refused(checks, tool, "consume --group: no partition can be chosen", 2, ("consume", SHARED, "--group", READERS, "--partition", "1"), ["--partition"])
    refused(checks, tool, "consume --group: no offset can be chosen", 2, ("consume", SHARED, "--group", READERS, "--offset", "7"), ["reset-offsets"])
    refused(checks, tool, "consume --group: no such topic", 1, ("consume", "nix", "--group", READERS), ["nix", "does not exist"])


def overtaken(checks, broker, client):
    """Records are deleted while a member that cannot print still has to read them: more than it fetches at once, and nobody takes
    from it what it prints."""
    lagging, count = "lagging", 80
    client.make_topic(lagging, 1)
    for _ in range(count):
        client.produce(lagging, 0, batch([b"x" * 100_000]))
    command = [TOOL, "consume", lagging, "--group", lagging, "--timeout-ms", "1500", "--bootstrap-server", broker.bootstrap]
    member = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
    begun = member.stdout.read(1)
    answer = client.call(DELETE_RECORDS, 1, wire.array([wire.string(lagging) + wire.array([struct.pack(">iq", 0, count)])]) + struct.pack(">i", 10_000))
    answer.i32()
    gone = answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i64(), answer.i16()))))
    client.produce(lagging, 0, batch([b"the last"]))
    out, err = member.communicate(timeout=WAIT_S)
    lines = (begun + out).splitlines()
    checks.equal((gone[0][1][0], member.returncode, err), ((0, count, 0), 0, b""), "consume --group: records that are deleted before they are read are no error")
    checks.that(b"the last" in lines[-1] and 1 < len(lines) <= count, "consume --group: it goes on with what is there", len(lines))


def without_coordinator(checks):
    """The log that the groups are kept in cannot be opened, so nobody coordinates, for as long as the broker runs."""
    with Broker(options=["--offsets.topic.num.partitions", "1"]) as broker:
        with broker.connect() as client:
            client.make_topic(TOPIC, 1)
        with open(os.path.join(broker.log_dir, "__consumer_offsets-0"), "w", encoding="ascii"):
            pass
        refused(checks, Tool(broker), "consume --group: a member that the time runs out for before it is in the group says why", 1,
                ("consume", TOPIC, "--group", READERS, "--timeout-ms", "500"), ["not_coordinator", READERS])


def without_migration(checks):
    with Broker(options=["--group.initial.rebalance.delay.ms", "0", "--group.consumer.migration.policy", "disabled"]) as broker:
        with broker.connect() as client:
            client.make_topic(TOPIC, 1)
            member = Member(client)
            member.join(TOPIC, [0])
            refused(checks, Tool(broker), "consume --group: why a classic group takes no member of the consumer protocol is what the broker says", 1,
                    ("consume", TOPIC, "--group", GROUP), [GROUP, "online upgrade is disabled"])


def main():
    checks = Checks()
    options = ["--group.initial.rebalance.delay.ms", "0", "--group.consumer.session.timeout.ms", "6000"]
    with chosen(sys.argv, options=[*options, "--group.consumer.heartbeat.interval.ms", "300"]) as broker:
        tool = Tool(broker)
        with broker.connect() as client:
            checks.run("consuming", consuming, checks, broker, tool, client)
            checks.run("overtaken", overtaken, checks, broker, client)
            if broker.name == "reference":
                checks.finish()
                return
            checks.equal(tool("group", "delete", READERS)[0], 0, "delete: a group by the consumer protocol")
            checks.equal(tool("group", "delete", "late")[0], 0, "delete: a group whose member had nothing to read")
            checks.equal(tool("group", "delete", "lagging")[0], 0, "delete: a group whose records are gone")
            checks.equal(tool.json("group", "list"), [], "list: no groups are an empty list")
            client.make_topic(TOPIC, 3, [("retention.ms", "-1")])
            client.produce(TOPIC, 0, batch([b"old"] * 10, timestamp_ms=0))
            client.produce(TOPIC, 1, batch([b"old"] * 40, timestamp_ms=0))
            checks.equal(tool("produce", TOPIC, "--generate", "30", "--partition", "0")[0], 0, "records of now")
            for work in (with_members, resets, refusals, endings):
                checks.run(work.__name__, work, checks, broker, tool, client)
    checks.run("without_coordinator", without_coordinator, checks)
    checks.run("without_migration", without_migration, checks)
    checks.finish()


if __name__ == "__main__":
    main()
