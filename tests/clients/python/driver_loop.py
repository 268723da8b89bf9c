"""The line protocol between run.py and a client driver.

One command per line on standard input, fields separated by spaces; one answer per line on standard output: `ok ...` or
`fail reason`. Drivers in other languages speak the same:
  version                                         ok VERSION
  create      TOPIC PARTITIONS                    with retention.ms=-1, because the records carry old timestamps
  describe    TOPIC PARTITIONS                    partitions, leaders and retention.ms as created
  produce     TOPIC PARTITIONS COUNT FLAVOR CODEC IDEMPOTENT(0|1)
  read        TOPIC PARTITIONS COUNT FLAVOR       all of it by assignment, every field checked
  seek_offset TOPIC PARTITIONS COUNT FLAVOR
  seek_time   TOPIC PARTITIONS COUNT FLAVOR       offsets by time, then a read from there
  delete      TOPIC                               ok only when the topic is gone from the metadata
A driver is at most one member of one group at a time. Nothing is committed but by `commit` and `leave`, and where partitions are
taken away in a rebalance; kafkajs also commits after every batch, and kcat by time. `-` stands for the client's own choice, and for none.
  join        GROUP TOPIC PARTITIONS FLAVOR ASSIGNOR INSTANCE SESSION_MS
                                                  subscribes; ok does not wait for an assignment. The assignor `consumer`
                                                  stands for group.protocol=consumer, where the broker assigns, and
                                                  `consumer-range` for that with the broker's assignor range
  poll        MS                                  ok REBALANCES ASSIGNED RUNS: how often partitions were assigned; those it has
                                                  now, `0,2`; what was read and checked since the last answer, `0:0-10,2:5-9`
                                                  being offsets 0..9 of partition 0 and 5..8 of partition 2
  commit                                          the positions, synchronously
  leave                                           commits, and closes the consumer
  committed   GROUP TOPIC PARTITIONS              ok 10,9,-1: the group's committed offsets, -1 for none
  reset       GROUP TOPIC PARTITIONS STAMP_MS     commits, for a group without members, the first offsets at or after that time
"""

import sys
import traceback


def fields(words):
    """Numbers where a field is a number; the rest stays text."""
    return [int(w) if w.isdigit() else w for w in words]


class Runs:
    """What a member has read since it was last asked, as runs of offsets."""

    def __init__(self):
        self.runs = []

    def take(self, partition, offset):
        for run in reversed(self.runs[-16:]):
            if run[0] == partition and run[2] == offset:
                run[2] += 1
                return
        self.runs.append([partition, offset, offset + 1])

    def drain(self):
        said = ",".join(f"{p}:{first}-{end}" for p, first, end in self.runs)
        self.runs = []
        return said or "-"


def listed(numbers):
    return ",".join(map(str, numbers)) or "-"


def serve(commands):
    for line in sys.stdin:
        words = line.split()
        if not words:
            continue
        try:
            answer = commands[words[0]](*fields(words[1:]))
            said = f"ok {answer or ''}".strip()
        except Exception as e:
            traceback.print_exc()
            said = f"fail {type(e).__name__}: {e}".replace("\n", " ")
        print(said, flush=True)
