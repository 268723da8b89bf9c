#!/usr/bin/env python3
"""Wrong record batches get Kafka's exact error for their partition, store nothing, and spoil no partition beside them.

  bad_batches.py [--reference]     --reference asks the reference broker (env MILLRACE_REFERENCE) the same
"""
import os
import sys
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import wire  # noqa: E402
from harness.batches import batch, record, varint  # noqa: E402
from harness.broker import chosen  # noqa: E402
from harness.checks import Checks  # noqa: E402
from harness.client import PRODUCE_VERSION, produce_body, read_produce  # noqa: E402

CORRUPT_MESSAGE, UNKNOWN_TOPIC, MESSAGE_TOO_LARGE, INVALID_REQUIRED_ACKS = 2, 3, 10, 21
OUT_OF_ORDER, UNSUPPORTED_COMPRESSION, INVALID_RECORD = 45, 76, 87
VALUES = [b"one", b"two", b"three"]


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1:]


def reversed_deltas():
    return batch(VALUES, records=record(1, b"a") + record(0, b"b") + record(2, b"c"))


def record_longer_than_the_batch():
    body = b"\0" + varint(0) + varint(0) + varint(-1) + varint(500) + b"short" + varint(0)
    return batch([b"x"], records=varint(len(body)) + body)


# What is wrong, the bytes, Kafka's code. The good partition beside it must be stored.
WRONG = [
    ("a flipped bit of a record", flipped(batch(VALUES), 70), CORRUPT_MESSAGE),
    ("a wrong CRC", batch(VALUES, crc=12345), CORRUPT_MESSAGE),
    ("magic 0", batch(VALUES, magic=0), INVALID_RECORD),
    ("magic 1", batch(VALUES, magic=1), INVALID_RECORD),
    ("magic 3", batch(VALUES, magic=3), CORRUPT_MESSAGE),
    ("a length shorter than a header", batch(VALUES, length=20), CORRUPT_MESSAGE),
    ("a negative length", batch(VALUES, length=-5), CORRUPT_MESSAGE),
    ("a count higher than the records", batch(VALUES, count=4, last_delta=3), INVALID_RECORD),
    ("a count lower than the records", batch(VALUES, count=2, last_delta=1), INVALID_RECORD),
    ("a count that differs from the last offset delta", batch(VALUES, last_delta=7), INVALID_RECORD),
    ("a negative count", batch(VALUES, count=-1), INVALID_RECORD),
    ("offset deltas out of order", reversed_deltas(), INVALID_RECORD),
    ("a value that is longer than its record", record_longer_than_the_batch(), INVALID_RECORD),
    ("two batches for one partition", batch(VALUES) + batch(VALUES), INVALID_RECORD),
    ("no batch at all", b"", INVALID_RECORD),
    ("a control batch of a client", batch(VALUES, attributes=0x20), INVALID_RECORD),
    ("a codec that does not exist", batch(VALUES, attributes=5), UNSUPPORTED_COMPRESSION),
    ("a batch over max.message.bytes", batch([b"x" * 20000]), MESSAGE_TOO_LARGE),
]
# Where the reference does otherwise: it stores unordered deltas as they are, it has no better code for an unknown codec,
# and two kinds of damage make it refuse the partitions beside the damaged one as well.
REFERENCE_CODES = {"offset deltas out of order": 0, "a codec that does not exist": -1}
REFERENCE_REFUSES_ALL = ("magic 3", "a negative length")


def wrong_batches(checks, client, is_reference):
    topic, stored, beside = "wrong-batches", 0, 0
    client.make_topic(topic, 2, [("max.message.bytes", "10000")])
    for what, data, code in WRONG:
        if is_reference:
            code = REFERENCE_CODES.get(what, code)
        answer = read_produce(client.call(wire.PRODUCE, PRODUCE_VERSION, produce_body([(topic, [(0, data), (1, batch(VALUES))])])))
        checks.equal(answer[topic, 0][0], code, what)
        stored += len(VALUES) * (code == 0)
        if not (is_reference and what in REFERENCE_REFUSES_ALL):
            checks.equal(answer[topic, 1], (0, beside), f"{what}: the partition beside it is stored")
            beside += len(VALUES)
    checks.equal(client.end_offset(topic, 0), stored, "nothing wrong was stored")
    checks.equal(client.end_offset(topic, 1), beside, "everything right was stored")
    checks.equal(len(client.read_all(topic, 1)), beside, "and can be read")


def cut_batch(checks, client):
    """Fewer bytes than the batch says."""
    data = batch(VALUES)
    for size in (5, 30, 61, len(data) - 1):
        error, _ = client.produce("wrong-batches", 0, data[:size])
        checks.equal(error, INVALID_RECORD, f"a batch cut to {size} of {len(data)} bytes")


def compressed(checks, client):
    """Never decompressed to be checked: bytes that are no gzip stream are stored or refused, but a good stream is stored."""
    records = b"".join(record(i, v) for i, v in enumerate(VALUES))
    good = zlib.compressobj(wbits=31)
    stream = good.compress(records) + good.flush()
    client.make_topic("compressed")
    checks.equal(client.produce("compressed", 0, batch(VALUES, attributes=1, records=stream)), (0, 0), "a gzip batch is stored")
    error, _ = client.produce("compressed", 0, flipped(batch(VALUES, attributes=1, records=stream), 65))
    checks.equal(error, CORRUPT_MESSAGE, "a gzip batch with a flipped bit is refused by its CRC")


def sequences(checks, client):
    """Idempotent producers: a repeat is acknowledged where the first stands, a gap is refused."""
    producer, epoch = client.init_producer_id()
    client.make_topic("sequences", 2)
    say = lambda sequence: client.produce("sequences", 0, batch(VALUES, producer, epoch, sequence))
    checks.equal([say(0), say(3), say(6)], [(0, 0), (0, 3), (0, 6)], "three batches in sequence")
    checks.equal([say(0), say(3), say(6)], [(0, 0), (0, 3), (0, 6)], "the same again are duplicates with their old offsets")
    checks.equal(say(12)[0], OUT_OF_ORDER, "a gap in the sequence is OUT_OF_ORDER_SEQUENCE_NUMBER")
    checks.equal(client.end_offset("sequences", 0), 9, "nothing is there twice")
    checks.equal(client.produce("sequences", 1, batch(VALUES, producer, epoch, 5)), (0, 0), "where it is new it may begin anywhere")


def requests(checks, client, broker):
    before = client.end_offset("wrong-batches", 0)
    checks.equal(client.produce("no-such-topic", 0, batch(VALUES))[0], UNKNOWN_TOPIC, "produce to an unknown topic")
    checks.equal(client.produce("wrong-batches", 99, batch(VALUES))[0], UNKNOWN_TOPIC, "produce to an unknown partition")
    checks.equal(client.produce("wrong-batches", -1, batch(VALUES))[0], UNKNOWN_TOPIC, "produce to a negative partition")
    checks.equal(client.produce("wrong-batches", 0, batch(VALUES), acks=2)[0], INVALID_REQUIRED_ACKS, "acks=2")
    client.make_topic("keyed", 1, [("cleanup.policy", "compact")])
    checks.equal(client.produce("keyed", 0, batch(VALUES))[0], INVALID_RECORD, "records without keys on a compacted topic")
    with broker.connect() as other:
        other.send(wire.PRODUCE, PRODUCE_VERSION, produce_body([("wrong-batches", [(0, batch(VALUES, crc=1))])], acks=0))
        checks.that(other.is_closed_within(10), "acks=0 and a wrong batch: the connection is closed, the only answer there is")
    checks.equal(client.end_offset("wrong-batches", 0), before, "still nothing wrong is stored")


def main():
    checks = Checks()
    with chosen(sys.argv[1:]) as broker, broker.connect() as client:
        checks.run("wrong batches", wrong_batches, checks, client, broker.name == "reference")
        for check in (cut_batch, compressed, sequences):
            checks.run(check.__name__, check, checks, client)
        checks.run("requests", requests, checks, client, broker)
    checks.finish()


if __name__ == "__main__":
    main()
