#!/usr/bin/env python3
"""What a broker makes of a batch before it stores it: the codec of compression.type, and the times of message.timestamp.*. Where
MILLRACE_REFERENCE is set, the reference broker gets the same batches and must answer and store the same, and its Java consumer
reads what we have recompressed."""
import gzip
import os
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import wire  # noqa: E402
from harness.batches import HEADER_BYTES, batch, crc32c, read_varint, varint  # noqa: E402
from harness.broker import Broker, Reference, has_reference  # noqa: E402
from harness.checks import Checks  # noqa: E402
from harness.client import PRODUCE_VERSION, produce_body  # noqa: E402

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
CODECS = {"producer": None, "uncompressed": NONE, "gzip": GZIP, "snappy": SNAPPY, "lz4": LZ4, "zstd": ZSTD}
BY_BROKER = 8  # attribute: log append time
INVALID_TIMESTAMP, MESSAGE_TOO_LARGE = 32, 10
SECOND, HOUR = 1000, 3_600_000
RECORDS = 40


def built(times, codec=NONE, attributes=0, newest=None, value=b"v" * 100, who=(-1, -1, -1)):
    """Records at these times; `newest`: what the header says instead of the truth."""
    records = b""
    for delta, at in enumerate(times):
        body = b"\0" + varint(at - times[0]) + varint(delta) + varint(3) + b"key" + varint(len(value)) + value + varint(0)
        records += varint(len(body)) + body
    data = bytearray(batch([b""] * len(times), *who, attributes=attributes | codec,
                           records=gzip.compress(records, mtime=0) if codec == GZIP else records))
    struct.pack_into(">qq", data, 27, times[0], max(times) if newest is None else newest)
    struct.pack_into(">I", data, 17, crc32c(data[21:]))
    return bytes(data)


def produce(client, topic, data):
    """(error code, base offset, log append time)"""
    answer = client.call(wire.PRODUCE, PRODUCE_VERSION, produce_body([(topic, [(0, data)])]))
    answer.i32(), answer.string(), answer.i32(), answer.i32()
    return answer.i16(), answer.i64(), answer.i64()


def stored(client, topic, offset):
    """The batch that begins at this offset, as a dictionary; its records' times where Python can unpack them."""
    _, _, data = client.fetch(topic, 0, offset)
    base, length = struct.unpack_from(">qi", data, 0)
    attributes, last, first_time, newest, _, epoch, sequence, count = struct.unpack_from(">hiqqqhii", data, 21)
    end = 12 + length
    found = {"base": base, "last": last, "codec": attributes & 7, "by broker": bool(attributes & BY_BROKER), "attributes": attributes & ~15,
             "count": count, "sequence": sequence, "epoch": epoch, "newest": newest, "whole": struct.unpack_from(">I", data, 17)[0] == crc32c(data[21:end])}
    if attributes & 7 in (NONE, GZIP):
        plain = data[HEADER_BYTES:end]
        plain = gzip.decompress(plain) if attributes & 7 else plain
        found["times"], at = [], 0
        for _ in range(count):
            size, at = read_varint(plain, at)
            found["times"].append(first_time + read_varint(plain, at + 1)[0])
            at += size
        found["times"] = [newest] * count if attributes & BY_BROKER else found["times"]
    return found


def codecs(broker, now):
    """{(compression.type, sent as): what was answered and stored}"""
    out = {}
    with broker.connect() as client:
        producer, epoch = client.init_producer_id()
        for name in CODECS:
            client.make_topic(name, 1, [("compression.type", name), ("max.message.bytes", "20000")])
            for sent, data in (("plain", built([now + i for i in range(RECORDS)], NONE, who=(producer, epoch, 0))),
                               ("gzip", built([now + i for i in range(RECORDS)], GZIP)),
                               ("gzip over the limit when unpacked", built([now] * 300, GZIP))):
                error, base, _ = produce(client, name, data)
                out[name, sent] = (error, stored(client, name, base) if not error else None)
    return out


def judge_codecs(checks, title, found):
    for (name, sent), (error, batch_) in found.items():
        if name == "uncompressed" and "over" in sent:
            checks.equal(error, MESSAGE_TOO_LARGE, f"{title}: compression.type={name}, {sent}: refused")
            continue
        wanted = CODECS[name] if CODECS[name] is not None else NONE if sent == "plain" else GZIP
        checks.that(error == 0 and batch_["codec"] == wanted and batch_["whole"], f"{title}: compression.type={name}, sent {sent}", (error, batch_ and batch_["codec"]))


RULES = {
    "default": [], "before": [("message.timestamp.before.max.ms", "10000")], "after": [("message.timestamp.after.max.ms", "10000")],
    "both": [("message.timestamp.before.max.ms", "10000"), ("message.timestamp.after.max.ms", "10000")],
    "append": [("message.timestamp.type", "LogAppendTime")],
    "append-limits": [("message.timestamp.type", "LogAppendTime"), ("message.timestamp.before.max.ms", "10000"),
                      ("message.timestamp.after.max.ms", "10000")],
}
NOW = -100  # so that it is not the broker's time by chance
MISSING, FIRST, LAST = "missing", "zero", "last"
TIMES = {  # at what distance from now each record of the batch lies
    "now": [NOW], "5 s old": [-5 * SECOND], "20 s old": [-20 * SECOND], "5 s ahead": [5 * SECOND], "20 s ahead": [20 * SECOND],
    "2 h old": [-2 * HOUR], "2 h ahead": [2 * HOUR], "none at all": [MISSING], "at 1970": [FIRST], "at the end of time": [LAST],
    "one of three 20 s old": [NOW, -20 * SECOND, NOW], "one of three 20 s ahead": [NOW, 20 * SECOND, NOW],
    "the last of three 2 h ahead": [NOW, NOW, 2 * HOUR], "falling": [5 * SECOND, NOW, -5 * SECOND],
}


def times(broker):
    """{(topic, case): what was answered and stored, in terms of what was sent}"""
    out = {}
    absolute = {MISSING: -1, FIRST: 0, LAST: (1 << 63) - 1}
    with broker.connect() as client:
        for topic, configs in RULES.items():
            client.make_topic(topic, 1, configs)
            for case, distances in TIMES.items():
                for codec in (NONE, GZIP):
                    for claimed in (0, BY_BROKER):
                        began = int(time.time() * 1000)
                        sent = [absolute[d] if isinstance(d, str) else began + d for d in distances]
                        error, base, append_time = produce(client, topic, built(sent, codec, claimed))
                        told = {"error": error, "append time told": append_time >= 0}
                        if not error:
                            kept = stored(client, topic, base)
                            told.update({"by broker": kept["by broker"], "as sent": kept["times"] == sent,
                                         "newest": "as sent" if kept["newest"] == max(sent) else
                                         "the broker's" if began - 1 <= kept["newest"] <= time.time() * 1000 + 1 else kept["newest"],
                                         "whole": kept["whole"]})
                        out[topic, case, ("plain", "gzip")[codec], ("", "claims the broker's time")[claimed > 0]] = told
    return out


def judge_times(checks, title, found):
    def errors(topic, sent="plain"):
        return [case for case in TIMES if found[topic, case, sent, ""]["error"] == INVALID_TIMESTAMP]

    ahead = ["2 h ahead", "at the end of time", "the last of three 2 h ahead"]
    old = ["20 s old", "2 h old", "at 1970", "one of three 20 s old"]
    soon = ["20 s ahead", "2 h ahead", "at the end of time", "one of three 20 s ahead", "the last of three 2 h ahead"]
    for sent in ("plain", "gzip"):
        checks.equal(errors("default", sent), ahead, f"{title}: by default an hour ahead is the limit, {sent}")
        checks.equal(sorted(errors("before", sent)), sorted(old + ahead), f"{title}: message.timestamp.before.max.ms, {sent}")
        checks.equal(errors("after", sent), soon, f"{title}: message.timestamp.after.max.ms, {sent}")
        checks.equal(sorted(errors("both", sent)), sorted(old + soon), f"{title}: both limits, {sent}")
    for topic in ("append", "append-limits"):
        taken = [v for (t, _, _, claim), v in found.items() if t == topic and not claim]
        checks.that(all(v == {"error": 0, "append time told": True, "by broker": True, "as sent": False, "newest": "the broker's", "whole": True}
                        for v in taken), f"{title}: {topic}: every record has the broker's time, which is told", taken[:1])
    kept = [v for (t, _, _, claim), v in found.items() if t == "default" and not claim and not v["error"]]
    checks.that(all(v["as sent"] and not v["by broker"] and v["newest"] == "as sent" and v["whole"] and not v["append time told"] for v in kept),
                f"{title}: a producer's times are kept", kept[:1])


def live(checks, broker):
    """compression.type and message.timestamp.type act on the next batch when they are changed."""
    def alter(client, **configs):
        entries = [wire.string(name.replace("_", ".")) + b"\0" + wire.string(value) for name, value in configs.items()]
        client.call(wire.INCREMENTAL_ALTER_CONFIGS, 0,
                    wire.array([struct.pack(">b", 2) + wire.string("changing") + wire.array(entries)]) + b"\0")

    with broker.connect() as client:
        client.make_topic("changing", 1, [])
        data = built([int(time.time() * 1000)] * RECORDS)
        found = []
        for configs in ({}, {"compression_type": "zstd"}, {"message_timestamp_type": "LogAppendTime"}, {"compression_type": "producer"}):
            if configs:
                alter(client, **configs)
            kept = stored(client, "changing", produce(client, "changing", data)[1])
            found.append((kept["codec"], kept["by broker"], kept["whole"]))
        checks.equal(found, [(NONE, False, True), (ZSTD, False, True), (ZSTD, True, True), (NONE, True, True)], "configs act on the next batch")
    checks.that(broker.total("batches_recompressed") > 0, "recompressed batches are counted", broker.total("batches_recompressed"))


def java_reads(checks, broker):
    for name in CODECS:
        done = subprocess.run([os.environ["MILLRACE_REFERENCE"], "tool", "console-consumer", "--bootstrap-server", broker.bootstrap, "--topic", name,
                               "--from-beginning", "--max-messages", str(2 * RECORDS), "--timeout-ms", "20000"], capture_output=True, text=True, timeout=60)
        lines = done.stdout.split()
        checks.equal((len(lines), set(lines)), (2 * RECORDS, {"v" * 100}), f"Java's consumer reads compression.type={name}")


def main():
    checks, now = Checks(), int(time.time() * 1000) - 60_000
    with Broker() as broker:
        ours = codecs(broker, now), times(broker)
        judge_codecs(checks, "codec", ours[0])
        judge_times(checks, "times", ours[1])
        checks.run("live", live, checks, broker)
        if has_reference():
            with Reference() as reference:
                theirs = codecs(reference, now), times(reference)
            for title, mine, other in zip(("codec", "times"), ours, theirs):
                differ = {case: (mine[case], other[case]) for case in mine if mine[case] != other[case]}
                checks.that(not differ, f"reference: {title}: {len(mine)} cases are answered and stored the same", list(differ.items())[:4])
            checks.run("java", java_reads, checks, broker)
        else:
            checks.skip("the same batches through the reference broker, and its consumer on ours", "MILLRACE_REFERENCE is not set")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
