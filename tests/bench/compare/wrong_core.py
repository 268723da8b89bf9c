"""All requests at the core that owns their partition, or all at another. With connections that do not move, chance decides
where one comes in; the broker's counters tell which it was, and a run that came in at the other core is made again.
"""
from .loads import figures_of

TRIES_MAX = 40
WORDS = ("--record-size", 100, "--batch-bytes", 1, "--acks", 1, "--depth", 32, "--connections", 1)
RECORDS = (100_000, 400_000)


def own_core(right):
    def load(stage, name):
        broker = stage.broker(name)
        if len(broker.counters()) < 2:
            raise RuntimeError("one shard has no wrong core")
        topic = stage.make_topic(name)
        for _ in range(TRIES_MAX):
            before = broker.total("appends_forwarded")
            said, cost = stage.bench(name, "produce", "--topic", topic, "--num-records", RECORDS, *WORDS)
            crossed = broker.total("appends_forwarded") - before
            if (crossed < said["sections"][0]["requests"] / 2) == right:
                stage.delete_topic(name, topic)
                return figures_of(said, cost)
        raise RuntimeError(f"no connection came in at the {'right' if right else 'wrong'} core in {TRIES_MAX} tries")
    return load
