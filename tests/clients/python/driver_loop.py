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
"""

import sys
import traceback


def fields(words):
    """Numbers where a field is a number; the rest stays text."""
    return [int(w) if w.isdigit() else w for w in words]


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
