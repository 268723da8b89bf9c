"""The requests that the tests make, on one connection, one at a time unless a test takes `send` and `receive` itself."""
import struct
import time

from . import wire
from .batches import records_of

COORDINATOR_LOAD_IN_PROGRESS = 14
PRODUCE_VERSION, FETCH_VERSION = 8, 11


def produce_body(parts, acks=-1, timeout_ms=10000):
    """`parts` is a list of (topic, [(partition, batch bytes)])."""
    topics = [
        wire.string(topic) + wire.array([struct.pack(">ii", p, len(data)) + data for p, data in partitions])
        for topic, partitions in parts
    ]
    return wire.string(None) + struct.pack(">hi", acks, timeout_ms) + wire.array(topics)


def read_produce(answer):
    """{(topic, partition): (error code, base offset)}"""
    result = {}

    def partition(topic):
        index, error, base, _, _ = (answer.i32(), answer.i16(), answer.i64(), answer.i64(), answer.i64())
        answer.array(lambda: (answer.i32(), answer.string()))
        answer.string()
        result[topic, index] = error, base

    def topic():
        name = answer.string()
        answer.array(lambda: partition(name))

    answer.array(topic)
    return result


def fetch_body(wanted, max_wait_ms=500, min_bytes=1, bytes_max=1 << 20, session=0, epoch=-1, forgotten=()):
    """`wanted` is a list of (topic, [(partition, offset)])."""
    topics = [
        wire.string(topic) + wire.array([struct.pack(">iiqqi", p, -1, offset, -1, bytes_max) for p, offset in partitions])
        for topic, partitions in wanted
    ]
    gone = [wire.string(topic) + wire.array([struct.pack(">i", p) for p in partitions]) for topic, partitions in forgotten]
    head = struct.pack(">iiiibii", -1, max_wait_ms, min_bytes, bytes_max, 0, session, epoch)
    return head + wire.array(topics) + wire.array(gone) + wire.string("")


def read_fetch(answer):
    """(error code, session id, {(topic, partition): (error code, high watermark, bytes)})"""
    answer.i32()
    error, session, result = answer.i16(), answer.i32(), {}

    def partition(topic):
        index, code, high_watermark = answer.i32(), answer.i16(), answer.i64()
        answer.take(16)
        for _ in range(max(answer.i32(), 0)):
            answer.take(16)
        answer.i32()
        result[topic, index] = code, high_watermark, answer.bytes()

    def topic():
        name = answer.string()
        answer.array(lambda: partition(name))

    answer.array(topic)
    return error, session, result


class Client(wire.Connection):
    def create_topic(self, name, partitions=1, configs=()):
        """(error code, message)"""
        entries = [wire.string(key) + wire.string(value) for key, value in configs]
        topic = wire.string(name) + struct.pack(">ih", partitions, 1) + wire.array([]) + wire.array(entries)
        answer = self.call(wire.CREATE_TOPICS, 4, wire.array([topic]) + struct.pack(">i?", 30000, False))
        answer.i32()
        return answer.array(lambda: (answer.string(), answer.i16(), answer.string()))[0][1:]

    def make_topic(self, name, partitions=1, configs=()):
        """Creates it and waits until every partition has its leader."""
        error, message = self.create_topic(name, partitions, configs)
        if error:
            raise ValueError(f"CreateTopics {name}: error {error}: {message}")
        deadline = time.monotonic() + 10
        for partition in range(partitions):
            while self.list_offset(name, partition)[0] and time.monotonic() < deadline:
                time.sleep(0.02)

    def delete_topic(self, name):
        """The error code."""
        answer = self.call(wire.DELETE_TOPICS, 3, wire.array([wire.string(name)]) + struct.pack(">i", 30000))
        answer.i32()
        return answer.array(lambda: (answer.string(), answer.i16()))[0][1]

    def describe_topics(self, names=None):
        """{name: (error code, topic id, [(partition, leader epoch)])} of these topics, never created by asking."""
        topics = [b"\0" * 16 + wire.compact_string(name) + b"\0" for name in names or ()]
        asked = wire.unsigned_varint(0) if names is None else wire.compact_array(topics)
        answer = self.call(wire.METADATA, 12, asked + b"\0\0\0", flexible=True)
        answer.i32()
        answer.compact_array(lambda: (answer.i32(), answer.compact_string(), answer.i32(), answer.compact_string(), answer.tags()))
        answer.compact_string(), answer.i32()
        result = {}

        def partition():
            _, index, _, epoch = answer.i16(), answer.i32(), answer.i32(), answer.i32()
            for _ in range(3):
                answer.compact_array(answer.i32)
            answer.tags()
            return index, epoch

        def topic():
            error, name, topic_id = answer.i16(), answer.compact_string(), answer.take(16).hex()
            answer.i8()
            result[name] = error, topic_id, sorted(answer.compact_array(partition))
            answer.i32(), answer.tags()

        answer.compact_array(topic)
        return result

    def init_producer_id(self):
        """(producer id, epoch)"""
        for _ in range(100):
            answer = self.call(wire.INIT_PRODUCER_ID, 1, wire.string(None) + struct.pack(">i", 60000))
            answer.i32()
            error, producer, epoch = answer.i16(), answer.i64(), answer.i16()
            if error != COORDINATOR_LOAD_IN_PROGRESS:
                break
            time.sleep(0.1)
        if error:
            raise ValueError(f"InitProducerId: error {error}")
        return producer, epoch

    def produce(self, topic, partition, data, acks=-1):
        """(error code, base offset)"""
        body = produce_body([(topic, [(partition, data)])], acks)
        return read_produce(self.call(wire.PRODUCE, PRODUCE_VERSION, body))[topic, partition]

    def fetch(self, topic, partition, offset, bytes_max=1 << 20, max_wait_ms=500):
        """(error code, high watermark, bytes of batches)"""
        body = fetch_body([(topic, [(partition, offset)])], max_wait_ms, 1, bytes_max)
        return read_fetch(self.call(wire.FETCH, FETCH_VERSION, body))[2][topic, partition]

    def list_offset(self, topic, partition, timestamp=-1):
        """(error code, offset)"""
        body = struct.pack(">ib", -1, 0) + wire.array([wire.string(topic) + wire.array([struct.pack(">iq", partition, timestamp)])])
        answer = self.call(wire.LIST_OFFSETS, 2, body)
        answer.i32()
        read = lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i16(), answer.i64(), answer.i64())))
        _, error, _, offset = answer.array(read)[0][1][0]
        return error, offset

    def end_offset(self, topic, partition):
        error, offset = self.list_offset(topic, partition)
        if error:
            raise ValueError(f"ListOffsets {topic}-{partition}: error {error}")
        return offset

    def read_all(self, topic, partition, start=0, bytes_max=8 << 20):
        """[(offset, value)] up to the end that the log has now."""
        end, found, at = self.end_offset(topic, partition), [], start
        while at < end:
            error, _, data = self.fetch(topic, partition, at, bytes_max)
            got = [pair for pair in records_of(data, check_crc=False) if pair[0] >= at]
            if error or not got:
                raise ValueError(f"fetch of {topic}-{partition} at {at}, end {end}: error {error}, {len(data)} bytes")
            found += got
            at = got[-1][0] + 1
        return found
