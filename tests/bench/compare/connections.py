"""As many connections as the limit on descriptors allows, each with a fetch that waits: what waiting costs, and what it costs to
wake all of them with one record."""
import resource
import subprocess
import time

from bench.measuring import settle
from harness import process
from harness.batches import batch
from harness.broker import clean_environment

from .stage import bench_tool

CONNECTIONS_MAX, SHARE_OF_LIMIT = 100_000, 0.75
QUIET_SECONDS, WAIT_SECONDS = 2, 30  # a window of WAIT_SECONDS has each connection's poll once
WAKES = 5


def connections_wanted():
    """A broker keeps the rest for its files."""
    return min(CONNECTIONS_MAX, int(resource.getrlimit(resource.RLIMIT_NOFILE)[1] * SHARE_OF_LIMIT))


class Crowd:
    """millrace-bench with many polling connections; `with` begins when all of them wait."""

    def __init__(self, stage, name, topic, seconds, wait_seconds, *words):
        self.count, self.broker = connections_wanted(), stage.broker(name)
        self.command = [bench_tool(), "connections", "--polling", "--topic", topic, "--connections", self.count, "--duration", f"{seconds}s",
                        "--fetch-wait", f"{wait_seconds}s", "--bootstrap-server", self.broker.bootstrap, "--format", "json", *words]

    def __enter__(self):
        self.run = subprocess.Popen([str(word) for word in self.command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                    text=True, env=clean_environment())
        try:
            self.until("connections open after")
        except BaseException:
            self.__exit__()
            raise
        time.sleep(QUIET_SECONDS)
        return self

    def until(self, words):
        """The line of standard error with these words, which it says in any case or ends."""
        last = ""
        for line in self.run.stderr:
            if words in line:
                return line
            last = line
        raise RuntimeError(f"millrace-bench connections ended early: {last.strip()}")

    def __exit__(self, *_):
        self.run.terminate()
        self.run.communicate()


def waiting(stage, name):
    """Polls that find nothing for WAIT_SECONDS and then come again."""
    topic, broker = stage.make_topic(name, 6), stage.broker(name)
    settle()
    before = process.resident_mib(broker.pid)
    with Crowd(stage, name, topic, WAIT_SECONDS * 2, WAIT_SECONDS) as crowd:
        began, cpu = time.monotonic(), process.cpu_seconds(broker.pid)
        memory = process.resident_mib(broker.pid) - before
        time.sleep(WAIT_SECONDS)
        share = (process.cpu_seconds(broker.pid) - cpu) / (time.monotonic() - began)
    stage.retire(name)
    return {"cpu_share": share, "cores_per_100k": share / crowd.count * 100_000, "bytes_per_connection": memory * (1 << 20) / crowd.count, "connections": crowd.count}


def awake(stage, name):
    """CPU from the record's coming to the last waiter's answer; none of them polls again meanwhile."""
    broker, costs = stage.broker(name), []
    for _ in range(stage.count((1, WAKES))):
        topic = stage.make_topic(name)
        with broker.connect() as client, Crowd(stage, name, topic, 600, 600, "--once") as crowd:
            cpu = process.cpu_seconds(broker.pid)
            client.produce(topic, 0, batch([b"wake"]), acks=1)
            crowd.until("polls answered after")
            costs.append((process.cpu_seconds(broker.pid) - cpu) / crowd.count * 1e9)
        stage.delete_topic(name, topic)
    stage.retire(name)
    return {"ns_per_waiter": sum(costs) / len(costs), "connections": crowd.count}
