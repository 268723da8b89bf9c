#!/usr/bin/env python3
"""Compaction from outside: the newest value of each key stays, at its offset, also over a restart; deletions go after their time.
Where MILLRACE_REFERENCE is set, the reference broker gets the same batches and must be left with the same ones: same records,
offsets, sequences and headers, byte for byte where no time of the compaction is in them; and its dump tool reads our files."""
import gzip
import os
import random
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import wire  # noqa: E402
from harness.batches import HEADER_BYTES, batch, check_crc_of, crc32c, read_varint, varint, whole_batches  # noqa: E402
from harness.broker import Broker, Reference, has_reference  # noqa: E402
from harness.checks import Checks  # noqa: E402

KEYS, BATCHES, SEGMENT_BYTES = 150, 900, 1 << 20
GZIP, DELETE_HORIZON = 1, 0x40
QUICK = ["log.cleaner.backoff.ms=100", "log.initial.task.delay.ms=100", "log.retention.check.interval.ms=500"]
WAIT_SECONDS = 60


def nullable(data):
    return varint(-1) if data is None else varint(len(data)) + data


def record(delta, key, value, headers):
    body = b"\0" + varint(delta) + varint(delta) + nullable(key) + nullable(value) + varint(len(headers))
    body += b"".join(varint(len(name)) + name + nullable(content) for name, content in headers)
    return varint(len(body)) + body


def records_in(data, at, end, count, base, base_time):
    """(offset, time, key, value, headers) of each record."""
    def piece():
        nonlocal at
        size, at = read_varint(data, at)
        if size < 0:
            return None
        at += size
        return bytes(data[at - size:at])

    for _ in range(count):
        _, at = read_varint(data, at)
        time_delta, at = read_varint(data, at + 1)
        delta, at = read_varint(data, at)
        key, value = piece(), piece()
        headers, at = read_varint(data, at)
        yield base + delta, base_time + time_delta, key, value, tuple((piece(), piece()) for _ in range(headers))


def batches_in(data):
    """Each batch as a dictionary; checked by its CRC."""
    for base, at, end in whole_batches(data):
        attributes, last, base_time, newest, producer, epoch, sequence, count = struct.unpack_from(">hiqqqhiI", data, at + 21)
        check_crc_of(data, base, at, end)
        body = data[at + HEADER_BYTES:end]
        plain = gzip.decompress(body) if attributes & 7 == GZIP and count else body
        # With a delete horizon the base time is that of the compaction, and so are the deltas.
        yield {"base": base, "last": base + last, "attributes": attributes, "newest": newest, "sequence": (producer, epoch, sequence),
               "records": list(records_in(plain, 0, len(plain), count, base, base_time)),
               "bytes": None if attributes & (DELETE_HORIZON | 7) else bytes(data[at + 21:end])}


def everything(client, topic):
    out, at, end = [], 0, client.end_offset(topic, 0)
    while at < end:
        error, _, data = client.fetch(topic, 0, at, 4 << 20)
        found = [b for b in batches_in(data) if b["last"] >= at]
        if error or not found:
            raise ValueError(f"fetch of {topic} at {at}, end {end}: error {error}, {len(data)} bytes")
        out += found
        at = out[-1]["last"] + 1
    return out


def flat(batches):
    return [r for b in batches for r in b["records"]]


def alter(client, topic, **configs):
    entries = [wire.string(name.replace("_", ".")) + b"\0" + wire.string(value) for name, value in configs.items()]
    body = wire.array([struct.pack(">b", 2) + wire.string(topic) + wire.array(entries)]) + b"\0"
    answer = client.call(wire.INCREMENTAL_ALTER_CONFIGS, 0, body)
    answer.i32()
    error, message, _, _ = answer.array(lambda: (answer.i16(), answer.string(), answer.i8(), answer.string()))[0]
    if error:
        raise ValueError(f"IncrementalAlterConfigs: error {error}: {message}")


def fill(client, topic, now, producer):
    """The same for every broker. Returns {key: (offset, value)} of the newest."""
    pick, newest, offset, sequence = random.Random(7), {}, 0, 0
    for number in range(BATCHES):
        made = b""
        count = pick.randrange(1, 6)
        for delta in range(count):
            key = b"key-%d" % pick.randrange(KEYS)
            value = None if pick.random() < 0.05 else pick.randbytes(pick.randrange(600, 2000))
            made += record(delta, key, value, [(b"h", b"%d" % number), (b"none", None)] if number % 4 == 0 else [])
            newest[key] = offset + delta, value
        attributes = GZIP if number % 3 == 0 else 0
        who = (*producer, sequence) if number % 5 == 0 else (-1, -1, -1)
        sequence += count if number % 5 == 0 else 0
        data = bytearray(batch([b""] * count, *who, attributes=attributes,
                               records=gzip.compress(made, mtime=0) if attributes else made))
        struct.pack_into(">qq", data, 27, now + number * 10, now + number * 10 + count - 1)
        struct.pack_into(">I", data, 17, crc32c(data[21:]))
        error, base = client.produce(topic, 0, bytes(data))
        if (error, base) != (0, offset):
            raise ValueError(f"produce: error {error}, offset {base} instead of {offset}")
        offset += count
    return newest


def run(broker, now, policy="compact"):
    """(what was written, newest, what compaction left)"""
    with broker.connect() as client:
        client.make_topic("t", 1, [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("segment.bytes", str(SEGMENT_BYTES))])
        newest = fill(client, "t", now, client.init_producer_id())
        before = everything(client, "t")
        alter(client, "t", cleanup_policy=policy, min_cleanable_dirty_ratio="0.01")
        return before, newest, settled(client, "t", before)


def settled(client, topic, before):
    """What is left when less than `before` is there and nothing changes any more."""
    deadline, last, same = time.monotonic() + WAIT_SECONDS, before, 0
    while same < 8 and time.monotonic() < deadline:
        time.sleep(0.25)
        now = everything(client, topic)
        same = same + 1 if now == last and len(flat(now)) < len(flat(before)) else 0
        last = now
    return last


def judge(checks, title, before, newest, left):
    was, records = {r[0]: r for r in flat(before)}, flat(left)
    checks.that(len(records) < len(was) // 2, f"{title}: superseded records are gone", f"{len(records)} of {len(was)} left")
    checks.that(all(was.get(r[0]) == r for r in records), f"{title}: each record that is left is as it was written")
    there = {r[0] for r in records}
    lost = [key for key, (offset, _) in newest.items() if offset not in there]
    checks.equal(lost, [], f"{title}: the newest value of each of {len(newest)} keys is there")
    offsets = [r[0] for r in records]
    checks.that(offsets == sorted(set(offsets)), f"{title}: offsets grow")


def compare(checks, ours, theirs):
    def shape(batches, part):
        return [part(b) for b in batches]

    producers = {b["sequence"][0] for b in theirs} | {b["sequence"][0] for b in ours}
    checks.that(len(producers) >= 1, "reference: producers", sorted(producers))
    checks.equal(len(flat(ours)), len(flat(theirs)), "reference: as many records are left")
    checks.that(flat(ours) == flat(theirs), "reference: the same keys, values, headers, times and offsets are left")
    checks.that(shape(ours, lambda b: (b["base"], b["last"], b["attributes"], b["newest"], b["sequence"][1:], len(b["records"]))) ==
                shape(theirs, lambda b: (b["base"], b["last"], b["attributes"], b["newest"], b["sequence"][1:], len(b["records"]))),
                "reference: in the same batches, with the same sequences", (len(ours), len(theirs)))
    same = [a["bytes"] == b["bytes"] for a, b in zip(ours, theirs) if a["bytes"] and b["bytes"] and a["sequence"][0] == b["sequence"][0]]
    checks.that(all(same), "reference: byte for byte, where no codec and no time of the compaction is in it", f"{len(same)} batches")


def dump_is_clean(checks, broker):
    folder = os.path.join(broker.log_dir, "t-0")
    files = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith((".log", ".index", ".timeindex"))]
    done = subprocess.run([os.environ["MILLRACE_REFERENCE"], "tool", "dump-log", "--deep-iteration", "--files", ",".join(files)],
                          capture_output=True, text=True, timeout=120)
    complaints = [line for line in (done.stdout + done.stderr).splitlines()
                  if any(word in line.lower() for word in ("corrupt", "isvalid: false", "exception", "mismatch", "out of order", "misaligned"))]
    checks.that(done.returncode == 0 and not complaints and "baseOffset" in done.stdout, "reference: its dump tool reads our files",
                complaints[:2] or len(files))


def restart(checks, broker, left):
    broker.stop()
    broker.start()
    with broker.connect() as client:
        checks.that(everything(client, "t") == left, "after a stop and a start the same is there")
    broker.kill()
    broker.start()
    with broker.connect() as client:
        checks.that(everything(client, "t") == left, "after kill -9 and a start the same is there")


def deletions_go(checks, broker):
    """With delete.retention.ms=1 the next rounds take deletions, and cleanup.policy=compact,delete takes old segments too."""
    with broker.connect() as client:
        alter(client, "t", delete_retention_ms="1", max_compaction_lag_ms="1000")
        deadline = time.monotonic() + WAIT_SECONDS
        active = max(int(name[:20]) for name in os.listdir(os.path.join(broker.log_dir, "t-0")) if name.endswith(".log"))
        deletions = lambda: sum(1 for r in flat(everything(client, "t")) if r[3] is None and r[0] < active)
        some = deletions()
        number = 0
        while deletions() == some and time.monotonic() < deadline:  # a round begins when there is something new
            data = batch([b""], records=record(0, b"more-%d" % number, random.Random(number).randbytes(700_000), []))
            client.produce("t", 0, data)
            number += 1
            time.sleep(0.3)
        checks.that(deletions() < some, "deletions go once delete.retention.ms has passed", (some, deletions()))
        alter(client, "t", cleanup_policy="compact,delete", retention_ms="1000")
        while client.list_offset("t", 0, -2)[1] < active and time.monotonic() < deadline:
            time.sleep(0.2)
        checks.that(client.list_offset("t", 0, -2)[1] >= active, "compact,delete: what is too old goes too")


def main():
    checks, now = Checks(), int(time.time() * 1000) - 3_600_000
    with Broker(options=[word for option in QUICK for word in ("--" + option.split("=")[0], option.split("=")[1])]) as broker:
        before, newest, left = run(broker, now)
        judge(checks, "compaction", before, newest, left)
        checks.that(broker.total("compactions") >= 1 and broker.total("compactions_failed") == 0, "compaction: it is counted", broker.total("compactions"))
        saved = broker.total("compaction_bytes_before") - broker.total("compaction_bytes_after")
        checks.that(saved > SEGMENT_BYTES, "compaction: bytes given back", saved)
        checks.run("restart", restart, checks, broker, left)
        if has_reference():
            with Reference(["log.cleaner.backoff.ms=100", "log.cleaner.dedupe.buffer.size=33554432"]) as reference:
                theirs = run(reference, now)
                judge(checks, "reference", *theirs)
                compare(checks, left, theirs[2])
                dump_is_clean(checks, broker)
        else:
            checks.skip("the same batches through the reference broker, and its dump tool on our files", "MILLRACE_REFERENCE is not set")
        checks.run("deletions", deletions_go, checks, broker)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
