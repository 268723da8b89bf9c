"""Scenarios of whole applications on Kafka's client: Kafka Streams, and a worker of Kafka Connect in distributed mode."""

import json
import os
import time
import urllib.error
import urllib.request
from collections import Counter

from harness.broker import free_port

WAIT_S = 60


def line_words(i):
    """The words of line i, as WordCount.java writes them."""
    return f"w{i % 3} w{i % 7} x{i % 11} all".split()


def word_counts(lines):
    found = Counter(word for i in range(lines) for word in line_words(i))
    return ",".join(f"{word}:{found[word]}" for word in sorted(found))


def until(holds, what, seconds=WAIT_S):
    """`holds` answers with None, or with what is still wrong."""
    deadline = time.monotonic() + seconds
    while wrong := holds():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}: {wrong}"
        time.sleep(0.1)


class Applications:
    """Mixed into Tools, which gives `c` and topic_command()."""

    def streams_word_count(self):
        """The counts are exact after a stop, and after a kill whose work was committed; each start restores them from the changelog."""
        name = "kafka-streams"
        application, source, result = (self.c.fresh(f"words-{what}") for what in ("app", "in", "out"))
        for topic in (source, result):
            self.topic_command("--create", "--topic", topic, "--partitions", "3")
        written = 0

        def ask(line):
            return self.c.ask(name, line, WAIT_S)

        def write(count):
            nonlocal written
            ask(f"write {source} {written} {count}")
            written += count

        def start(round_number):  # a new directory, so that nothing local is left of the state
            ask(f"start {application} {source} {result} {os.path.join(self.c.work, f'streams-{round_number}')}")

        def settle():
            want = word_counts(written)
            until(lambda: (got := ask(f"counts {result}")) != want and f"{got}, expected {want}", "counts of words")
            until(lambda: int(ask(f"lag {application}")), "all work committed")

        write(1000)
        start(0)
        settle()
        write(500)
        settle()
        ask("stop")
        write(700)
        start(1)
        settle()
        self.c.driver(name).kill()
        write(300)
        start(2)
        settle()
        ask("stop")
        said = self.topic_command("--describe", "--topic", f"{application}-counts-changelog")
        assert "cleanup.policy=compact" in said and "PartitionCount: 3" in said, said

    def connect_files(self):
        """Lines of a file come through a topic into another file, each once, while the worker is stopped and killed in between."""
        home = os.path.join(self.c.work, "connect")
        os.makedirs(home)
        worker = Worker(self.c, home)
        topic = self.c.fresh("connect-lines")
        source, sink = os.path.join(home, "source.txt"), os.path.join(home, "sink.txt")
        self.topic_command("--create", "--topic", topic, "--partitions", "1")
        written = 0

        def write(count):
            nonlocal written
            with open(source, "a") as f:
                f.writelines(f"line {i}\n" for i in range(written, written + count))
            written += count

        def arrived():
            with open(sink) as f:
                return f.read().splitlines()

        def settle():
            lines = lambda: len(arrived()) if os.path.exists(sink) else 0
            until(lambda: lines() < written and f"{lines()} of {written} lines", "lines in the sink's file")
            assert arrived() == [f"line {i}" for i in range(written)], "other lines came than were written, or not in order"

        def committed():
            """Both connectors have their positions stored."""
            (at,) = worker.get("/connectors/lines-in/offsets")["offsets"]
            assert at["partition"] == {"filename": source}, at
            read = at["offset"]["position"] == os.path.getsize(source)
            found = worker.get("/connectors/lines-out/offsets")["offsets"]
            return read and [p["offset"]["kafka_offset"] for p in found] == [written]

        write(500)
        worker.start()
        found = {plugin["class"] for plugin in worker.get("/connector-plugins")}
        package = "org.apache.kafka.connect.file.FileStream"
        assert {package + "SourceConnector", package + "SinkConnector"} <= found, found
        worker.put("lines-in", {"connector.class": package + "SourceConnector", "file": source, "topic": topic, "tasks.max": "1"})
        worker.put("lines-out", {"connector.class": package + "SinkConnector", "file": sink, "topics": topic, "tasks.max": "1"})
        settle()
        for which, partitions in (("configs", 1), ("offsets", 5), ("status", 2)):
            said = self.topic_command("--describe", "--topic", worker.topic(which))
            assert "cleanup.policy=compact" in said and f"PartitionCount: {partitions}" in said, said
        worker.stop()
        write(300)
        worker.start()
        settle()
        until(lambda: not committed() and "not committed", "the connectors' positions")
        worker.kill()
        write(200)
        worker.start()
        settle()
        for name in ("lines-in", "lines-out"):
            status = worker.get(f"/connectors/{name}/status")
            states = [status["connector"]["state"], *(task["state"] for task in status["tasks"])]
            assert states == ["RUNNING", "RUNNING"], status
            worker.delete(name)
        worker.stop()


class Worker:
    """A worker of Kafka Connect, spoken to through its REST interface."""

    def __init__(self, c, home):
        self.c, self.group = c, c.fresh("connect")
        self.config, self.address = os.path.join(home, "worker.properties"), f"http://127.0.0.1:{free_port()}"
        settings = {
            "bootstrap.servers": c.bootstrap,
            "group.id": self.group,
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "config.storage.topic": self.topic("configs"),
            "offset.storage.topic": self.topic("offsets"),
            "status.storage.topic": self.topic("status"),
            "offset.storage.partitions": 5,
            "status.storage.partitions": 2,
            "config.storage.replication.factor": 1,
            "offset.storage.replication.factor": 1,
            "status.storage.replication.factor": 1,
            "offset.flush.interval.ms": 500,
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 500,
            "consumer.session.timeout.ms": 6000,  # of the sink's own group
            "consumer.heartbeat.interval.ms": 500,
            "scheduled.rebalance.max.delay.ms": 0,  # else the work of a killed worker waits for it five minutes
            "exactly.once.source.support": "disabled",
            "plugin.discovery": "service_load",
            "listeners": self.address,
        }
        with open(self.config, "w") as f:
            f.writelines(f"{key}={value}\n" for key, value in settings.items())

    def topic(self, which):
        return f"{self.group}-{which}"

    def start(self):
        self.c.ask("kafka-connect", f"start {self.config}", WAIT_S)

    def stop(self):
        self.c.ask("kafka-connect", "stop", WAIT_S)

    def kill(self):
        self.c.driver("kafka-connect").kill()

    def call(self, method, path, body=None):
        """While the worker joins its group it answers 409, and 503 or nothing before; then it is asked again."""
        asked = urllib.request.Request(
            self.address + path, method=method, data=body and json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                with urllib.request.urlopen(asked, timeout=WAIT_S) as answer:
                    return json.loads(answer.read() or "null")
            except (urllib.error.URLError, ConnectionError) as e:
                code = getattr(e, "code", None)
                said = e.read().decode(errors="replace")[:300] if code else str(e)
                assert code in (None, 404, 409, 500, 503) and time.monotonic() < deadline, f"{method} {path}: {code} {said}"
                time.sleep(0.2)

    def get(self, path):
        return self.call("GET", path)

    def put(self, name, config):
        self.call("PUT", f"/connectors/{name}/config", config)

    def delete(self, name):
        self.call("DELETE", f"/connectors/{name}")
