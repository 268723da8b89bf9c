#!/usr/bin/env python3
"""Topic folders that Kafka wrote in this run are taken over and serve what Kafka served: adoption.py

Plain and compressed records over several segments, a compacted topic, one whose first records were deleted, transactions that were
committed, aborted and left open; after a clean stop of the reference and after kill -9. Needs MILLRACE_REFERENCE; exit code 77 without it. MILLRACE_TOOL is the tool that looks
at the folders.
"""
import gzip
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import wire  # noqa: E402
from harness.batches import batch, read_varint, varint  # noqa: E402
from harness.broker import Broker, Reference, has_reference  # noqa: E402
from harness.checks import SKIPPED_STATUS, Checks  # noqa: E402
from harness.client import FETCH_VERSION, PRODUCE_VERSION, read_produce  # noqa: E402

FIND_COORDINATOR, DELETE_RECORDS, ADD_PARTITIONS_TO_TXN, END_TXN = 10, 21, 24, 26
GZIP, TRANSACTIONAL, CONTROL = 1, 0x10, 0x20
COMPACTION_SECONDS = 60
TOPICS = {"plain": 2, "packed": 1, "compacted": 1, "transactional": 1, "shortened": 1}
SHORTENED_TO, OFFSET_OUT_OF_RANGE = 7, 1


def keyed(delta, key, value):
    body = b"\0" + varint(0) + varint(delta) + varint(len(key)) + key + varint(len(value)) + value + varint(0)
    return varint(len(body)) + body


class Transactions:
    """What a transactional producer sends, one request at a time."""

    def __init__(self, client, name):
        self.client, self.name, self.sequence = client, name, 0
        for _ in range(100):  # the coordinator may still be loading
            answer = client.call(FIND_COORDINATOR, 1, wire.string(name) + b"\1")
            answer.i32()
            if answer.i16() == 0:
                break
            time.sleep(0.1)
        for _ in range(100):
            answer = client.call(wire.INIT_PRODUCER_ID, 1, wire.string(name) + struct.pack(">i", 600000))
            answer.i32()
            error, self.producer, self.epoch = answer.i16(), answer.i64(), answer.i16()
            if not error:
                return
            time.sleep(0.1)
        raise ValueError(f"InitProducerId: error {error}")

    def send(self, topic, values):
        parts = wire.string(topic) + wire.array([struct.pack(">i", 0)])
        body = wire.string(self.name) + struct.pack(">qh", self.producer, self.epoch) + wire.array([parts])
        for _ in range(100):
            answer = self.client.call(ADD_PARTITIONS_TO_TXN, 0, body)
            answer.i32()
            error = answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i16()))))[0][1][0][1]
            if error not in (14, 15, 16, 51):  # CONCURRENT_TRANSACTIONS and not yet loaded
                break
            time.sleep(0.05)
        data = batch(values, self.producer, self.epoch, self.sequence, attributes=TRANSACTIONAL)
        self.sequence += len(values)
        topics = wire.string(topic) + wire.array([struct.pack(">ii", 0, len(data)) + data])
        answer = self.client.call(wire.PRODUCE, PRODUCE_VERSION, wire.string(self.name) + struct.pack(">hi", -1, 10000) + wire.array([topics]))
        error, _ = read_produce(answer)[topic, 0]
        if error:
            raise ValueError(f"transactional produce: error {error}")

    def end(self, commit):
        body = wire.string(self.name) + struct.pack(">qh?", self.producer, self.epoch, commit)
        for _ in range(100):
            answer = self.client.call(END_TXN, 0, body)
            answer.i32()
            error = answer.i16()
            if error not in (14, 15, 16, 51):
                break
            time.sleep(0.05)
        if error:
            raise ValueError(f"EndTxn: error {error}")


def fetch(client, topic, partition, offset, committed):
    """(error, high watermark, last stable offset, log start, [(producer id, first offset)], bytes)"""
    part = struct.pack(">iiqqi", partition, -1, offset, -1, 1 << 20)
    head = struct.pack(">iiiibii", -1, 200, 1, 1 << 20, committed, 0, -1)
    answer = client.call(wire.FETCH, FETCH_VERSION, head + wire.array([wire.string(topic) + wire.array([part])]) + wire.array([]) + wire.string(""))
    answer.i32(), answer.i16(), answer.i32()
    found = []

    def one():
        answer.i32()
        error, high, stable, start = answer.i16(), answer.i64(), answer.i64(), answer.i64()
        aborted = [(answer.i64(), answer.i64()) for _ in range(max(answer.i32(), 0))]
        answer.i32()
        found.append((error, high, stable, start, aborted, answer.bytes() or b""))

    answer.array(lambda: (answer.string(), answer.array(one)))
    return found[0]


def batches_of(data):
    at = 0
    while at + 61 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        if at + 12 + length > len(data):
            return
        yield base, base + struct.unpack_from(">i", data, at + 23)[0], data[at:at + 12 + length]
        at += 12 + length


def read(client, topic, partition, committed):
    """(end, last stable offset, {base offset: batch}) as a consumer of this isolation level keeps them: without aborted batches."""
    kept, at = {}, 0
    while True:
        error, high, stable, start, aborted, data = fetch(client, topic, partition, at, committed)
        if error == OFFSET_OUT_OF_RANGE and at < SHORTENED_TO:
            at = SHORTENED_TO
            continue
        if error:
            raise ValueError(f"fetch of {topic}-{partition} at {at}: error {error}")
        end = stable if committed else high
        if at >= end:
            return high, stable, start, kept
        progress = at
        gone, waiting = set(), sorted(aborted, key=lambda pair: pair[1])
        for base, last, whole in batches_of(data):
            attributes, producer = struct.unpack_from(">h", whole, 21)[0], struct.unpack_from(">q", whole, 43)[0]
            while committed and waiting and waiting[0][1] <= last:
                gone.add(waiting.pop(0)[0])
            if attributes & CONTROL:
                key_at = 61
                _, key_at = read_varint(whole, key_at)
                key_at += 1
                for _ in range(2):
                    _, key_at = read_varint(whole, key_at)
                _, key_at = read_varint(whole, key_at)
                if struct.unpack_from(">h", whole, key_at + 2)[0] == 0:
                    gone.discard(producer)
            if last >= at and not (attributes & TRANSACTIONAL and not attributes & CONTROL and producer in gone):
                kept[base] = whole
            progress = max(progress, last + 1)
        if progress == at:
            raise ValueError(f"fetch of {topic}-{partition} at {at}, end {end}: nothing, {len(data)} bytes")
        at = progress


def picture(client):
    return {(topic, p, committed): read(client, topic, p, committed)
            for topic, count in TOPICS.items() for p in range(count) for committed in (0, 1)}


def fill(client):
    small = [("segment.bytes", str(1 << 20))]
    client.make_topic("plain", 2, small)
    client.make_topic("packed", 1, small)
    client.make_topic("transactional", 1, small)
    client.make_topic("compacted", 1, small + [("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.01")])
    for number in range(40):
        for partition in range(2):
            produced(client, "plain", partition, batch([b"%d-" % number + b"p" * 60_000]))
        plain = b"".join(keyed(i, b"k", os.urandom(3000).hex().encode()) for i in range(20))
        produced(client, "packed", 0, batch([], attributes=GZIP, records=gzip.compress(plain), count=20, last_delta=19))
    for number in range(400):
        produced(client, "compacted", 0, batch([], records=keyed(0, b"key %d" % (number % 7), b"%d-" % number + b"c" * 9000), count=1, last_delta=0))
    client.make_topic("shortened")
    for number in range(12):
        produced(client, "shortened", 0, batch([b"%d" % number]))
    first, second = Transactions(client, "first"), Transactions(client, "second")
    for number in range(6):
        first.send("transactional", [b"first %d" % number + b"t" * 200_000])
        second.send("transactional", [b"second %d" % number])
        first.end(commit=number % 2 == 0)
        produced(client, "transactional", 0, batch([b"no transaction %d" % number]))
        second.end(commit=number % 3 != 0)
    first.send("transactional", [b"left open"])
    produced(client, "transactional", 0, batch([b"behind an open one"]))


def delete_records(client, topic, partition, offset):
    parts = wire.array([struct.pack(">iq", partition, offset)])
    answer = client.call(DELETE_RECORDS, 0, wire.array([wire.string(topic) + parts]) + struct.pack(">i", 10000))
    answer.i32()
    _, low, error = answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i64(), answer.i16()))))[0][1][0]
    if error or low != offset:
        raise ValueError(f"DeleteRecords of {topic}-{partition}: error {error}, begins at {low}")


def produced(client, topic, partition, data):
    error, _ = client.produce(topic, partition, data)
    if error:
        raise ValueError(f"produce to {topic}-{partition}: error {error}")


def wait_for_compaction(client):
    deadline = time.monotonic() + COMPACTION_SECONDS
    while time.monotonic() < deadline:
        _, _, _, kept = read(client, "compacted", 0, 0)
        if len(kept) < 300:
            return len(kept)
        time.sleep(0.5)
    raise ValueError("the reference has compacted nothing")


def adopt(checks, how, source, expected):
    home = tempfile.mkdtemp(prefix="millrace-adopted-")
    try:
        data = os.path.join(home, "data")
        shutil.copytree(source, data)
        for name in (".lock",):
            if os.path.exists(os.path.join(data, name)):
                os.remove(os.path.join(data, name))
        tool = os.environ.get("MILLRACE_TOOL")
        if tool:
            looked = subprocess.run([tool, "log", "verify", data], capture_output=True, text=True)
            checks.equal(looked.returncode, 0, f"{how}: millrace log verify finds no damage")
        broker = Broker(log_dir=data)
        try:
            broker.launch()
            refused = broker.process.wait(20)
            checks.that(refused != 0 and "log.dirs.adopt" in broker.said(), f"{how}: without log.dirs.adopt Kafka's directory is refused")
        finally:
            broker.kill()
        with Broker(log_dir=data, options=["--log.dirs.adopt", "true"]) as broker:
            with broker.connect() as client:
                for key, (high, stable, start, kept) in expected.items():
                    topic, partition, committed = key
                    got = read(client, topic, partition, committed)
                    level = "read_committed" if committed else "read_uncommitted"
                    checks.that(got == (high, stable, start, kept), f"{how}: {topic}-{partition}, {level}: the same as Kafka's",
                                f"end {got[0]} of {high}, last stable {got[1]} of {stable}, {len(got[3])} of {len(kept)} batches")
                    answer = client.call(wire.LIST_OFFSETS, 2, struct.pack(">ib", -1, committed) + wire.array(
                        [wire.string(topic) + wire.array([struct.pack(">iq", partition, -1)])]))
                    answer.i32()
                    end = answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i16(), answer.i64(), answer.i64()))))[0][1][0][3]
                    checks.equal(end, stable if committed else high, f"{how}: {topic}-{partition}, {level}: where the log ends")
                if expected["shortened", 0, 0][2] > 0:
                    checks.equal(fetch(client, "shortened", 0, SHORTENED_TO - 1, 0)[0], OFFSET_OUT_OF_RANGE, f"{how}: what was deleted at Kafka is not there")
                error, offset = client.produce("plain", 0, batch([b"ours"]))
                checks.equal((error, offset), (0, expected["plain", 0, 0][0]), f"{how}: appending goes on behind Kafka's records")
            checks.equal(broker.stop(), 0, f"{how}: a clean stop")
            broker.options = []
            broker.start()
            with broker.connect() as client:
                again = read(client, "transactional", 0, 1)
                checks.that(again == expected["transactional", 0, 1], f"{how}: after another start read_committed shows the same")
                checks.equal(client.end_offset("plain", 0), expected["plain", 0, 0][0] + 1, f"{how}: and the record of ours is there")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main():
    if not has_reference():
        print("skipped: MILLRACE_REFERENCE is not set")
        sys.exit(SKIPPED_STATUS)
    checks = Checks()
    with Reference(["log.cleaner.backoff.ms=200", "log.cleaner.threads=1"]) as reference:
        with reference.connect(60) as client:
            fill(client)
            left = wait_for_compaction(client)
            print(f"     the reference kept {left} of 400 batches of the compacted topic", flush=True)
        with reference.connect(60) as client:
            expected = picture(client)
        os.kill(reference.pid, signal.SIGKILL)
        time.sleep(0.5)
        checks.run("kill -9", adopt, checks, "kill -9", reference.log_dir, expected)
        # Kafka writes down where logs begin at a clean stop, and first 30 s after a start.
        for name in ("00000000000000000000.blocksums", "notes.txt"):
            with open(os.path.join(reference.log_dir, "plain-0", name), "wb") as file:
                file.write(b"not Kafka's")
        reference.start()
        with reference.connect(60) as client:
            checks.that(read(client, "plain", 0, 0) == expected["plain", 0, 0], "Kafka reads a folder that holds files of ours")
            delete_records(client, "shortened", 0, SHORTENED_TO)
            expected = picture(client)
        reference.stop()
        checks.run("clean stop", adopt, checks, "clean stop", reference.log_dir, expected)
    checks.finish()


if __name__ == "__main__":
    main()
