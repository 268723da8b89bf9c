"""Drives kcat, one process per command; the commands are those of ../python/driver_loop.py, less create, delete and committed.

kcat has no admin calls and stamps records with the clock: it writes the `text` flavor and reads both. One command more:
  auto_create TOPIC    write to a topic that does not exist, and read the record back
"""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
import driver_loop  # noqa: E402
import member  # noqa: E402
import records  # noqa: E402

KCAT = ["kcat", "-b", os.environ["MILLRACE_BOOTSTRAP"], "-X", "fetch.wait.max.ms=20"]
FORMAT = "%p %o %T %K %S %h\n%k%s\n"
WAIT_S = 30


def kcat(*args, given=None):
    done = subprocess.run(KCAT + list(args), input=given, capture_output=True, timeout=WAIT_S)
    sys.stderr.buffer.write(done.stderr)
    assert done.returncode == 0, f"kcat {' '.join(args)}: exit {done.returncode}: {done.stderr.decode().strip()[-300:]}"
    return done.stdout


def version():
    done = subprocess.run(["kcat", "-V"], capture_output=True, text=True, timeout=WAIT_S)
    return re.search(r"Version (\S+)", done.stdout).group(1)


def describe(topic, partitions):
    (found,) = json.loads(kcat("-L", "-J", "-t", topic))["topics"]
    assert found["topic"] == topic and "error" not in found, found
    assert sorted(p["partition"] for p in found["partitions"]) == list(range(partitions)), found
    for p in found["partitions"]:
        alone = [{"id": p["leader"]}]
        assert p["leader"] >= 0 and p["replicas"] == p["isrs"] == alone, p


def produce(topic, partitions, count, flavor, codec, idempotent):
    assert flavor == "text", flavor
    for p in range(partitions):
        lines = []
        for i in range(p, count, partitions):
            key, value, _ = records.record("text", i)
            lines.append(key + b"|" + value + b"\n")
        order = "enable.idempotence=true" if idempotent else "max.in.flight=1"  # a retry must not overtake
        settings = ["-z", codec, "-X", "acks=all", "-X", order]
        kcat("-P", "-t", topic, "-p", str(p), "-K", "|", "-H", "origin=kcat", *settings, given=b"".join(lines))


def parse(out):
    """Yields (partition, offset, time, key, value, headers) from FORMAT."""
    at = 0
    while at < len(out):
        end = out.index(b"\n", at)
        p, offset, stamp_ms, key_len, value_len, headers = out[at:end].split(b" ", 5)
        at = end + 1
        fields = []
        for length in (int(key_len), int(value_len)):
            fields.append(None if length < 0 else out[at : at + length])
            at += max(length, 0)
        assert out[at : at + 1] == b"\n", "kcat's output is out of step"
        at += 1
        named = [tuple(h.split(b"=", 1)) for h in headers.split(b",") if h]
        yield int(p), int(offset), int(stamp_ms), *fields, [(name.decode(), value) for name, value in named]


def parse_growing(out):
    """The same of output that may end within a record; each row ends with the position after it."""
    at = 0
    while (end := out.find(b"\n", at)) >= 0:
        head = out[at:end].split(b" ", 5)
        at = end + 1 + sum(max(int(length), 0) for length in head[3:5]) + 1
        if at > len(out):
            return
        (row,) = parse(out[end - len(b" ".join(head)) : at])
        yield *row, at


def consume(topic, partition, start, count):
    args = ["-C", "-q", "-e", "-t", topic, "-p", str(partition), "-o", str(start), "-c", str(count), "-f", FORMAT]
    return list(parse(kcat(*args)))


def read(topic, partitions, count, flavor):
    reading = records.Reading(topic, partitions, count, flavor)
    for p in range(partitions):
        for partition, offset, stamp_ms, key, value, headers in consume(topic, p, 0, records.count_in(p, partitions, count)):
            reading.take(partition, offset, key, value, headers, stamp_ms)
    assert not reading.left, reading.missing()


def first_at(topic, p, start, offset, partitions, flavor):
    got = consume(topic, p, start, 1)
    assert got and got[0][:2] == (p, offset), f"asked {topic}-{p} from {start}, got {got[0][:2] if got else 'nothing'}"
    _, _, stamp_ms, key, value, headers = got[0]
    records.check(flavor, offset * partitions + p, key, value, headers, stamp_ms, f"{topic}-{p}@{offset}")


def listed(topic, p, stamp_ms):
    out = kcat("-Q", "-t", f"{topic}:{p}:{stamp_ms}").decode()
    return int(re.search(r"offset (-?\d+)", out).group(1))


def seek_offset(topic, partitions, count, flavor):
    for p in range(partitions):
        n = records.count_in(p, partitions, count)
        ends = listed(topic, p, -2), listed(topic, p, -1)
        assert ends == (0, n), f"partition {p} spans {ends}, expected 0..{n}"
        for offset in records.offset_probes(p, partitions, count):
            first_at(topic, p, offset, offset, partitions, flavor)
        first_at(topic, p, -5, n - 5, partitions, flavor)  # counted from the end


def seek_time(topic, partitions, count, flavor):
    for p in range(partitions):
        n = records.count_in(p, partitions, count)
        stamps = [row[2] for row in consume(topic, p, 0, n)]
        for target in (0, stamps[0], stamps[n // 3], stamps[n // 3] + 1, max(stamps), max(stamps) + 1):
            want = next((offset for offset, stamp_ms in enumerate(stamps) if stamp_ms >= target), -1)
            got = listed(topic, p, target)
            assert got == want, f"partition {p} at {target}: offset {got}, expected {want}"
            if want >= 0:
                first_at(topic, p, f"s@{target}", want, partitions, flavor)


def auto_create(topic):
    kcat("-P", "-t", topic, "-p", "0", given=b"made by asking\n")
    got = consume(topic, 0, 0, 1)
    assert got[0][4] == b"made by asking", got


joined = []


def join(*how):
    joined[:] = [member.Member(KCAT, parse_growing, FORMAT, *how)]


def poll(ms):
    return joined[0].poll(ms)


def commit():
    joined[0].commit()


def leave():
    joined.pop().leave()


commands = (version, describe, produce, read, seek_offset, seek_time, auto_create, join, poll, commit, leave)
driver_loop.serve({f.__name__: f for f in commands})
for still in joined:
    still.leave()
