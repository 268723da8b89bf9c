#!/usr/bin/env python3
"""After a stop, after kill -9, and after both in turn the broker has the same topics, ids, configs, records and offsets."""
import os
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import wire  # noqa: E402
from harness.batches import batch  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.checks import Checks  # noqa: E402

TOPICS = {"one": 1, "three": 3, "rolled": 1}
SMALL = [("segment.bytes", "1048576"), ("retention.ms", "-1")]
OUT_OF_ORDER = 45
IN_FLIGHT_MAX = 5


def retention_of(client, topic):
    body = wire.array([struct.pack(">b", 2) + wire.string(topic) + wire.array([wire.string("retention.ms")])]) + b"\0"
    answer = client.call(wire.DESCRIBE_CONFIGS, 1, body)
    answer.i32()
    entry = lambda: (answer.string(), answer.string(), answer.take(3), answer.array(lambda: (answer.string(), answer.string(), answer.i8())))
    return answer.array(lambda: (answer.i16(), answer.string(), answer.i8(), answer.string(), answer.array(entry)))[0][4][0][1]


def everything(client):
    """What must be the same before and after: ids, partitions, and each record with its offset."""
    found = client.describe_topics()
    ids = {name: (topic_id, [partition for partition, _ in partitions]) for name, (_, topic_id, partitions) in found.items()}
    records = {(topic, p): client.read_all(topic, p) for topic, count in TOPICS.items() for p in range(count)}
    return ids, records


def write_first(client):
    for topic, partitions in TOPICS.items():
        client.make_topic(topic, partitions, SMALL if topic == "rolled" else [])
    for number in range(60):
        client.produce("one", 0, batch([b"one-%d-%d" % (number, i) for i in range(5)]))
        client.produce("three", number % 3, batch([b"three-%d" % number]), acks=1)
    for number in range(40):
        client.produce("rolled", 0, batch([b"%d-" % number + b"r" * 10000] * 10), acks=1)


def compare(checks, before, after, how):
    checks.equal(after[0], before[0], f"{how}: topics, ids and partitions are the same")
    lost = {key: (len(values), len(after[1].get(key, []))) for key, values in before[1].items() if after[1].get(key) != values}
    checks.that(not lost, f"{how}: all {sum(map(len, before[1].values()))} records are the same",
                f"records before and after: {lost}" if lost else "")


def go_on(checks, broker, producer, sequence, how):
    """The idempotent producer's state is there too: a repeat is a duplicate, a gap is refused, the next one is taken."""
    with broker.connect() as client:
        say = lambda at: client.produce("one", 0, batch([b"again-%d" % at], *producer, at))
        end = client.end_offset("one", 0)
        checks.equal(say(sequence), (0, end - 1), f"{how}: the last idempotent batch again is a duplicate")
        checks.equal(say(sequence + 2)[0], OUT_OF_ORDER, f"{how}: a gap in its sequence is refused")
        checks.equal(say(sequence + 1), (0, end), f"{how}: its next batch is stored")
        fresh = client.init_producer_id()
        checks.that(fresh[0] != producer[0], f"{how}: a new producer gets an id that nobody has", fresh[0])
        checks.equal(retention_of(client, "rolled"), "-1", f"{how}: the topic's config is kept")
        return everything(client)


def epochs(client):
    return {(name, p): epoch for name, (_, _, partitions) in client.describe_topics().items() for p, epoch in partitions}


def rounds(checks, broker):
    broker.start()
    with broker.connect() as client:
        write_first(client)
        producer = client.init_producer_id()
        checks.equal(client.produce("one", 0, batch([b"again-0"], *producer, 0))[0], 0, "an idempotent batch is stored")
        before, epoch = everything(client), epochs(client)
    for sequence, how in enumerate(("stop", "kill -9", "kill -9 again", "stop again")):
        if how.startswith("stop"):
            checks.equal(broker.stop(), 0, f"{how}: exit status")
        else:
            broker.kill(at_once=True)
        broker.start()
        with broker.connect() as client:
            compare(checks, before, everything(client), how)
            later = epochs(client)
        checks.that(all(later.get(key, -1) > value for key, value in epoch.items()), f"{how}: every partition has a new leader epoch",
                    f"{min(epoch.values())} → {min(later.values(), default=None)}")
        epoch = later
        before = go_on(checks, broker, producer, sequence, how)


def in_flight_across_rolls(checks, broker):
    """A producer may have five batches in flight; that a segment ended between them makes none of them a stranger."""
    broker.start()
    with broker.connect() as client:
        client.make_topic("across", 1, SMALL)
        producer = client.init_producer_id()
        batches = [batch([b"%d-" % number + b"a" * 400_000], *producer, number) for number in range(IN_FLIGHT_MAX)]
        bases = [client.produce("across", 0, one) for one in batches]
    for how in ("kill -9", "stop"):
        broker.kill(at_once=True) if how == "kill -9" else broker.stop()
        broker.start()
        with broker.connect() as client:
            again = [client.produce("across", 0, one) for one in batches]
            checks.equal(again, bases, f"{how}: five batches on both sides of two rolls, sent again, are duplicates")
            checks.equal(client.end_offset("across", 0), IN_FLIGHT_MAX, f"{how}: none of them is there twice")
    broker.stop()


def main():
    checks = Checks()
    for part in (rounds, in_flight_across_rolls):
        broker = Broker()
        try:
            checks.run(part.__name__, part, checks, broker)
        finally:
            broker.close()
    checks.finish()


if __name__ == "__main__":
    main()
