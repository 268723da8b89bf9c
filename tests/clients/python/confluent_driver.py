"""Drives confluent-kafka-python; the commands are those of driver_loop.py, and one more:
  produce_more TOPIC PARTITIONS COUNT FLAVOR FIRST    as `produce` with codec none, from record FIRST on
"""

import os
import time

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

import confluent_member
import driver_loop
import records

BOOTSTRAP = os.environ["MILLRACE_BOOTSTRAP"]
ADMIN = AdminClient({"bootstrap.servers": BOOTSTRAP})
WAIT_S = 30


def only(futures):
    (future,) = futures.values()
    return future.result(WAIT_S)


def create(topic, partitions):
    new = NewTopic(topic, num_partitions=partitions, replication_factor=1, config={"retention.ms": "-1"})
    only(ADMIN.create_topics([new]))


def describe(topic, partitions):
    found = ADMIN.list_topics(topic, timeout=WAIT_S).topics[topic]
    assert found.error is None, found.error
    assert sorted(found.partitions) == list(range(partitions)), found.partitions
    assert all(p.leader >= 0 and p.isrs == p.replicas == [p.leader] for p in found.partitions.values())
    configs = only(ADMIN.describe_configs([ConfigResource("topic", topic)]))
    assert configs["retention.ms"].value == "-1", configs["retention.ms"]
    assert configs["cleanup.policy"].value == "delete", configs["cleanup.policy"]


def produce(topic, partitions, count, flavor, codec, idempotent, first=0):
    failures, offsets = [], {}

    def delivered(error, message):
        if error is not None:
            failures.append(error)
        else:
            offsets[message.partition(), message.offset()] = True

    producer = ck.Producer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "compression.type": codec,
            "enable.idempotence": bool(idempotent),
            "max.in.flight": 5 if idempotent else 1,  # a retry must not overtake
            "acks": "all",
            "linger.ms": 5,
            "message.timeout.ms": WAIT_S * 1000,
        }
    )
    for i in range(first, first + count):
        key, value, headers = records.record(flavor, i)
        producer.produce(
            topic,
            value,
            key,
            partition=i % partitions,
            timestamp=records.time_ms(i) if flavor == "full" else int(time.time() * 1000),
            headers=headers,
            on_delivery=delivered,
        )
        producer.poll(0)
    left = producer.flush(WAIT_S)
    assert left == 0 and not failures, f"{left} undelivered, first error {failures[:1]}"
    want = {(i % partitions, i // partitions) for i in range(first, first + count)}
    assert offsets.keys() == want, f"{len(offsets)} distinct offsets acknowledged, expected {count}"


def consumer():
    return ck.Consumer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "group.id": "unused",  # demanded by the client; nothing is joined or committed
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 20,  # every re-assignment waits for the fetch in flight
        }
    )


def take(message, to):
    assert message.error() is None, message.error()
    kind, stamp_ms = message.timestamp()
    assert kind == ck.TIMESTAMP_CREATE_TIME, kind
    to(message.partition(), message.offset(), message.key(), message.value(), message.headers(), stamp_ms)


def read(topic, partitions, count, flavor):
    reading = records.Reading(topic, partitions, count, flavor)
    c = consumer()
    try:
        c.assign([ck.TopicPartition(topic, p, 0) for p in range(partitions)])
        deadline = time.monotonic() + WAIT_S
        while reading.left and time.monotonic() < deadline:
            for message in c.consume(1000, timeout=0.5 if reading.left >= 1000 else 0.05):
                take(message, reading.take)
        assert not reading.left, reading.missing()
    finally:
        c.close()


def first_at(c, topic, partition, offset, partitions, flavor):
    c.assign([ck.TopicPartition(topic, partition, offset)])
    message = c.poll(WAIT_S)
    assert message is not None, f"nothing came from {topic}-{partition}@{offset}"

    def same(p, o, key, value, headers, stamp_ms):
        assert (p, o) == (partition, offset), f"asked {partition}@{offset}, got {p}@{o}"
        records.check(flavor, o * partitions + p, key, value, headers, stamp_ms, f"{topic}-{p}@{o}")

    take(message, same)


def seek_offset(topic, partitions, count, flavor):
    c = consumer()
    try:
        for p in range(partitions):
            n = records.count_in(p, partitions, count)
            ends = c.get_watermark_offsets(ck.TopicPartition(topic, p), timeout=WAIT_S)
            assert ends == (0, n), f"partition {p} spans {ends}, expected 0..{n}"
            for offset in records.offset_probes(p, partitions, count):
                first_at(c, topic, p, offset, partitions, flavor)
    finally:
        c.close()


def seek_time(topic, partitions, count, flavor):
    c = consumer()
    try:
        for p in range(partitions):
            for stamp_ms, want in records.time_probes(p, partitions, count):
                (got,) = c.offsets_for_times([ck.TopicPartition(topic, p, stamp_ms)], timeout=WAIT_S)
                assert got.error is None, got.error
                offset = None if got.offset == ck.OFFSET_END else got.offset
                assert offset == want, f"partition {p} at {stamp_ms}: offset {got.offset}, expected {want}"
                if want is not None:
                    first_at(c, topic, p, want, partitions, flavor)
    finally:
        c.close()


def delete(topic):
    only(ADMIN.delete_topics([topic]))
    deadline = time.monotonic() + WAIT_S
    while topic in ADMIN.list_topics(timeout=WAIT_S).topics:
        assert time.monotonic() < deadline, f"{topic} is still listed"
        time.sleep(0.1)


driver_loop.serve(
    {
        "version": lambda: ck.__version__,
        "create": create,
        "describe": describe,
        "produce": produce,
        "read": read,
        "seek_offset": seek_offset,
        "seek_time": seek_time,
        "delete": delete,
        "produce_more": lambda topic, partitions, count, flavor, first: produce(topic, partitions, count, flavor, "none", 0, first),
    }
    | confluent_member.COMMANDS
)
