"""The same load on one partition and on ten thousand: what a broker keeps of its throughput. Pure distribution aside, it counts
how many partitions got something, because a load that stayed with a few would prove nothing."""
from .loads import figures_of

BATCH_BYTES, RECORD_BYTES = 16384, 1024
WORDS = ("--record-size", RECORD_BYTES, "--batch-bytes", BATCH_BYTES, "--request-bytes", 1 << 20, "--acks", 1, "--depth", 5)
RECORDS = (400_000, 1_000_000)  # so many batches that each of 10,000 partitions gets several


def spread_over(partitions):
    def load(stage, name):
        topic = stage.make_topic(name, partitions)
        said, cost = stage.bench(name, "produce", "--topic", topic, "--partitions", partitions, "--num-records", RECORDS, *WORDS)
        ends = stage.records_stored(name, topic, partitions)
        stage.delete_topic(name, topic)
        return {**figures_of(said, cost), "partitions_written": sum(end > 0 for end in ends) / partitions}
    return load
