"""Record batches of format v2, built and read byte by byte. Wrong ones too: every header field can be overridden."""
import struct
import time

HEADER_BYTES = 61
CRC_TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    CRC_TABLE.append(byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def varint(number):
    zigzag, out = (number << 1) ^ (number >> 63), bytearray()
    while zigzag > 0x7F:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


def read_varint(data, at):
    zigzag = shift = 0
    while True:
        byte = data[at]
        at += 1
        zigzag |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (zigzag >> 1) ^ -(zigzag & 1), at


def record(delta, value):
    """A record without key and headers, of the time of its batch."""
    body = b"\0" + varint(0) + varint(delta) + varint(-1) + varint(len(value)) + value + varint(0)
    return varint(len(body)) + body


def batch(values, producer_id=-1, epoch=-1, sequence=-1, *, attributes=0, magic=2, count=None, last_delta=None, crc=None,
          length=None, base_offset=0, records=None, timestamp_ms=None):
    """`timestamp_ms`, of all records: now, so that retention lets them be for as long as a test may take."""
    if records is None:
        records = b"".join(record(delta, value) for delta, value in enumerate(values))
    count = len(values) if count is None else count
    last_delta = len(values) - 1 if last_delta is None else last_delta
    timestamp_ms = int(time.time() * 1000) if timestamp_ms is None else timestamp_ms
    tail = struct.pack(">hiqqqhii", attributes, last_delta, timestamp_ms, timestamp_ms, producer_id, epoch, sequence, count) + records
    crc = crc32c(tail) if crc is None else crc
    length = len(tail) + 9 if length is None else length
    return struct.pack(">qiibI", base_offset, length, 0, magic, crc) + tail


def whole_batches(data):
    """(base offset, where it begins, where it ends) of every whole batch."""
    at = 0
    while at + HEADER_BYTES <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        end = at + 12 + length
        if end > len(data):
            return
        yield base, at, end
        at = end


def check_crc_of(data, base, at, end):
    if struct.unpack_from(">I", data, at + 17)[0] != crc32c(data[at + 21:end]):
        raise ValueError(f"batch at offset {base}: CRC32C differs")


def headers_of(data):
    """(base offset, last offset, producer id, base sequence) of every whole batch; compressed ones too."""
    for base, at, _ in whole_batches(data):
        producer, _, sequence = struct.unpack_from(">qhi", data, at + 43)
        yield base, base + struct.unpack_from(">i", data, at + 23)[0], producer, sequence


def records_of(data, check_crc=True):
    """(offset, value) of every record in whole, uncompressed batches."""
    for base, at, end in whole_batches(data):
        if check_crc:
            check_crc_of(data, base, at, end)
        count, = struct.unpack_from(">i", data, at + 57)
        at += HEADER_BYTES
        for _ in range(count):
            length, at = read_varint(data, at)
            record_end = at + length
            _, at = read_varint(data, at + 1)
            delta, at = read_varint(data, at)
            key, at = read_varint(data, at)
            size, at = read_varint(data, at + max(key, 0))
            yield base + delta, data[at:at + size]
            at = record_end
        if at != end:
            raise ValueError(f"batch at offset {base}: {end - at} bytes behind its records")
