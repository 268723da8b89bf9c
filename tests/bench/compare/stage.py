"""The world of a comparison: brokers, each started when a row first needs it, the topics of a round, and what a load on a broker
cost. Everything on the disk is under one directory, which goes at the end."""
import glob
import json
import os
import subprocess
import tempfile
import time

from bench.measuring import SECONDS_MAX, on_core, settle
from harness import process, wire
from harness.broker import TREE, Broker, Reference, clean_environment, has_reference
from harness.kafka import Kafka

# A deleted topic gives its space back at once, or the disk fills.
REFERENCE_OPTIONS = ("log.segment.delete.delay.ms=500", "num.io.threads=8", "num.network.threads=3")
OPTIONS = ("--log.segment.delete.delay.ms", "500")
ANSWERS_LATE_SECONDS = 0.05  # those that a client did not wait for
SERVER_CORE, CLIENT_CORE = 0, 1


def bench_tool():
    return os.environ.get("MILLRACE_BENCH_TOOL") or os.path.join(TREE, "build-release/tools/millrace-bench/millrace-bench")


def new_reference(options=()):
    return Reference([*REFERENCE_OPTIONS, *options]) if has_reference() else Kafka([*REFERENCE_OPTIONS, *options])


MAKERS = {
    "millrace": lambda: Broker(options=OPTIONS),
    "reference": new_reference,
    "millrace, fresh": lambda: Broker(options=OPTIONS),  # with no memory that other rows have left
    "reference, fresh": new_reference,
    "millrace, placed": lambda: Broker(options=OPTIONS),  # on a core of its own, its clients on the other one
    "millrace, unmoved": lambda: Broker(options=(*OPTIONS, "--connection.move.bytes", "0")),  # a connection stays where it came in
}


def reason(said, complained):
    """Why a program failed, from what it printed: millrace-bench has it among the notes of its JSON."""
    try:
        return "; ".join(json.loads(said)["notes"])
    except (ValueError, KeyError):
        return (complained or said).strip()[-400:]


def finished(words, limit=SECONDS_MAX, accepted=(0,)):
    """What a program printed, and its CPU seconds; it must end with a status of `accepted`."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.monotonic()
        child = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=clean_environment())
        try:
            while True:
                pid, status, used = os.wait4(child.pid, os.WNOHANG)
                if pid:
                    break
                if time.monotonic() - began > limit:
                    raise RuntimeError(f"{words[0]} did not end within {limit} s")
                time.sleep(0.005)
        except BaseException:
            child.kill()
            child.wait()
            raise
        child.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - began
        out.seek(0), err.seek(0)
        said, why = out.read(), err.read()
    if child.returncode not in accepted:
        raise RuntimeError(f"{os.path.basename(str(words[0]))} ended with status {child.returncode}: {reason(said, why)}")
    return said, used.ru_utime + used.ru_stime, took


class Stage:
    def __init__(self, quick):
        self.quick, self.brokers, self.broken, self.stored, self.topics = quick, {}, {}, {}, 0
        self.home = tempfile.mkdtemp(prefix="millrace-compare-")

    def count(self, size):
        """A size that differs between a quick and a full comparison is a pair."""
        return size[0 if self.quick else 1] if isinstance(size, tuple) else size

    def broker(self, name):
        """One that does not start is not tried again: each row that wants it says why."""
        if name in self.broken:
            raise RuntimeError(self.broken[name])
        if name not in self.brokers:
            made = None
            try:
                made = MAKERS[name]()
                with on_core(SERVER_CORE if "placed" in name else None):
                    made.start()
            except BaseException as why:
                if made:
                    made.close()
                self.broken[name] = f"it does not start: {why}"
                raise
            self.brokers[name] = made
        return self.brokers[name]

    def retire(self, name):
        if name in self.brokers:
            self.brokers.pop(name).close()

    def make_topic(self, name, partitions=1, configs=()):
        """On this broker, under a name that no other has."""
        self.topics += 1
        topic = f"compare-{self.topics}"
        with self.broker(name).connect(120) as client:
            if partitions <= 100:
                client.make_topic(topic, partitions, configs)
            else:
                error, message = client.create_topic(topic, partitions, configs)
                if error:
                    raise RuntimeError(f"{partitions} partitions: error {error}: {message}")
        return topic

    def delete_topic(self, name, topic):
        with self.broker(name).connect(120) as client:
            client.call(wire.DELETE_TOPICS, 3, wire.array([wire.string(topic)]) + (60000).to_bytes(4, "big"))

    def stored_bytes(self, name, topic):
        """Of all its segments, 0 where only the broker knows."""
        folder = getattr(self.broker(name), "log_dir", None)
        return sum(os.path.getsize(path) for path in glob.glob(f"{folder}/{topic}-*/*.log")) if folder else 0

    def records_stored(self, name, topic, partitions):
        with self.broker(name).connect(60) as client:
            return [client.end_offset(topic, p) for p in range(partitions)]

    def cost_of(self, name, words, core=None, accepted=(0,)):
        """(what the client printed, {cpu: of the broker, client_cpu, seconds, peak_mib})"""
        broker = self.broker(name)
        settle()
        process.forget_peak(broker.pid)
        before = process.cpu_seconds(broker.pid)
        with on_core(core):
            said, client_cpu, took = finished(words, accepted=accepted)
        time.sleep(ANSWERS_LATE_SECONDS)
        return said, {"cpu": process.cpu_seconds(broker.pid) - before, "client_cpu": client_cpu, "seconds": took,
                      "peak_mib": process.peak_resident_mib(broker.pid)}

    def bench_words(self, name, words):
        return [bench_tool(), *map(self.count, words), "--bootstrap-server", self.broker(name).bootstrap, "--format", "json", "--no-progress"]

    def bench(self, name, *words, accepted=(0,)):
        """The same of millrace-bench, what it printed as JSON."""
        said, cost = self.cost_of(name, self.bench_words(name, words), accepted=accepted)
        return json.loads(said), cost

    def bench_only(self, name, *words):
        """Beside what is measured."""
        return json.loads(finished(self.bench_words(name, words))[0])

    def close(self):
        for name in list(self.brokers):
            self.retire(name)
        subprocess.run(["rm", "-rf", self.home])
