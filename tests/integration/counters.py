#!/usr/bin/env python3
"""The counters that SIGUSR1 prints are there by name, per shard, and say what the broker has just done."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.batches import batch  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.checks import Checks  # noqa: E402

NAMES = """turns waits turn_us stalls_parse stalls_append stalls_commit stalls_send longest_stall_ns longest_stall_cause doorbells_rung messages_sent ring_enters
ring_submissions ring_punts system_calls bytes_received bytes_sent_memory bytes_sent_file bytes_read_file
bytes_read_ring bytes_written bytes_copied appends_inline appends_slow appends_ring syncs flushes flush_batches flush_bytes connections_accepted requests
frames_refused batches_appended batches_refused fetches_parked fetch_bytes""".split()
RECORD, RECORDS = b"v" * 1000, 20


def whole(value):
    return all(isinstance(one, int) for one in (value if isinstance(value, list) else [value]))


def at_least(later, before):
    return later >= before if isinstance(later, int) else len(later) >= len(before) and all(a >= b for a, b in zip(later, before))


def work(checks, broker, client):
    before = broker.counters()
    checks.that(len(before) >= 1, "one entry per shard", f"{len(before)} shards")
    lacking = sorted({name for shard in before for name in NAMES if name not in shard})
    checks.equal(lacking, [], "every counter is there by name")
    numbers = [(name, value) for shard in before for name, value in shard.items() if name != "longest_stall_cause"]
    checks.that(all(whole(value) for _, value in numbers), "every counter is a whole number, or a row of them")
    checks.that(all(isinstance(word, str) for shard in before for word in shard["longest_stall_cause"]), "the longest stall's cause is in words")
    client.make_topic("counted")
    data = batch([RECORD] * RECORDS)
    for _ in range(100):
        client.produce("counted", 0, data)
    error, _, fetched = client.fetch("counted", 0, 0, 1 << 20)
    after = broker.counters()
    grew = lambda name: sum(shard[name] for shard in after) - sum(shard[name] for shard in before)
    size = len(data) * 100
    checks.that(grew("bytes_received") >= size, "bytes_received", f"{grew('bytes_received')} for {size} produced")
    checks.that(grew("bytes_written") >= size, "bytes_written", grew("bytes_written"))
    checks.equal(grew("batches_appended"), 100, "batches_appended")
    checks.that(grew("requests") >= 102, "requests", grew("requests"))
    checks.that(1 <= grew("syncs"), "syncs for acks=all", grew("syncs"))
    checks.that(error == 0 and grew("fetch_bytes") == len(fetched), "fetch_bytes", f"{grew('fetch_bytes')} for {len(fetched)} fetched")
    sent = sum(grew(name) for name in ("bytes_sent_memory", "bytes_sent_file"))
    checks.that(sent >= len(fetched), "bytes_sent_*", f"{sent} sent")
    checks.that(grew("ring_enters") >= 1 and grew("turns") >= 1, "ring_enters, turns", f"{grew('ring_enters')}, {grew('turns')}")
    checks.that(size <= grew("bytes_copied") <= 2 * grew("bytes_received"), "bytes_copied: small frames, each once", grew("bytes_copied"))
    rows = lambda shards, name: sum(sum(shard[name]) for shard in shards)
    unfinished = sum(shard["turns"] for shard in after) - rows(after, "turn_us")
    checks.that(0 <= unfinished <= len(after), "each turn is in turn_us, but for those that run while it is printed", unfinished)
    checks.equal(rows(after, "flush_batches"), sum(shard["flushes"] for shard in after), "each flush is in flush_batches")
    checks.equal(rows(after, "flush_bytes"), sum(shard["flushes"] for shard in after), "each flush is in flush_bytes")
    checks.equal(grew("flushes"), 100, "flushes: one for each batch that was waited for")
    checks.that(all(at_least(later[name], shard[name]) for shard, later in zip(before, after) for name in shard
                    if name != "longest_stall_cause"), "no counter goes down")


def main():
    checks = Checks()
    with Broker() as broker, broker.connect() as client:
        checks.run("counters", work, checks, broker, client)
    checks.finish()


if __name__ == "__main__":
    main()
