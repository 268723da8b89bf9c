"""One member of a consumer group through confluent-kafka-python: the commands join, poll, commit, leave and committed."""

import os
import time

import confluent_kafka as ck

import records
from driver_loop import Runs, listed

BOOTSTRAP = os.environ["MILLRACE_BOOTSTRAP"]
WAIT_S = 30
UNREACHABLE = (ck.KafkaError._TRANSPORT, ck.KafkaError._ALL_BROKERS_DOWN)


class Member:
    def __init__(self, group, topic, partitions, flavor, assignor, instance, session_ms):
        self.topic, self.partitions, self.flavor = topic, partitions, flavor
        self.rebalances, self.runs = 0, Runs()
        settings = {
            "bootstrap.servers": BOOTSTRAP,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50,
            "session.timeout.ms": session_ms,
            "heartbeat.interval.ms": 300,
            "reconnect.backoff.max.ms": 500,
        }
        if str(assignor).startswith("consumer"):
            settings["group.protocol"] = "consumer"  # the broker sets its times (KIP-848)
            if named := assignor.removeprefix("consumer").removeprefix("-"):
                settings["group.remote.assignor"] = named
            del settings["session.timeout.ms"], settings["heartbeat.interval.ms"]
        elif assignor != "-":
            settings["partition.assignment.strategy"] = assignor
        if instance != "-":
            settings["group.instance.id"] = instance
        self.consumer = ck.Consumer(settings)
        lost = lambda consumer, partitions: None
        self.consumer.subscribe([topic], on_assign=self.assigned, on_revoke=self.revoked, on_lost=lost)

    def assigned(self, consumer, partitions):
        self.rebalances += 1

    def revoked(self, consumer, partitions):
        self.commit()

    def poll(self, ms):
        end = time.monotonic() + ms / 1000
        while (left := end - time.monotonic()) > 0:
            for m in self.consumer.consume(500, left):
                if m.error() and m.error().code() in UNREACHABLE:
                    continue  # without a broker the client tries again by itself
                assert m.error() is None, m.error()
                p, offset = m.partition(), m.offset()
                where = f"{self.topic}-{p}@{offset}"
                i = offset * self.partitions + p
                records.check(self.flavor, i, m.key(), m.value(), m.headers(), m.timestamp()[1], where)
                self.runs.take(p, offset)
        return f"{self.rebalances} {listed(tp.partition for tp in self.consumer.assignment())} {self.runs.drain()}"

    def commit(self):
        try:
            self.consumer.commit(asynchronous=False)
        except ck.KafkaException as e:
            if e.args[0].code() != ck.KafkaError._NO_OFFSET:
                raise

    def leave(self):
        self.commit()
        self.consumer.close()


def committed(group, topic, partitions):
    asking = ck.Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": group})
    try:
        rows = asking.committed([ck.TopicPartition(topic, p) for p in range(partitions)], timeout=WAIT_S)
    finally:
        asking.close()
    assert all(row.error is None for row in rows), rows
    return listed(-1 if row.offset == ck.OFFSET_INVALID else row.offset for row in rows)


def reset(group, topic, partitions, stamp_ms):
    setting = ck.Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": group})
    try:
        found = setting.offsets_for_times([ck.TopicPartition(topic, p, stamp_ms) for p in range(partitions)], timeout=WAIT_S)
        rows = setting.commit(offsets=found, asynchronous=False)
    finally:
        setting.close()
    assert all(row.error is None for row in found + rows), (found, rows)


_joined = []


def join(*how):
    _joined[:] = [Member(*how)]


COMMANDS = {
    "join": join,
    "poll": lambda ms: _joined[0].poll(ms),
    "commit": lambda: _joined[0].commit(),
    "leave": lambda: _joined.pop().leave(),
    "committed": committed,
    "reset": reset,
}
