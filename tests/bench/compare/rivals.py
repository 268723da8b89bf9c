"""NATS JetStream and Redis Streams, each loaded by its own best client. One that cannot be had here says so in its row.

NATS: server and client as tests/bench/nats/go.mod pins them, because Debian's server knows no flush before the acknowledgement.
Redis: Debian's redis-server, and redis-benchmark with XADD in pipelines.
"""
import contextlib
import csv
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from bench.measuring import settle
from harness import process
from harness.broker import START_SECONDS, TREE, clean_environment, free_port

from .figures import Target
from .loads import GB, MILLION, figures_of, plain
from .stage import ANSWERS_LATE_SECONDS, finished

RECORD_BYTES = 128
# About 4,000 records are on their way in each.
IN_FLIGHT, CONNECTIONS, PIPELINE, BATCH_BYTES, DEPTH = 4096, 16, 256, 128 << 10, 5
NATS = os.path.join(TREE, "tests/bench/nats")


class Server:
    """A program that listens on a port of its own, with a directory of its own."""

    def __init__(self, command):
        self.home = tempfile.mkdtemp(prefix="millrace-rival-")
        self.port = free_port()
        self.log = os.path.join(self.home, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command(self.port, self.home), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(),
                                            start_new_session=True)

    def __enter__(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    with open(self.log, errors="replace") as log:
                        said = log.read()[-400:]
                    self.__exit__()
                    raise RuntimeError(f"{self.process.args[0]} does not serve: {said}") from None
                time.sleep(0.01)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def cost_of(self, words):
        settle()
        process.forget_peak(self.process.pid)
        before = process.cpu_seconds(self.process.pid)
        said, client_cpu, took = finished(words)
        time.sleep(ANSWERS_LATE_SECONDS)
        return said, {"cpu": process.cpu_seconds(self.process.pid) - before, "client_cpu": client_cpu, "seconds": took,
                      "peak_mib": process.peak_resident_mib(self.process.pid)}


def nats_programs():
    """The directory of both, built once."""
    sys.path.append(os.path.join(TREE, "tests/clients"))
    from suite import toolchain
    toolchain.at_least("go", ["version"], (1, 26))

    def build(made):
        toolchain.sh("go", "build", "-mod=readonly", "-o", made + "/nats_load", ".", cwd=NATS)
        toolchain.sh("go", "build", "-mod=readonly", "-o", made + "/", "github.com/nats-io/nats-server/v2", cwd=NATS)

    return toolchain.once("nats", [os.path.join(NATS, name) for name in ("go.mod", "go.sum", "main.go")], build)


def prepare(ids):
    """What is to be built for these rows, so that it is not done while the time of one runs. Its row says what went wrong."""
    if "X1" in ids:
        with contextlib.suppress(Exception):
            nats_programs()


def nats_server(programs, flushed):
    def command(port, home):
        path = os.path.join(home, "nats.conf")
        with open(path, "w") as file:
            file.write(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{home}/store"{", sync_interval: always" if flushed else ""} }}\n')
        return [programs + "/nats-server", "-c", path]
    return command


def nats(flushed, records):
    def load(stage, _):
        programs = nats_programs()
        with Server(nats_server(programs, flushed)) as server:
            words = [programs + "/nats_load", f"nats://127.0.0.1:{server.port}", stage.count(records), RECORD_BYTES, IN_FLIGHT]
            server.cost_of([*words[:2], stage.count(records) // 4, *words[3:]])  # warm
            said, cost = server.cost_of(words)
            return plain(json.loads(said), cost)
    return load


def redis_server(flushed):
    def command(port, home):
        return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", home, "--save", "", "--appendonly", "yes",
                "--appendfsync", "always" if flushed else "everysec", "--auto-aof-rewrite-percentage", "0"]
    return command


def redis(flushed, records):
    def load(stage, _):
        for name in ("redis-server", "redis-benchmark"):
            if not shutil.which(name):
                raise RuntimeError(f"{name} is not here: apt-get install redis-server redis-tools")
        with Server(redis_server(flushed)) as server:
            count = stage.count(records)
            words = lambda n: ["redis-benchmark", "-p", server.port, "-n", n, "-c", CONNECTIONS, "-P", PIPELINE, "--csv", "XADD", "load", "*", "v", "v" * RECORD_BYTES]
            server.cost_of(words(count // 4))  # warm
            said, cost = server.cost_of(words(count))
            rate = float(next(csv.reader(io.StringIO(said.splitlines()[-1])))[1])
            seconds, size = count / rate, count * RECORD_BYTES
            return {"records_per_s": rate, "mb_per_s": size / seconds / MILLION, "cpu_per_m_records": cost["cpu"] / count * MILLION,
                    "cpu_per_gb": cost["cpu"] / size * GB, "peak_mib": cost["peak_mib"], "client_core": cost["client_cpu"] / cost["seconds"],
                    "client_cpu_per_gb": cost["client_cpu"] / size * GB, "cpu_share": cost["cpu"] / seconds}
    return load


def ours(flushed, records):
    """Records of the same size, in batches on one connection."""
    def load(stage, name):
        topic = stage.make_topic(name)
        said, cost = stage.bench(name, "produce", "--topic", topic, "--num-records", records, "--record-size", RECORD_BYTES,
                                 "--batch-bytes", BATCH_BYTES, "--depth", DEPTH, "--acks", "all" if flushed else 1)
        stage.delete_topic(name, topic)
        return figures_of(said, cost)
    return load


def rows(Row, Side, cache, disk):
    made = []
    for id, name, load, faster, cpu in (("X1", "NATS JetStream", nats, 5, 1 / 4), ("X2", "Redis Streams", redis, 3, 1 / 3)):
        for flushed, durability in ((False, cache), (True, disk)):
            records, theirs = ((2_000_000, 10_000_000), (200_000, 1_000_000)) if not flushed else ((500_000, 5_000_000), (5_000, 50_000))
            if load is redis and flushed:
                theirs = (100_000, 1_000_000)
            made.append(Row(id, f"records of {RECORD_BYTES} B beside {name}, {'D' if flushed else 'N'}",
                            (Side("millrace", ours(flushed, records), durability), Side(name, load(flushed, theirs), durability)),
                            (Target("records_per_s", at_least=faster, over=name, instead="cpu_per_m_records"),
                             Target("cpu_per_m_records", at_most=cpu, over=name))))
    return made
