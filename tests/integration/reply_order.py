#!/usr/bin/env python3
"""Answers leave a connection in the order of its requests, however long each takes; a long poll waits and wakes in time.

  reply_order.py [--reference]     --reference asks the reference broker (env MILLRACE_REFERENCE) the same
"""
import os
import struct
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import wire  # noqa: E402
from harness.batches import batch, records_of  # noqa: E402
from harness.broker import chosen  # noqa: E402
from harness.checks import Checks  # noqa: E402
from harness.client import FETCH_VERSION, PRODUCE_VERSION, fetch_body, produce_body, read_fetch, read_produce  # noqa: E402

PARTITIONS, ROUNDS = 12, 30


def pipelined(checks, broker, client):
    """Many partitions, so several shards; all kinds of acks; other requests between; acks=0 has no answer."""
    client.make_topic("order", PARTITIONS)
    expected, stored = [], 0
    with broker.connect() as many:
        for number in range(ROUNDS):
            for acks in (-1, 0, 1):
                parts = [(p, batch([b"%d" % number] * (1 + p % 3))) for p in range(PARTITIONS) if acks == -1 or p % 4 == number % 4]
                sent = many.send(wire.PRODUCE, PRODUCE_VERSION, produce_body([("order", parts)], acks))
                stored += sum(1 + p % 3 for p, _ in parts)
                if acks != 0:
                    expected.append((sent, len(parts)))
            expected.append((many.send(wire.API_VERSIONS, 0, b""), None))
        arrived, wrong = [], 0
        for _, parts in expected:
            correlation, answer = many.receive()
            arrived.append(correlation)
            if parts is not None:
                codes = read_produce(wire.Answer(answer))
                wrong += len(codes) != parts or any(error for error, _ in codes.values())
    checks.that(arrived == [sent for sent, _ in expected], "answers come in request order", f"{len(arrived)} of {ROUNDS * 4} requests have one")
    checks.equal(wrong, 0, "each names its own partitions, without error")
    checks.equal(sum(client.end_offset("order", p) for p in range(PARTITIONS)), stored, "every record is stored, those with acks=0 too")


def behind_a_long_poll(checks, broker, client):
    """A request behind a waiting fetch on the same connection is answered after it, not before."""
    with broker.connect() as one:
        end = client.end_offset("order", 0)
        first = one.send(wire.FETCH, FETCH_VERSION, fetch_body([("order", [(0, end)])], 700, 1))
        second = one.send(wire.API_VERSIONS, 0, b"")
        began = time.monotonic()
        arrived = [one.receive()[0], one.receive()[0]]
        took = time.monotonic() - began
        checks.equal(arrived, [first, second], "a request behind a long poll waits for its turn")
        checks.that(took > 0.6, "and the long poll took its time", f"{took * 1000:.0f} ms")


def long_polls(checks, broker, client):
    client.make_topic("polled", 3)
    began = time.monotonic()
    error, _, data = client.fetch("polled", 0, 0, max_wait_ms=600)
    took = time.monotonic() - began
    checks.that((error, data) == (0, b"") and 0.55 < took < 1.2, "an empty fetch answers after max.wait of 600 ms", f"{took * 1000:.0f} ms")
    for what, least, sizes, expected in (("one byte", 1, [10], 1), ("5000 bytes, given in three parts", 5000, [2000, 2000, 2000], 3)):
        with broker.connect() as reader:
            ends = [(p, client.end_offset("polled", p)) for p in range(3)]
            reader.send(wire.FETCH, FETCH_VERSION, fetch_body([("polled", ends)], 8000, least))
            time.sleep(0.3)
            for size in sizes[:-1]:
                client.produce("polled", 1, batch([b"x" * size]), acks=1)
            reader.socket.settimeout(0.2)
            early = True
            try:
                reader.receive()
            except TimeoutError:
                early = False
            checks.that(not early, f"a fetch for {what} waits")
            reader.socket.settimeout(10)
            began = time.monotonic()
            client.produce("polled", 1, batch([b"x" * sizes[-1]]), acks=1)
            _, answer = reader.receive()
            took = time.monotonic() - began
            parts = read_fetch(wire.Answer(answer))[2]
            found = sum(1 for _ in records_of(parts["polled", 1][2]))
            checks.that(found == expected and took < 0.5, f"a fetch for {what} is answered when they are there", f"{took * 1000:.1f} ms, {found} records")


def many_waiters(checks, broker, client, count=100):
    """One record wakes every reader of the partition."""
    end = client.end_offset("polled", 2)
    readers = [broker.connect() for _ in range(count)]
    for reader in readers:
        reader.send(wire.FETCH, FETCH_VERSION, fetch_body([("polled", [(2, end)])], 10000, 1))
    time.sleep(0.3)
    began = time.monotonic()
    client.produce("polled", 2, batch([b"wake"]))
    got = [sum(1 for _ in records_of(read_fetch(wire.Answer(reader.receive()[1]))[2]["polled", 2][2])) for reader in readers]
    took = time.monotonic() - began
    checks.that(got == [1] * count and took < 3, f"one record wakes {count} waiting readers", f"{took * 1000:.0f} ms")
    for reader in readers:
        reader.close()


def gone_waiter(checks, broker, client):
    """A reader that leaves in the middle of its long poll, and a topic deleted under one."""
    leaving = broker.connect()
    leaving.send(wire.FETCH, FETCH_VERSION, fetch_body([("polled", [(0, client.end_offset("polled", 0))])], 10000, 1))
    time.sleep(0.1)
    leaving.close()
    checks.equal(client.produce("polled", 0, batch([b"after"]))[0], 0, "a reader that left in its long poll harms nobody")
    client.make_topic("doomed")
    with broker.connect() as reader:
        reader.send(wire.FETCH, FETCH_VERSION, fetch_body([("doomed", [(0, 0)])], 1500, 1))
        time.sleep(0.1)
        client.call(wire.DELETE_TOPICS, 3, wire.array([wire.string("doomed")]) + struct.pack(">i", 30000))
        began = time.monotonic()
        error = read_fetch(wire.Answer(reader.receive()[1]))[2]["doomed", 0][0]
        checks.that(time.monotonic() - began < 3, "a long poll on a topic that is deleted comes back", f"code {error}")


def sessions(checks, broker, client):
    """KIP-227: a full fetch opens a session; later ones name changes only and are told changes only."""
    client.make_topic("session", 3)
    fetch = lambda c, parts, session, epoch, **more: read_fetch(
        c.call(wire.FETCH, FETCH_VERSION, fetch_body(parts, 50, 1, session=session, epoch=epoch, **more)))
    with broker.connect() as reader:
        error, session, parts = fetch(reader, [("session", [(0, 0), (1, 0), (2, 0)])], 0, 0)
        checks.that(error == 0 and session > 0 and len(parts) == 3, "a full fetch opens a session and names every partition", len(parts))
        error, _, parts = fetch(reader, [], session, 1)
        checks.equal((error, parts), (0, {}), "nothing new: an answer without partitions")
        client.produce("session", 1, batch([b"new"]))
        error, _, parts = fetch(reader, [], session, 2)
        checks.equal((error, list(parts)), (0, [("session", 1)]), "only the partition with news is named")
        error, _, parts = fetch(reader, [("session", [(1, 1)])], session, 3)
        checks.equal((error, list(parts)), (0, []), "a moved position is remembered")
        client.produce("session", 0, batch([b"new"]))
        client.produce("session", 2, batch([b"new"]))
        error, _, parts = fetch(reader, [], session, 4, forgotten=[("session", [2])])
        checks.equal((error, list(parts)), (0, [("session", 0)]), "a forgotten partition is not named")
        checks.equal(fetch(reader, [], session, 99)[0], 71, "a wrong epoch is INVALID_FETCH_SESSION_EPOCH")
        error, other, parts = fetch(reader, [("session", [(0, 0), (1, 0)])], session, 0)
        checks.that(error == 0 and other not in (0, session) and len(parts) == 2, "epoch 0 closes it and opens another")
        error, none, parts = fetch(reader, [("session", [(0, 0)])], other, -1)
        checks.equal((error, none, len(parts)), (0, 0, 1), "epoch -1 closes it and fetches without one")
        checks.equal(fetch(reader, [], other, 1)[0], 70, "a closed session is FETCH_SESSION_ID_NOT_FOUND")


def main():
    checks = Checks()
    with chosen(sys.argv[1:]) as broker, broker.connect(30) as client:
        for check in (pipelined, behind_a_long_poll, long_polls, many_waiters, gone_waiter, sessions):
            checks.run(check.__name__, check, checks, broker, client)
    checks.finish()


if __name__ == "__main__":
    main()
