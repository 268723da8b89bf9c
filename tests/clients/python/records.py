"""The records of the client suite, each a pure function of its index.

Every client makes and checks the same records, so a topic written by one can be verified by any other. The rules are
repeated in go/records, java/Records.java, librdkafka/records.h and node/records.js; change them all together.

Record i of a topic with P partitions goes to partition i % P and must get offset i / P there.
  full  key     null when i % 10 == 9, else "key-%08d" and the byte i & 255 (not valid UTF-8 for most i)
        value   null when i % 100 == 57, else (i * 7919) % 300 bytes, byte j = (i * 31 + (j / 8) * 7) & 255
        headers the first i % 4 of: h0="v<i>", h0="w<i>", h1=""   (a repeated name, an empty value)
        time    1700000000000 + 7 * i
  text  for kcat, which separates records by newlines: key "key-%08d", value 1 + (i * 7919) % 300 letters
        'a' + ((i * 31 + (j / 8) * 7) & 255) % 26, one header origin="kcat", the time is the producer's clock
"""

BASE_MS = 1_700_000_000_000
STEP_MS = 7


def count_in(partition, partitions, count):
    """How many of `count` records land in `partition`."""
    return (count - partition + partitions - 1) // partitions


def time_ms(i):
    return BASE_MS + STEP_MS * i


def _full(i):
    key = None if i % 10 == 9 else b"key-%08d" % i + bytes([i & 255])
    value = None
    if i % 100 != 57:
        value = bytes((i * 31 + (j // 8) * 7) & 255 for j in range(i * 7919 % 300))
    headers = [("h0", b"v%d" % i), ("h0", b"w%d" % i), ("h1", b"")][: i % 4]
    return key, value, headers


def _text(i):
    letters = bytes(97 + ((i * 31 + (j // 8) * 7) & 255) % 26 for j in range(1 + i * 7919 % 300))
    return b"key-%08d" % i, letters, [("origin", b"kcat")]


_made = {}


def record(flavor, i):
    """(key, value, headers) of record i; headers is a list of (name, bytes)."""
    made = _made.get((flavor, i))
    if made is None:
        made = _made[flavor, i] = (_full if flavor == "full" else _text)(i)
    return made


class Mismatch(Exception):
    pass


def check(flavor, i, key, value, headers, stamp_ms, where):
    """Raises Mismatch, naming the field, unless the record read is record i."""
    want_key, want_value, want_headers = record(flavor, i)
    if key != want_key:
        raise Mismatch(f"{where}: key {key!r}, expected {want_key!r}")
    if value != want_value:
        raise Mismatch(f"{where}: value {value!r}, expected {want_value!r}")
    if list(headers or []) != want_headers:
        raise Mismatch(f"{where}: headers {headers!r}, expected {want_headers!r}")
    if flavor == "full" and stamp_ms != time_ms(i):
        raise Mismatch(f"{where}: timestamp {stamp_ms}, expected {time_ms(i)}")
    if flavor == "text" and not stamp_ms > BASE_MS:
        raise Mismatch(f"{where}: timestamp {stamp_ms} is not a clock reading")


class Reading:
    """Takes the records of a whole topic in any interleaving of partitions, and says when all have come."""

    def __init__(self, topic, partitions, count, flavor):
        self.topic, self.partitions, self.count, self.flavor = topic, partitions, count, flavor
        self.next = [0] * partitions
        self.left = count

    def take(self, partition, offset, key, value, headers, stamp_ms):
        where = f"{self.topic}-{partition}@{offset}"
        if offset != self.next[partition]:
            raise Mismatch(f"{where}: expected offset {self.next[partition]}")
        i = offset * self.partitions + partition
        if i >= self.count:
            raise Mismatch(f"{where}: a record too many")
        check(self.flavor, i, key, value, headers, stamp_ms, where)
        self.next[partition] += 1
        self.left -= 1

    def missing(self):
        return f"{self.left} of {self.count} records of {self.topic} did not come; next offsets {self.next}"


def time_probes(partition, partitions, count):
    """(target ms, offset that ListOffsets by time must answer, or None for the end), for a `full` topic."""
    n = count_in(partition, partitions, count)
    at = lambda offset: time_ms(offset * partitions + partition)
    return [
        (BASE_MS - 100_000, 0),
        (at(0), 0),
        (at(n // 3), n // 3),
        (at(n // 3) + 1, n // 3 + 1),
        (at(n - 1), n - 1),
        (at(n - 1) + 1, None),
    ]


def offset_probes(partition, partitions, count):
    n = count_in(partition, partitions, count)
    return [n // 2, n - 1, 0, n // 7]
