"""What fixed loads cost a real broker in calls, punts, copies and flushes.

One shard on one core, the client on another, one request at a time, so that nothing depends on who is faster. Calls and punts to
the kernel's worker threads are counted by the kernel's trace, copies and flushes by the broker's own counters.
"""
import collections
import os
import re

from harness import process, wire
from harness.batches import batch
from harness.broker import Broker
from harness.client import PRODUCE_VERSION, produce_body, read_produce
from harness.kernel_trace import KernelTrace

BROKER_CORE, CLIENT_CORE = 0, 1
OPTIONS = ("--shards", "1", "--shard.pin", "false")
CALL = re.compile(rb"sys_enter: NR (\d+)")
ENTER = 426  # io_uring_enter, on every architecture
# getrusage, on x86 and ARM: with it the broker asks after an append that was slow whether the next ones sleep, so it comes as the disk pleases.
NOT_COUNTED = {"x86_64": 98, "aarch64": 165}.get(os.uname().machine)
CALL_EVENT, PUNT_EVENT = "raw_syscalls/sys_enter", "io_uring/io_uring_queue_async_work"
TRACE_KB = "16384"
SMALL, LARGE_RECORDS, LARGE_RECORD = b"v" * 100, 100, b"v" * 9990
SMALL_REQUESTS, LARGE_REQUESTS, WARM_UP = 1000, 100, 50
LARGE = 100_000  # bytes of a request from which on calls per MB mean something
PIPELINED, ROUNDS = 16, 50


class Measured:
    """A load's counts: events by the kernel, and how much each of the broker's counters grew."""

    def __init__(self, broker, load):
        before = broker.counters()[0]
        settings = (("buffer_size_kb", TRACE_KB), ("set_event_pid", " ".join(map(str, process.threads(broker.pid)))))
        with KernelTrace((CALL_EVENT, PUNT_EVENT), settings) as trace:
            self.amount = load()
            lines, lost = list(trace.lines()), trace.lost()
        if lost:
            raise RuntimeError(f"the trace lost {lost} events")
        calls = collections.Counter(int(found[1]) for found in map(CALL.search, lines) if found)
        calls.pop(NOT_COUNTED, None)
        self.calls, self.enters = sum(calls.values()), calls[ENTER]
        self.punts = sum(b"io_uring_queue_async_work:" in line for line in lines)
        self.grew = {name: value - before[name] for name, value in broker.counters()[0].items() if isinstance(value, int)}


class Rows:
    """{title: (events, per how many)}"""

    def __init__(self):
        self.all = {}

    def add(self, load, what, events, per):
        self.all[f"{load}: {what}"] = (events, per)


def pinned_broker():
    os.sched_setaffinity(0, {BROKER_CORE})
    broker = Broker(options=OPTIONS).start()
    os.sched_setaffinity(0, {CLIENT_CORE})
    return broker


def produced(client, topic, data, count):
    for _ in range(count):
        error, _ = client.produce(topic, 0, data, acks=1)
        if error:
            raise ValueError(f"produce to {topic}: error {error}")
    return len(data) * count


def fetched(client, topic, offsets, bytes_max):
    size = 0
    for offset in offsets:
        error, _, data = client.fetch(topic, 0, offset, bytes_max)
        if error or not data:
            raise ValueError(f"fetch of {topic} at {offset}: error {error}, {len(data)} bytes")
        size += len(data)
    return size


def produce(rows, broker, client, load, topic, data, count):
    client.make_topic(topic)
    produced(client, topic, data, WARM_UP)
    seen = Measured(broker, lambda: produced(client, topic, data, count))
    rows.add(load, "system calls per request", seen.calls, count)
    rows.add(load, "enters of the ring per request", seen.enters, count)
    if seen.amount > count * LARGE:
        rows.add(load, "system calls per MB", seen.calls, seen.amount / 1e6)
    rows.add(load, "punts per append", seen.punts, seen.grew["batches_appended"])
    rows.add(load, "copies per byte from the socket", seen.grew["bytes_received"], seen.amount)
    rows.add(load, "copies per byte in memory", seen.grew["bytes_copied"], seen.amount)
    rows.add(load, "copies per byte to the page cache", seen.grew["bytes_written"], seen.amount)


def fetch(rows, broker, client, load, topic, offsets, bytes_max):
    fetched(client, topic, offsets[:WARM_UP], bytes_max)
    seen = Measured(broker, lambda: fetched(client, topic, offsets, bytes_max))
    rows.add(load, "system calls per request", seen.calls, len(offsets))
    rows.add(load, "enters of the ring per request", seen.enters, len(offsets))
    if seen.amount > len(offsets) * LARGE:
        rows.add(load, "system calls per MB", seen.calls, seen.amount / 1e6)
    rows.add(load, "punts per request", seen.punts, len(offsets))
    rows.add(load, "copies per byte in memory", seen.grew["bytes_copied"], seen.amount)
    rows.add(load, "copies per byte to the socket", seen.grew["bytes_sent_memory"], seen.amount)


def flush(rows, broker, client):
    """Each round is one send of as many requests as one connection may have under way, so they arrive together."""
    client.make_topic("flushed")
    request = produce_body([("flushed", [(0, batch([SMALL]))])], acks=-1)

    def rounds(count):
        for _ in range(count):
            client.socket.sendall(b"".join(client.frame(wire.PRODUCE, PRODUCE_VERSION, request) for _ in range(PIPELINED)))
            for _ in range(PIPELINED):
                error, _ = read_produce(wire.Answer(client.receive()[1]))["flushed", 0]
                if error:
                    raise ValueError(f"produce with acks=all: error {error}")
        return count * PIPELINED

    rounds(2)
    seen = Measured(broker, lambda: rounds(ROUNDS))
    rows.add("produce acks=all, 16 at once", "flushes per batch", seen.grew["flushes"], seen.amount)
    rows.add("produce acks=all, 16 at once", "file syncs per batch", seen.grew["syncs"], seen.amount)
    rows.add("produce acks=all, 16 at once", "punts per batch", seen.punts, seen.amount)
    rows.add("produce acks=all, 16 at once", "system calls per batch", seen.calls, seen.amount)


def all_rows():
    """{title: (events, per)}. OSError: the kernel's trace is not to be had here."""
    rows, before = Rows(), os.sched_getaffinity(0)
    if not {BROKER_CORE, CLIENT_CORE} <= before:
        raise OSError(f"cores {BROKER_CORE} and {CLIENT_CORE} are not both ours")
    broker = pinned_broker()
    try:
        with broker.connect(60) as client:
            small, large = batch([SMALL]), batch([LARGE_RECORD] * LARGE_RECORDS)
            produce(rows, broker, client, "produce 100 B", "small", small, SMALL_REQUESTS)
            produce(rows, broker, client, "produce 1 MB", "large", large, LARGE_REQUESTS)
            fetch(rows, broker, client, "fetch 100 B", "small", list(range(SMALL_REQUESTS)), len(small))
            fetch(rows, broker, client, "fetch 1 MB", "large", list(range(0, LARGE_REQUESTS * LARGE_RECORDS, LARGE_RECORDS)), len(large))
            flush(rows, broker, client)
    finally:
        broker.close()
        os.sched_setaffinity(0, before)
    return rows.all
