"""More than a broker can take, and reading old records while new ones come."""
import threading

from .loads import figures_of

SINGLE = ("--record-size", 100, "--batch-bytes", 1, "--connections", 50, "--depth", 5, "--acks", 1)
# One partition where records come one by one: a request carries one batch of each partition, so that it would hold more under
# overload than before.
PARTITIONS, OVERLOAD = 6, 3
CAPACITY_RECORDS = (100_000, 400_000)
LOAD_SECONDS = ("6s", "15s")
FULL_SECONDS, OVERLOAD_SECONDS = ("5s", "15s"), ("10s", "60s")
NOT_VALID = 1  # the exit status of millrace-bench where a rate was not held


def capacity(stage, name, partitions, *words):
    """Records a second in a closed loop."""
    topic = stage.make_topic(name, partitions)
    said, _ = stage.bench(name, "produce", "--topic", topic, "--num-records", CAPACITY_RECORDS, *words)
    stage.delete_topic(name, topic)
    return said["sections"][0]["records_per_second"]


def overload(stage, name):
    """Three times what fits is offered; what of the capacity before and after is still accepted, whether all that was accepted is
    there, and what it took of memory."""
    def full():
        topic = stage.make_topic(name)
        said, cost = stage.bench(name, "produce", "--topic", topic, "--duration", FULL_SECONDS, *SINGLE)
        stage.delete_topic(name, topic)
        return said["sections"][0]["records_per_second"], cost["peak_mib"]

    before, normal_mib = full()
    topic = stage.make_topic(name)
    said, cost = stage.bench(name, "produce", "--topic", topic, "--rate", int(before * OVERLOAD), "--duration", OVERLOAD_SECONDS, *SINGLE, accepted=(0, NOT_VALID))
    if [note for note in said["notes"] if not note.startswith("the rate was not held")]:
        raise RuntimeError("; ".join(said["notes"]))
    stored = sum(stage.records_stored(name, topic, 1))
    stage.delete_topic(name, topic)
    after, _ = full()
    section = said["sections"][0]
    return {**figures_of(said, cost), "kept": section["records_per_second"] / ((before + after) / 2),
            "lost": max(0, section["records"] + section["warm_up_records"] - stored), "memory_grown": cost["peak_mib"] / normal_mib}


def drain(records):
    """A backlog is read again and again while new records come at half of what the reference takes, the same for both brokers."""
    batched = ("--record-size", 1024, "--batch-bytes", 16384, "--acks", 1, "--depth", 5)
    known = {}

    def load(stage, name):
        if "rate" not in known:
            known["rate"] = int(capacity(stage, "reference", PARTITIONS, *batched) / 2)
        old, new, drained, producing = stage.make_topic(name), stage.make_topic(name, PARTITIONS), [], threading.Event()
        stage.bench(name, "produce", "--topic", old, "--num-records", records, "--record-size", 1024, "--batch-bytes", 1_000_000, "--acks", 1)

        def read():
            while not producing.is_set():
                drained.append(stage.bench_only(name, "consume", "--topic", old)["sections"][0]["mb_per_second"])

        reader = threading.Thread(target=read)
        reader.start()
        try:
            said, cost = stage.bench(name, "produce", "--topic", new, "--rate", known["rate"], "--warm-up", "1s", "--duration", LOAD_SECONDS, *batched)
        finally:
            producing.set()
            reader.join()
        stage.delete_topic(name, old), stage.delete_topic(name, new)
        return {**figures_of(said, cost), "drained_mb_per_s": sum(drained) / len(drained)} if drained else figures_of(said, cost)
    return load
