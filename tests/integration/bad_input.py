#!/usr/bin/env python3
"""Impossible frames end their own connection and nothing else: every other client is served, memory stays bounded, and
the log gets a few lines, not one for each.

  bad_input.py [--reference]     --reference tries the single frames on the reference broker, not the floods, which end it
"""
import os
import random
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import process, wire  # noqa: E402
from harness.batches import batch  # noqa: E402
from harness.broker import chosen  # noqa: E402
from harness.checks import Checks  # noqa: E402
from harness.client import PRODUCE_VERSION  # noqa: E402

ANNOUNCED = 100 << 20
FLOOD = 300
GROWTH_MIB_MAX = 64
UNSUPPORTED_VERSION = 35
LOG_LINES_MAX = 200


def header(api, version, client="x"):
    return struct.pack(">hhi", api, version, 1) + wire.string(client)


def framed(body):
    return struct.pack(">i", len(body)) + body


def greedy_array():
    """A produce request whose topic array claims two thousand million entries."""
    return framed(header(wire.PRODUCE, PRODUCE_VERSION) + wire.string(None) + struct.pack(">hii", 1, 1000, 0x7FFFFFFF))


FRAMES = {
    "a negative size": struct.pack(">i", -1),
    "the most negative size": struct.pack(">i", -(1 << 31)),
    "a size over the limit": struct.pack(">i", ANNOUNCED + 1),
    "the largest size": struct.pack(">i", (1 << 31) - 1),
    "an empty frame": struct.pack(">i", 0),
    "a frame of one byte": framed(b"\0"),
    "half a header": framed(header(wire.METADATA, 4)[:7]),
    "a client id longer than the frame": framed(struct.pack(">hhih", wire.METADATA, 4, 1, 30000) + b"abc"),
    "an unknown API": framed(header(500, 0)),
    "a negative API": framed(header(-3, 0)),
    "an unknown version of Metadata": framed(header(wire.METADATA, 99)),
    "a negative version": framed(header(wire.FETCH, -1)),
    "a body that ends too early": framed(header(wire.METADATA, 4) + struct.pack(">ih", 1, 400) + b"abc"),
    "an array of 2^31-1 entries": greedy_array(),
    "a flexible header without its end": framed(header(wire.METADATA, 12) + b"\xff\xff\xff\xff\xff\xff"),
    "a varint without end": framed(header(wire.METADATA, 12) + b"\0" + b"\xff" * 40),
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(200),
}


def single_frames(checks, broker, client):
    for what, data in FRAMES.items():
        with broker.connect() as victim:
            victim.socket.sendall(data)
            checks.that(victim.is_closed_within(10), f"{what}: the connection is closed")
    checks.that(client.describe_topics() is not None, "a client that was there all the time is served")


def version_answer(checks, broker):
    """ApiVersions alone is answered in any version, so that a newer client learns what it may use (KIP-511)."""
    with broker.connect() as client:
        client.socket.sendall(framed(header(wire.API_VERSIONS, 99) + b"\0" + bytes(8)))
        correlation, answer = client.receive()
        error, entries = struct.unpack_from(">hi", answer)
        keys = {struct.unpack_from(">hhh", answer, 6 + 6 * i) for i in range(entries)}
        known = [key for key in keys if key[0] == wire.API_VERSIONS]
        checks.that((correlation, error) == (1, UNSUPPORTED_VERSION) and known, "ApiVersions v99 names the versions there are", known)


def nonsense(checks, broker, client, rounds=400):
    chosen_by = random.Random(7)
    for _ in range(rounds):
        with broker.connect() as victim:
            process.reset_on_close(victim.socket)
            body = chosen_by.randbytes(chosen_by.randrange(200))
            if chosen_by.random() < 0.7:  # let it pass the header, so that bodies are tried too
                body = header(chosen_by.choice([0, 1, 2, 3, 10, 18, 19, 22, 23, 32, 37, 60, 75]), chosen_by.randrange(13)) + body
            try:
                victim.socket.sendall(framed(body)[:chosen_by.choice([None, None, 3, 20])])
                victim.socket.settimeout(0.002)
                victim.socket.recv(100)
            except OSError:
                pass
    checks.that(client.describe_topics() is not None, f"{rounds} random frames, some cut short: the others are served")


class Producing(threading.Thread):
    """A good client that never stops; `longest` is its slowest acknowledgement in seconds."""

    def __init__(self, broker):
        super().__init__()
        self.client, self.longest, self.acknowledged, self.failure, self.ending = broker.connect(10), 0.0, 0, None, False

    def run(self):
        data = batch([b"v" * 1000] * 10)
        try:
            while not self.ending:
                began = time.monotonic()
                error, _ = self.client.produce("good", 0, data)
                if error:
                    raise ValueError(f"error {error}")
                self.longest = max(self.longest, time.monotonic() - began)
                self.acknowledged += 1
        except Exception as why:
            self.failure = why

    def end(self):
        self.ending = True
        self.join()
        self.client.close()


def flood(checks, broker, what, data):
    """FLOOD connections that announce ANNOUNCED bytes, send `data` and stay, while a good client goes on."""
    good = Producing(broker)
    good.start()
    time.sleep(0.5)
    before, held = process.resident_mib(broker.pid), []
    try:
        for _ in range(FLOOD):
            connection = broker.connect()
            process.reset_on_close(connection.socket)
            connection.socket.sendall(struct.pack(">i", ANNOUNCED) + data)
            held.append(connection)
        time.sleep(1.5)
        count, grown = good.acknowledged, process.resident_mib(broker.pid) - before
        time.sleep(0.5)
        still = good.acknowledged - count
    finally:
        for connection in held:
            connection.close()
        good.end()
    checks.that(good.failure is None and still > 0, f"{what}: a good client keeps producing",
                good.failure or f"{good.acknowledged} requests, longest {good.longest * 1000:.0f} ms")
    checks.that(good.longest < 1, f"{what}: each of its acknowledgements within 1 s", f"{good.longest * 1000:.0f} ms")
    if process.is_sanitized(broker.pid):
        return checks.skip(f"{what}: resident memory", "AddressSanitizer keeps freed memory")
    checks.that(grown < GROWTH_MIB_MAX, f"{what}: resident memory grows by less than {GROWTH_MIB_MAX} MiB", f"{grown:.1f} MiB")


def main():
    checks = Checks()
    with chosen(sys.argv[1:]) as broker, broker.connect() as client:
        checks.run("single frames", single_frames, checks, broker, client)
        checks.run("version answer", version_answer, checks, broker)
        if broker.name == "reference":
            checks.skip("floods", "they put the reference broker out of service")
            checks.finish()
        checks.run("nonsense", nonsense, checks, broker, client)
        client.make_topic("good")
        start = header(wire.PRODUCE, PRODUCE_VERSION) + wire.string(None) + struct.pack(">hii", 1, 1000, 1)
        checks.run("flood", flood, checks, broker, f"{FLOOD} × 100 MiB announced, 1 byte sent", start[:1])
        checks.run("flood", flood, checks, broker, f"{FLOOD} × 100 MiB announced, 5 KiB sent", start + bytes(5120 - len(start)))
        lines = len(broker.said().splitlines())
        checks.that(lines < LOG_LINES_MAX, "the log has a few lines, not one per bad frame", f"{lines} lines")
        checks.equal(client.end_offset("good", 0) % 10, 0, "what the good client wrote is whole")
        checks.equal(broker.stop(), 0, "the broker still stops cleanly")
    checks.finish()


if __name__ == "__main__":
    main()
