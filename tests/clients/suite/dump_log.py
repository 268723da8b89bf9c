"""Reads the segments of topics with Kafka's DumpLogSegments and judges what it says."""

import os
import re

TROUBLE = re.compile(
    r"corrupt|isvalid: false|exception|mismatch|misaligned|out of order|invalid bytes|does not match|failed|error", re.I
)
GAP = re.compile(r"\s*(-?\d+) is followed by (\d+)")
CODEC = re.compile(r"compresscodec: (\w+)")
PRODUCER = re.compile(r"producerId: (-?\d+)")


class Bad(Exception):
    pass


def files_of(log_dir, topic, partitions, *endings):
    """Every partition's files with these endings; a partition without a .log is an error."""
    found = []
    for p in range(partitions):
        at = os.path.join(log_dir, f"{topic}-{p}")
        names = sorted(os.listdir(at)) if os.path.isdir(at) else []
        if not any(n.endswith(".log") for n in names):
            raise Bad(f"no segment in {at}")
        found += [os.path.join(at, n) for n in names if n.endswith(endings)]
    return found


def judge(text):
    """(records, {codecs}, {whether a batch has a producer id}); raises Bad on a line of complaint."""
    count, codecs, idempotent = 0, set(), set()
    for line in text.splitlines():
        if line.startswith("Dumping "):
            continue
        gap = GAP.match(line)
        if TROUBLE.search(line) or (gap and gap.group(1) != "-1"):  # -1: how the tool starts on a file that is not the first
            raise Bad(f"dump says: {line[:300]}")
        if line.startswith("| offset:"):
            count += 1
        elif line.startswith("baseOffset:"):
            codecs.add(CODEC.search(line).group(1).lower())
            idempotent.add(PRODUCER.search(line).group(1) != "-1")
    return count, codecs, idempotent


def has_entries(path):
    with open(path, "rb") as f:
        return any(f.read(4096))


def dump(tool, files, *options):
    return tool("org.apache.kafka.tools.DumpLogSegments", *options, "--files", ",".join(files))


def check_topic(tool, log_dir, topic, partitions, count, codec, idempotent):
    """`tool(class, *args)` runs a Kafka tool and returns its output."""
    logs = files_of(log_dir, topic, partitions, ".log")
    got, codecs, producers = judge(dump(tool, logs, "--deep-iteration"))
    if got != count:
        raise Bad(f"{topic}: {got} records in the segments, expected {count}")
    if codec not in codecs or (codec == "none" and codecs != {"none"}):
        raise Bad(f"{topic}: batches are compressed by {sorted(codecs)}, expected {codec}")
    if producers != {idempotent}:
        raise Bad(f"{topic}: batches with a producer id: {sorted(producers)}, expected {idempotent}")
    indexes = files_of(log_dir, topic, partitions, ".index", ".timeindex")
    # The index of an open segment may be in memory until the segment is closed.
    if not indexes and len(logs) > partitions:
        raise Bad(f"{topic}: no index files")
    sane = indexes
    if os.path.isdir(os.path.join(log_dir, "__cluster_metadata-0")):
        # Apache Kafka itself, as reference, preallocates its open indexes, of which its own tool complains.
        indexes = [i for i in indexes if has_entries(i)]
        sane = [i for i in indexes if os.path.getsize(i) < 10_000_000]
    if indexes:
        judge(dump(tool, indexes))
    if sane:
        judge(dump(tool, sane, "--index-sanity-check"))
    return len(logs), len(indexes)
