#!/usr/bin/env python3
"""Requests that are well-formed and wrong get Kafka's exact code and a message that says why.

  bad_requests.py [--reference]     --reference asks the reference broker (env MILLRACE_REFERENCE) the same
"""
import os
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import wire  # noqa: E402
from harness.broker import chosen  # noqa: E402
from harness.checks import Checks  # noqa: E402
from harness.client import FETCH_VERSION, fetch_body, read_fetch  # noqa: E402

OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC, INVALID_TOPIC, TOPIC_EXISTS = 1, 3, 17, 36
INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR, INVALID_CONFIG, INVALID_REQUEST, POLICY_VIOLATION = 37, 38, 40, 42, 44
SESSION_NOT_FOUND = 70
SET, TOPIC_RESOURCE = 0, 2


def creations(checks, client):
    client.make_topic("there", 2)
    for what, code, name, partitions, configs in (
        ("a space in the name", INVALID_TOPIC, "bad name", 1, []),
        ("a slash in the name", INVALID_TOPIC, "../escape", 1, []),
        ("the name '.'", INVALID_TOPIC, ".", 1, []),
        ("the name '..'", INVALID_TOPIC, "..", 1, []),
        ("an empty name", INVALID_TOPIC, "", 1, []),
        ("a name of 250 characters", INVALID_TOPIC, "n" * 250, 1, []),
        ("an existing name", TOPIC_EXISTS, "there", 1, []),
        ("no partitions", INVALID_PARTITIONS, "t", 0, []),
        ("-2 partitions", INVALID_PARTITIONS, "t", -2, []),
        ("a million partitions", POLICY_VIOLATION, "t", 1_000_000, []),
        ("an unknown config", INVALID_CONFIG, "t", 1, [("retention.mss", "1")]),
        ("a config that is no number", INVALID_CONFIG, "t", 1, [("retention.ms", "soon")]),
        ("a config out of its range", INVALID_CONFIG, "t", 1, [("min.insync.replicas", "0")]),
        ("an unknown word in a config", INVALID_CONFIG, "t", 1, [("cleanup.policy", "shred")]),
    ):
        error, message = client.create_topic(name, partitions, configs)
        checks.that(error == code and bool(message), f"creation with {what}", f"code {error}, expected {code}: {message}")
    topic = wire.string("t") + struct.pack(">ih", 1, 3) + wire.array([]) + wire.array([])
    answer = client.call(wire.CREATE_TOPICS, 4, wire.array([topic]) + struct.pack(">i?", 30000, False))
    answer.i32()
    error = answer.array(lambda: (answer.string(), answer.i16(), answer.string()))[0][1]
    checks.equal(error, INVALID_REPLICATION_FACTOR, "creation with three copies on one broker")
    checks.equal(client.describe_topics(["t"])["t"][0], UNKNOWN_TOPIC, "none of them made a topic")


def alterations(checks, client):
    def alter(topic, key, value):
        entry = wire.string(key) + struct.pack(">b", SET) + wire.string(value)
        body = wire.array([struct.pack(">b", TOPIC_RESOURCE) + wire.string(topic) + wire.array([entry])])
        answer = client.call(wire.INCREMENTAL_ALTER_CONFIGS, 0, body + b"\0")
        answer.i32()
        return answer.array(lambda: (answer.i16(), answer.string(), answer.i8(), answer.string()))[0][:2]

    def grow(topic, partitions):
        body = wire.array([wire.string(topic) + struct.pack(">ii", partitions, -1)]) + struct.pack(">i?", 30000, False)
        answer = client.call(wire.CREATE_PARTITIONS, 1, body)
        answer.i32()
        return answer.array(lambda: (answer.string(), answer.i16(), answer.string()))[0][1:]

    def delete(topic):
        answer = client.call(wire.DELETE_TOPICS, 3, wire.array([wire.string(topic)]) + struct.pack(">i", 30000))
        answer.i32()
        return answer.array(lambda: (answer.string(), answer.i16()))[0][1]

    for what, code, (error, message) in (
        ("an unknown config", INVALID_CONFIG, alter("there", "no.such.config", "1")),
        ("a bad value", INVALID_CONFIG, alter("there", "max.message.bytes", "-1")),
        ("an unknown topic", UNKNOWN_TOPIC, alter("no-such-topic", "retention.ms", "1")),
        ("fewer partitions", INVALID_PARTITIONS, grow("there", 1)),
        ("as many partitions", INVALID_PARTITIONS, grow("there", 2)),
        ("partitions of an unknown topic", UNKNOWN_TOPIC, grow("no-such-topic", 5)),
    ):
        told = bool(message) or error == UNKNOWN_TOPIC
        checks.that(error == code and told, f"alteration with {what}", f"code {error}, expected {code}: {message}")
    checks.equal(delete("no-such-topic"), UNKNOWN_TOPIC, "deletion of an unknown topic")


def reads(checks, client):
    checks.equal(client.fetch("no-such-topic", 0, 0)[0], UNKNOWN_TOPIC, "fetch of an unknown topic")
    checks.equal(client.fetch("there", 9, 0)[0], UNKNOWN_TOPIC, "fetch of an unknown partition")
    checks.equal(client.fetch("there", 0, 5)[0], OFFSET_OUT_OF_RANGE, "fetch behind the end")
    checks.equal(client.fetch("there", 0, -1)[0], OFFSET_OUT_OF_RANGE, "fetch at a negative offset")
    checks.equal(client.list_offset("no-such-topic", 0)[0], UNKNOWN_TOPIC, "offsets of an unknown topic")
    body = fetch_body([("there", [(0, 0)])], session=12345, epoch=1)
    checks.equal(read_fetch(client.call(wire.FETCH, FETCH_VERSION, body))[0], SESSION_NOT_FOUND, "fetch in a session that nobody opened")
    described = client.describe_topics(["bad name", "no-such-topic", "there"])
    checks.equal({name: found[0] for name, found in described.items()},
                 {"bad name": INVALID_TOPIC, "no-such-topic": UNKNOWN_TOPIC, "there": 0}, "metadata of bad, unknown and real names")


def main():
    checks = Checks()
    with chosen(sys.argv[1:]) as broker, broker.connect() as client:
        for check in (creations, alterations, reads):
            checks.run(check.__name__, check, checks, client)
    checks.finish()


if __name__ == "__main__":
    main()
