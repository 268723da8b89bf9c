"""Drives aiokafka; the commands are those of driver_loop.py."""

import asyncio
import os

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

import aiokafka_member
import driver_loop
import records

BOOTSTRAP = os.environ["MILLRACE_BOOTSTRAP"]
WAIT_S = 30


async def with_admin(work):
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await admin.start()
    try:
        return await work(admin)
    finally:
        await admin.close()


async def with_consumer(work):
    consumer = AIOKafkaConsumer(
        bootstrap_servers=BOOTSTRAP, group_id=None, enable_auto_commit=False, auto_offset_reset="none", fetch_max_wait_ms=100
    )
    await consumer.start()
    try:
        return await work(consumer)
    finally:
        await consumer.stop()


def no_error(response):
    for row in getattr(response, "topic_errors", None) or response.topic_error_codes:
        assert row[1] == 0, row


async def create(topic, partitions):
    async def work(admin):
        new = NewTopic(topic, partitions, 1, topic_configs={"retention.ms": "-1"})
        no_error(await admin.create_topics([new]))

    await with_admin(work)


async def describe(topic, partitions):
    async def work(admin):
        (found,) = await admin.describe_topics([topic])
        assert found["error_code"] == 0, found
        assert sorted(p["partition"] for p in found["partitions"]) == list(range(partitions)), found
        assert all(p["leader"] >= 0 and p["isr"] == p["replicas"] == [p["leader"]] for p in found["partitions"]), found
        (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        (resource,) = response.resources
        assert resource[0] == 0, resource[:2]
        values = {entry[0]: entry[1] for entry in resource[4]}
        assert values["retention.ms"] == "-1" and values["cleanup.policy"] == "delete", values

    await with_admin(work)


async def produce(topic, partitions, count, flavor, codec, idempotent):
    producer = AIOKafkaProducer(
        bootstrap_servers=BOOTSTRAP,
        compression_type=None if codec == "none" else codec,
        enable_idempotence=bool(idempotent),
        acks="all",
        linger_ms=2,
    )
    await producer.start()
    try:
        pending = []
        for i in range(count):
            key, value, headers = records.record(flavor, i)
            sent = await producer.send(
                topic, value, key, partition=i % partitions, timestamp_ms=records.time_ms(i), headers=headers
            )
            pending.append(sent)
        for i, done in enumerate(await asyncio.gather(*pending)):
            assert (done.partition, done.offset) == (i % partitions, i // partitions), (i, done)
    finally:
        await producer.stop()


async def read(topic, partitions, count, flavor):
    reading = records.Reading(topic, partitions, count, flavor)

    async def work(consumer):
        assigned = [TopicPartition(topic, p) for p in range(partitions)]
        consumer.assign(assigned)
        for tp in assigned:
            consumer.seek(tp, 0)
        while reading.left:
            got = await consumer.getmany(timeout_ms=WAIT_S * 1000)
            assert got, reading.missing()
            for messages in got.values():
                for m in messages:
                    assert m.timestamp_type == 0, m
                    reading.take(m.partition, m.offset, m.key, m.value, m.headers, m.timestamp)

    await with_consumer(work)


async def first_at(consumer, tp, offset, partitions, flavor):
    consumer.seek(tp, offset)
    m = await consumer.getone(tp)
    assert (m.partition, m.offset) == (tp.partition, offset), f"asked {tp}@{offset}, got {m.partition}@{m.offset}"
    records.check(flavor, m.offset * partitions + m.partition, m.key, m.value, m.headers, m.timestamp, f"{tp}@{offset}")


async def seek_offset(topic, partitions, count, flavor):
    async def work(consumer):
        for p in range(partitions):
            tp, n = TopicPartition(topic, p), records.count_in(p, partitions, count)
            consumer.assign([tp])
            begin, end = (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
            assert (begin, end) == (0, n), f"partition {p} spans {begin}..{end}, expected 0..{n}"
            for offset in records.offset_probes(p, partitions, count):
                await first_at(consumer, tp, offset, partitions, flavor)

    await with_consumer(work)


async def seek_time(topic, partitions, count, flavor):
    async def work(consumer):
        for p in range(partitions):
            tp = TopicPartition(topic, p)
            consumer.assign([tp])
            for stamp_ms, want in records.time_probes(p, partitions, count):
                got = (await consumer.offsets_for_times({tp: stamp_ms}))[tp]
                offset = None if got is None else got.offset
                assert offset == want, f"partition {p} at {stamp_ms}: offset {offset}, expected {want}"
                if want is not None:
                    await first_at(consumer, tp, want, partitions, flavor)

    await with_consumer(work)


async def delete(topic):
    async def work(admin):
        no_error(await admin.delete_topics([topic]))
        for _ in range(WAIT_S * 10):
            if topic not in await admin.list_topics():
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{topic} is still listed")

    await with_admin(work)


LOOP = asyncio.new_event_loop()


def blocking(command):
    return lambda *args: LOOP.run_until_complete(asyncio.wait_for(command(*args), WAIT_S * 2))


commands = {f.__name__: blocking(f) for f in (create, describe, produce, read, seek_offset, seek_time, delete)}
commands |= {name: blocking(command) for name, command in aiokafka_member.COMMANDS.items()}
driver_loop.serve(commands | {"version": lambda: aiokafka.__version__})
