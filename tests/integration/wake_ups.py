#!/usr/bin/env python3
"""Requests for the partitions of a shard that sleeps do not wake it: the thread that has them works in its place. Counted in
doorbells per record, with producers and waiting readers on connections of both shards.
"""
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import wire  # noqa: E402
from harness.batches import batch  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.checks import Checks  # noqa: E402
from harness.client import FETCH_VERSION, fetch_body, read_fetch  # noqa: E402

SHARDS, PARTITIONS, CONNECTIONS, RECORDS = 2, 6, 12, 60
PAUSE_SECONDS = 0.005        # until all sleep again
# Without visits it is more than one, and seven where readers wait. A thread that finds its shard busy elsewhere rings all the same, and
# so does one whose visit becomes long, as with sanitizers.
DOORBELLS_PER_RECORD, DOORBELLS_WITH_READERS = 0.75, 2


def produced(broker, client):
    """Each record by another connection, to another partition: half of them come in at the other shard."""
    client.make_topic("alone", PARTITIONS)
    writers = [broker.connect() for _ in range(CONNECTIONS)]
    before = broker.total("doorbells_rung")
    for number in range(RECORDS):
        time.sleep(PAUSE_SECONDS)
        error, _ = writers[number % CONNECTIONS].produce("alone", number % PARTITIONS, batch([b"v"]), acks=1)
        if error:
            raise ValueError(f"produce: error {error}")
    rung = broker.total("doorbells_rung") - before
    for one in writers:
        one.close()
    return rung


def delivered(broker, client):
    """To readers that all wait for all partitions, some on each shard."""
    client.make_topic("read", PARTITIONS)
    readers, offsets = [broker.connect() for _ in range(CONNECTIONS)], [0] * PARTITIONS
    wrong, before = 0, broker.total("doorbells_rung")
    for number in range(RECORDS):
        for one in readers:
            one.send(wire.FETCH, FETCH_VERSION, fetch_body([("read", list(enumerate(offsets)))], 10_000))
        time.sleep(PAUSE_SECONDS)
        at = number % PARTITIONS
        error, _ = client.produce("read", at, batch([b"v"]), acks=1)
        for one in readers:
            code, _, parts = read_fetch(wire.Answer(one.receive()[1]))
            wrong += bool(error or code or not parts["read", at][2])
        offsets[at] += 1
    rung = broker.total("doorbells_rung") - before
    for one in readers:
        one.close()
    return rung, wrong


def main():
    checks = Checks()
    with Broker(options=["--shards", str(SHARDS), "--connection.move.bytes", "0"]) as broker, broker.connect() as client:
        rung = produced(broker, client)
        checks.that(rung <= DOORBELLS_PER_RECORD * RECORDS, "a record for the other shard's partition does not wake that shard", f"{rung} doorbells for {RECORDS} records")
        rung, wrong = delivered(broker, client)
        checks.equal(wrong, 0, "every waiting reader has every record")
        checks.that(rung <= DOORBELLS_WITH_READERS * RECORDS, "nor does an answer to its readers", f"{rung} doorbells for {RECORDS} records and {CONNECTIONS} readers")
    checks.finish()


if __name__ == "__main__":
    main()
