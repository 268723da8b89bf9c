"""The rows of the comparison, each a few lines: its id, a sentence, what loads each side, and the targets. A pair of numbers is
(with --quick, without)."""
from dataclasses import dataclass, field

from . import rivals
from .connections import awake, waiting
from .figures import Target
from .loads import Filled, at_rest, bench_pump, end_to_end, mean_of, produce, pump, rdkafka_producers, started
from .partitions import spread_over
from .pressure import drain, overload
from .wrong_core import own_core

CACHE, DISK = "page cache", "flushed before acknowledged"
MIB, PIECE = 1 << 20, 1 << 20


@dataclass(frozen=True)
class Side:
    name: str
    load: object       # called with the stage and `broker`; the figures of one round
    durability: str
    broker: str = ""   # "": of the side's name


@dataclass(frozen=True)
class Row:
    id: str
    what: str
    sides: tuple
    targets: tuple
    quick: bool = True
    topics: Filled | None = field(default=None)  # that its rounds read
    rounds_max: int = 100


def both(load, durability=CACHE, reference=None):
    return (Side("millrace", load, durability), Side("reference", load, reference or durability))


def alone(load):
    return tuple(Side(name, load, CACHE, f"{name}, fresh") for name in ("millrace", "reference"))


def batches(records, *more):
    return ("--num-records", records, "--record-size", 1024, "--batch-bytes", 1_000_000, "--request-bytes", MIB, *more)


def flushed(producers, records, partitions):
    """The reference is told to flush by the topic; Millrace flushes before it answers acks=all."""
    return produce("--num-records", records, "--record-size", 1024, "--batch-bytes", 1, "--acks", "all", "--connections", producers, "--depth", 1,
                   partitions=partitions, configs=(("flush.messages", "1"),))


def at_rate(rate, seconds, *more):
    return end_to_end("latency", "--rate", rate, "--record-size", 1024, "--acks", 1, "--warm-up", "1s", "--duration", seconds, *more)


def compressed(codec, target):
    return Row("P4", f"{codec}, batches of 1 MB: the broker's CPU for a GB as it is stored",
               both(produce(*batches((200_000, 1_000_000), "--acks", 1, "--compression", codec), held=True, stored=True)), (target,))


def durable(producers, records, reach, partitions=1):
    """A flush serves the producers of one partition: what can be gathered depends on how many they share."""
    what = f"flushed before acknowledged, {producers} producer{'s' if producers > 1 else ''}, one record of 1 KiB at a time, {partitions} partition{'s' if partitions > 1 else ''}"
    return Row("D1", what, both(flushed(producers, records, partitions), DISK), (Target("records_per_s", at_least=reach, instead="cpu_per_m_records"),),
               quick=producers != 256 and partitions == 1)


def rows():
    large = Filled(*batches((300_000, 1_000_000)))
    small = Filled("--num-records", (6_000, 40_000), "--record-size", 4000, "--batch-bytes", 4096)
    size = tuple(1024 * n for n in (300_000, 1_000_000))
    faster = lambda reach: Target("requests_per_s", at_least=reach, instead="cpu_per_m_requests")
    return [
        Row("P1", "records of 1 KiB in batches of 1 MB, acks=1",
            (*both(produce(*batches((300_000, 1_000_000), "--acks", 1), held=True)), Side("pump", pump("receive", size, held=True), "none: it receives, takes the CRC, writes")),
            (Target("cpu_per_gb", at_most=1 / 6), Target("cpu_per_gb", at_most=1.5, over="pump"))),
        Row("P1", "the same by a librdkafka producer", both(rdkafka_producers(1, (300_000, 1_000_000), 1024, 1)), (Target("cpu_per_gb", at_most=1 / 6),)),
        Row("P2", "records of 100 B one by one, 50 connections, 5 requests in flight on each, acks=1",
            both(produce("--num-records", (150_000, 500_000), "--record-size", 100, "--batch-bytes", 1, "--connections", 50, "--depth", 5, "--acks", 1, partitions=6)), (faster(5),)),
        Row("P3", "records of 100 B, 6 partitions, a librdkafka producer",
            both(rdkafka_producers(1, (1_000_000, 5_000_000), 100)), (Target("records_per_s", at_least=1.5, instead="cpu_per_m_records"),), quick=False),
        Row("P3", "records of 100 B, 6 partitions, 3 librdkafka producers",
            both(rdkafka_producers(3, (1_000_000, 5_000_000), 100)), (Target("records_per_s", at_least=1.5, instead="cpu_per_m_records"),), quick=False),
        compressed("lz4", Target("cpu_per_gb", at_most=1 / 8)),
        compressed("zstd", Target("cpu_per_gb", at_most=1 / 8)),
        Row("P6", "10,000 partitions against one, batches of 16 KiB at both ends",
            (Side("millrace, 1 partition", spread_over(1), CACHE, "millrace"), Side("millrace, 10,000 partitions", spread_over(10_000), CACHE, "millrace")),
            (Target("mb_per_s", at_least=0.9, side="millrace, 10,000 partitions", over="millrace, 1 partition", instead="cpu_per_gb"),
             Target("partitions_written", at_least=0.95, side="millrace, 10,000 partitions", over=None)), quick=False),
        durable(1, (1_000, 10_000), 2),
        durable(16, (3_000, 20_000), 10),
        durable(256, (3_000, 20_000), 10),
        durable(16, (3_000, 30_000), 10, partitions=6),
        durable(256, (3_000, 30_000), 10, partitions=6),
        Row("D2", "flushed before acknowledged against the reference in the page cache, batches of 1 MB",
            both(produce(*batches((300_000, 1_000_000), "--acks", "all"), held=True), DISK, CACHE), (Target("mb_per_s", at_least=1.0),), quick=False),
        Row("F1", "hot fetch, 1 MiB at a time", (*both(large.consume("--partition-fetch-bytes", PIECE)),
            Side("millrace, placed", mean_of((2, 6), large.reader(size, PIECE)), CACHE),
            Side("pump, placed", mean_of((2, 6), pump("asked", size, PIECE, placed=True)), "none: sendfile of what is asked for")),
            (Target("cpu_per_gb", at_most=1.15, side="millrace, placed", over="pump, placed"), Target("cpu_per_gb", at_most=1.0, every=True)), topics=large),
        Row("F1", "the same by a librdkafka consumer", both(large.rdkafka((300_000, 1_000_000))), (Target("cpu_per_gb", at_most=1.0, every=True),), topics=large),
        Row("F2", "hot fetch, 4 KiB at a time, 16 readers", both(small.consume("--partition-fetch-bytes", 4096, "--fetch-bytes", 4096, "--consumers", 16)), (faster(5),), topics=small),
        Row("F3", "a backlog of 1 GB is drained while half of what fits is produced", both(drain((200_000, 1_000_000))), (Target("p99_ms", at_most=1 / 5),), quick=False, rounds_max=5),
        Row("F4", "fresh records of 1 KiB to 8 readers, 20,000 a second (one of the targets is enough)",
            (*both(end_to_end("fanout", "--consumers", 8, "--rate", 20_000, "--record-size", 1024, "--acks", 1, "--linger", "5ms", "--warm-up", "1s", "--duration", ("4s", "10s"))),
             Side("pump", bench_pump("fan-out", "--duration", ("4s", "10s")), "none: it receives, takes the CRC, writes, sends to 8")),
            (Target("cpu_per_gb", at_most=1 / 2), Target("cpu_per_gb", at_most=1.25, over="pump"))),
        Row("L1", "end to end, 2,000 records/s of 1 KiB, 6 partitions", both(at_rate(2_000, ("6s", "20s"))),
            (Target("p50_ms", at_most=1 / 2), Target("p99_ms", at_most=1 / 20), Target("p99_9_ms", at_most=1 / 20), Target("cpu_share", at_most=1 / 4))),
        Row("L2", "end to end, 20,000 records/s of 1 KiB, 6 partitions", both(at_rate(20_000, "20s")), (Target("p99_ms", at_most=5, over=None),), quick=False),
        Row("C1", "long polls that find nothing, as many as there may be", alone(waiting),
            (Target("cores_per_100k", at_most=0.3, over=None), Target("bytes_per_connection", at_most=4096, over=None)), quick=False),
        Row("C2", "one record wakes all of them", (*alone(awake), Side("pump", bench_pump("wake", "--waiters", 15_000), "none: a send to each of as many as descriptors allow")), (Target("ns_per_waiter", at_most=2000, over=None),), quick=False),
        Row("S2", "every request comes in at the wrong core, against the right one",
            (Side("millrace, wrong core", own_core(False), CACHE, "millrace, unmoved"), Side("millrace, right core", own_core(True), CACHE, "millrace, unmoved")),
            (Target("requests_per_s", at_least=0.9, side="millrace, wrong core", over="millrace, right core"),), quick=False),
        Row("O1", "three times as much as fits, for a minute", (Side("millrace", overload, CACHE),),
            (Target("kept", at_least=0.95, over=None), Target("lost", at_most=0, over=None), Target("memory_grown", at_most=1.5, over=None)), quick=False, rounds_max=3),
        Row("T1", "from exec to the first acknowledged record, empty directory", both(started, DISK, CACHE), (Target("start_ms", at_most=1 / 20),)),
        Row("M1", "memory a second after the start", both(at_rest), (Target("idle_mib", at_most=1 / 20),)),
        *rivals.rows(Row, Side, CACHE, DISK),
    ]
