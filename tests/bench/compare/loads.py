"""How a row loads one of its sides: each function here gives one, to be called with the stage and the side's broker, and its
answer is the figures of one round."""
import json
import os
import time

from bench.held_memory import HeldMemory
from bench.measuring import memory_for, program, settle
from harness import process

from .stage import CLIENT_CORE, SERVER_CORE, bench_tool, finished

GB, MILLION = 1e9, 1e6
LATENCIES = {"p50_ms": "p50", "p99_ms": "p99", "p99_9_ms": "p99_9"}


def figures_of(said, cost, section=0):
    """Of one run of millrace-bench. Its own share of a core is without the time in which it waited for the clock."""
    one = said["sections"][section]
    found = {"mb_per_s": one["mb_per_second"], "records_per_s": one["records_per_second"], "peak_mib": cost["peak_mib"],
             "client_core": said["client_core_share"], "cpu_share": cost["cpu"] / cost["seconds"]}
    if one["bytes"]:
        # The CPU time is of the whole run, and so are these.
        records = one["records"] + one.get("warm_up_records", 0)
        size = one["bytes"] / one["records"] * records
        found.update(cpu_per_gb=cost["cpu"] / size * GB, client_cpu_per_gb=cost["client_cpu"] / size * GB, cpu_per_m_records=cost["cpu"] / records * MILLION)
    if one["requests"]:
        found.update(requests_per_s=one["requests"] / one["seconds"], cpu_per_m_requests=cost["cpu"] / one["requests"] * MILLION)
    found.update({name: one["latency_us"][key] / 1000 for name, key in LATENCIES.items() if one["latency_us"]["count"]})
    return found


def plain(said, cost):
    """Of a program that prints bytes, records and seconds, and whose CPU time begins when it is ready."""
    found = {"mb_per_s": said["bytes"] / said["seconds"] / MILLION, "cpu_per_gb": cost["cpu"] / said["bytes"] * GB, "peak_mib": cost["peak_mib"],
             "client_cpu_per_gb": said["client_cpu"] / said["bytes"] * GB, "client_core": said["client_cpu"] / said["seconds"],
             "cpu_share": cost["cpu"] / said["seconds"]}
    if said.get("records"):
        found.update(records_per_s=said["records"] / said["seconds"], cpu_per_m_records=cost["cpu"] / said["records"] * MILLION)
    return found


def held_for(stage, words):
    """Memory for what these words of millrace-bench will write, in use already (bench/held_memory.py)."""
    named = dict(zip(words, words[1:]))
    return HeldMemory(stage.home, memory_for(int(stage.count(named["--num-records"])) * int(named["--record-size"])))


def produce(*words, partitions=1, configs=(), held=False, stored=False):
    """`held`: for large transfers. `stored`: GB are those of the log, compressed."""
    def load(stage, name):
        topic = stage.make_topic(name, partitions, configs)
        run = lambda: stage.bench(name, "produce", "--topic", topic, *words)
        if held:
            settle()
            with held_for(stage, words):
                said, cost = run()
        else:
            said, cost = run()
        found = figures_of(said, cost)
        if stored:
            # Equal batches for both brokers, so that a log which cannot be looked at is as large as the other's.
            size = stage.stored_bytes(name, topic) or stage.stored.get(words, 0)
            found.pop("cpu_per_gb")
            if size:
                stage.stored[words] = size
                found.update(cpu_per_gb=cost["cpu"] / size * GB, mb_per_s=size / said["sections"][0]["seconds"] / MILLION)
        stage.delete_topic(name, topic)
        return found
    return load


def end_to_end(command, *words, partitions=6):
    """Sections: the consumers' side first. Requests are those of the producer."""
    def load(stage, name):
        topic = stage.make_topic(name, partitions)
        said, cost = stage.bench(name, command, "--topic", topic, *words)
        stage.delete_topic(name, topic)
        return figures_of(said, cost)
    return load


class Filled:
    """A topic that a row's rounds read: written once on each broker, and deleted when the row ends."""

    def __init__(self, *words, partitions=1):
        self.words, self.partitions, self.topics = words, partitions, {}

    def topic(self, stage, name):
        if name not in self.topics:
            made = stage.make_topic(name, self.partitions)
            stage.bench(name, "produce", "--topic", made, "--acks", 1, *self.words)
            self.topics[name] = made
        return self.topics[name]

    def forget(self, stage):
        for name, topic in self.topics.items():
            stage.delete_topic(name, topic)
        self.topics = {}

    def consume(self, *words):
        def load(stage, name):
            topic = self.topic(stage, name)
            return figures_of(*stage.bench(name, "consume", "--topic", topic, *words))
        return load

    def rdkafka(self, records):
        def load(stage, name):
            topic = self.topic(stage, name)
            said, cost = stage.cost_of(name, [program("rdkafka_consumer"), stage.broker(name).bootstrap, topic, stage.count(records)])
            return plain(json.loads(said), cost)
        return load

    def reader(self, size, piece):
        """The plain reader, on a core of its own."""
        def load(stage, name):
            topic, (host, port) = self.topic(stage, name), stage.broker(name).address
            words = [program("fetch_reader"), host, port, topic, stage.count(size), piece]
            return plain(*(lambda said, cost: (json.loads(said), cost))(*stage.cost_of(name, words, CLIENT_CORE)))
        return load


def mean_of(rounds, load):
    """How often a client sleeps and is woken is luck, and costs more than a transfer: several runs are one round."""
    def several(stage, name):
        found = [load(stage, name) for _ in range(stage.count(rounds))]
        return {key: sum(one[key] for one in found) / len(found) for key in found[0]}
    return several


def rdkafka_producers(count, records, size, partitions=6):
    """So many processes at once share the records."""
    def load(stage, name):
        topic, broker, each = stage.make_topic(name, partitions), stage.broker(name), stage.count(records) // count
        words = [program("rdkafka_producer"), broker.bootstrap, topic, each, size, 1, partitions]
        shell = " & ".join([" ".join(map(str, words))] * count)
        said, cost = stage.cost_of(name, ["bash", "-c", f"{shell} & wait"])
        runs = [json.loads(line) for line in said.splitlines()]
        written = sum(stage.records_stored(name, topic, partitions))
        stage.delete_topic(name, topic)
        if len(runs) != count or written != each * count:
            raise RuntimeError(f"{written} records of {each * count} are in the log after {len(runs)} of {count} producers")
        seconds = max(one["seconds"] for one in runs)
        # None of several clients has a core to itself: the share is of the cores that they could have had.
        found = plain({"bytes": written * size, "records": written, "seconds": seconds, "client_cpu": sum(one["client_cpu"] for one in runs)}, cost)
        return found
    return load


def pump(mode, size, chunk=1 << 20, placed=False, held=False):
    """What the machine itself costs (bench/pump.cc): no broker."""
    def load(stage, _):
        settle()
        path, bytes_all = os.path.join(stage.home, "pump"), int(stage.count(size))
        words = [program("pump"), mode, path, bytes_all, chunk, *((SERVER_CORE, CLIENT_CORE) if placed else ())]
        if held:
            with HeldMemory(stage.home, memory_for(bytes_all)):
                said = json.loads(finished(words)[0])
        else:
            said = json.loads(finished(words)[0])
        os.remove(path)
        return {"mb_per_s": said["bytes"] / said["seconds"] / MILLION, "cpu_per_gb": said["cpu"] / said["bytes"] * GB,
                "client_cpu_per_gb": said["client_cpu"] / said["bytes"] * GB}
    return load


def bench_pump(name, *words):
    """One pump of millrace-bench; its CPU is that of the side which stands for the broker."""
    def load(stage, _):
        settle()
        said = finished([bench_tool(), "pump", "--only", name, *map(stage.count, words), "--dir", stage.home, "--format", "json"])[0]
        one, found = json.loads(said)["pumps"][0], {}
        if "cpu_seconds_per_gb" in one:
            found.update(cpu_per_gb=one["cpu_seconds_per_gb"], mb_per_s=one["gb_per_second"] * 1000)
        if "cpu_ns_each" in one:
            found.update(ns_per_waiter=one["cpu_ns_each"])
        return found
    return load


def at_rest(stage, name):
    """Just started, and left alone."""
    from .stage import MAKERS
    with MAKERS[name]() as broker:
        time.sleep(1)
        return {"idle_mib": process.resident_mib(broker.pid)}


def started(stage, name):
    """From exec to the first acknowledged record, topic creation included."""
    from integration.start_time import first_produce_ms

    from .stage import MAKERS
    broker = MAKERS[name]()
    try:
        if not hasattr(broker, "launch"):
            raise RuntimeError("a broker started by MILLRACE_REFERENCE cannot be timed")
        getattr(broker, "format", lambda: None)()
        return {"start_ms": first_produce_ms(broker, "new")}
    finally:
        broker.close()
