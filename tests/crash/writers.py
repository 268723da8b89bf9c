"""Clients that go on through crashes and remember exactly what was acknowledged to them."""
import random
import threading
import time

from harness import wire
from harness.batches import batch
from harness.client import PRODUCE_VERSION, Client, produce_body, read_produce

IN_FLIGHT = 3  # the broker remembers the last five batches of a producer
# LEADER_NOT_AVAILABLE, NOT_LEADER, REQUEST_TIMED_OUT, COORDINATOR_LOAD_IN_PROGRESS, KAFKA_STORAGE_ERROR
SEND_AGAIN = {5, 6, 7, 14, 56}


class Repeater(threading.Thread):
    """Runs work(client) again and again, on a new connection whenever one breaks, until it is ended.

    From the moment `dark` is set no answer counts any more, as if the whole machine had died with its disk.
    """

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.failure = address, None
        self.ending, self.dark = threading.Event(), threading.Event()

    def run(self):
        while not self.ending.is_set() and self.failure is None:
            try:
                with Client(self.address, 5) as client:
                    self.work(client)
            except OSError:
                time.sleep(0.01)
            except Exception as why:
                self.failure = why

    def in_light(self, answer):
        if self.dark.is_set():
            raise ConnectionError("the power is off")
        return answer

    def end(self):
        self.ending.set()
        self.join()


class IdempotentWriter(Repeater):
    """An idempotent producer with several batches in flight to several partitions. What was not acknowledged when a
    connection broke it sends again with the same sequences, so that nothing may be lost and nothing may be there twice.
    """

    def __init__(self, address, topic, partitions, seed):
        super().__init__(address)
        self.topic, self.partitions, self.random = topic, partitions, random.Random(seed)
        self.identity, self.number = None, 0
        self.sequences = [0] * partitions
        self.pending = []  # requests in order: {partition: (values, batch)}
        self.acknowledged = [[] for _ in range(partitions)]  # (base offset, values)

    def _next_request(self):
        request = {}
        for partition in self.random.sample(range(self.partitions), self.random.randint(1, self.partitions)):
            size = 16000 if self.random.random() < 0.02 else self.random.randint(1, 300)
            values = []
            for _ in range(self.random.randint(1, 4)):
                values.append(b"%d-%d-" % (partition, self.number) + b"w" * size)
                self.number += 1
            request[partition] = values, batch(values, *self.identity, self.sequences[partition])
            self.sequences[partition] += len(values)
        return request

    def _send(self, client, request):
        parts = [(partition, data) for partition, (_, data) in request.items()]
        client.send(wire.PRODUCE, PRODUCE_VERSION, produce_body([(self.topic, parts)], -1))

    def work(self, client):
        self.identity = self.identity or client.init_producer_id()
        for request in self.pending:
            self._send(client, request)
        while not self.ending.is_set() or self.pending:
            while len(self.pending) < IN_FLIGHT and not self.ending.is_set():
                self.pending.append(self._next_request())
                self._send(client, self.pending[-1])
            answer, request = read_produce(wire.Answer(self.in_light(client.receive())[1])), self.pending[0]
            for (_, partition), (error, base) in answer.items():
                if error == 0:
                    self.acknowledged[partition].append((base, request.pop(partition)[0]))
                elif error not in SEND_AGAIN:
                    raise ValueError(f"{self.topic}-{partition}: error {error} where an acknowledgement was due")
            if request:
                return  # again, on another connection, before anything that came later
            self.pending.pop(0)

    def count(self):
        return sum(len(values) for partition in self.acknowledged for _, values in partition)

    def lost_or_doubled(self, client, starts=None):
        """What is wrong with the log, in words; from these offsets on, where only the newest is to be looked at."""
        wrong = []
        for partition, acknowledged in enumerate(list(map(list, self.acknowledged))):
            start = starts[partition] if starts else 0
            try:
                found = client.read_all(self.topic, partition, start)
            except ValueError as why:
                wrong.append(f"{self.topic}-{partition} cannot be read: {why}")
                continue
            by_offset = dict(found)
            numbers = [int(value.split(b"-")[1]) for _, value in found]
            lost = sum(by_offset.get(base + i) != value for base, values in acknowledged if base >= start for i, value in enumerate(values))
            if lost:
                wrong.append(f"{self.topic}-{partition}: {lost} acknowledged records are not at their offsets")
            if len(set(numbers)) != len(numbers):
                wrong.append(f"{self.topic}-{partition}: {len(numbers) - len(set(numbers))} records are there twice")
            elif numbers != sorted(numbers):
                wrong.append(f"{self.topic}-{partition}: records are out of order")
        return wrong


class TopicCreator(Repeater):
    """Creates topics with one to four partitions one after the other, and remembers the acknowledged ones."""

    def __init__(self, address, prefix, pause=0.02):
        super().__init__(address)
        self.prefix, self.pause, self.next = prefix, pause, 0
        self.created = {}  # name: partitions
        self.first_records = {}

    def work(self, client):
        while not self.ending.is_set():
            name, partitions = f"{self.prefix}{self.next}", 1 + self.next % 4
            self.next += 1  # one that was not acknowledged may or may not exist: never asked for again
            error, message = self.in_light(client.create_topic(name, partitions))
            if error in SEND_AGAIN or error == -1:
                return
            if error:
                raise ValueError(f"creation of {name}: error {error}: {message}")
            self.created[name] = partitions
            value = b"first of %d" % self.next
            error, base = self.in_light(client.produce(name, 0, batch([value])))
            if error == 0:
                self.first_records[name] = base, value
            time.sleep(self.pause)

    def lost(self, client):
        """What is wrong, in words: topics that are gone, too small, or without the record that was acknowledged."""
        created, wrong = dict(self.created), []  # first, because it goes on meanwhile
        there = client.describe_topics()
        for name, partitions in created.items():
            if name not in there:
                wrong.append(f"topic {name} was acknowledged and is gone")
            elif len(there[name][2]) != partitions:
                wrong.append(f"topic {name} has {len(there[name][2])} of {partitions} partitions")
            elif name in self.first_records:
                try:
                    kept = self.first_records[name] in client.read_all(name, 0)
                except ValueError:
                    kept = False
                if not kept:
                    wrong.append(f"topic {name} has lost its acknowledged record")
        return wrong
