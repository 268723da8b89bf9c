"""A Kafka client small enough to be judged by reading, independent of Millrace's own: one connection, one request at a
time, the newest versions without tagged fields. The crash tests write with it and compare what they read.
"""
import socket
import struct
import time

PRODUCE, FETCH, CREATE_TOPICS, INIT_PRODUCER_ID = 0, 1, 19, 22
COORDINATOR_LOAD_IN_PROGRESS = 14
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


def string(text):
    return struct.pack(">h", len(text)) + text.encode()


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


def batch(values, producer_id=-1, epoch=-1, sequence=-1):
    """A record batch v2 of values without keys, headers or timestamps."""
    records = b""
    for delta, value in enumerate(values):
        body = b"\0" + varint(0) + varint(delta) + varint(-1) + varint(len(value)) + value + varint(0)
        records += varint(len(body)) + body
    tail = struct.pack(">hiqqqhii", 0, len(values) - 1, 0, 0, producer_id, epoch, sequence, len(values)) + records
    return struct.pack(">qiibI", 0, len(tail) + 9, 0, 2, crc32c(tail)) + tail


def records_of(data):
    """(offset, value) of every whole, uncompressed batch."""
    at = 0
    while at + 61 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        end = at + 12 + length
        if end > len(data):
            return
        if struct.unpack_from(">I", data, at + 17)[0] != crc32c(data[at + 21:end]):
            raise ValueError(f"batch at offset {base}: CRC32C differs")
        count, = struct.unpack_from(">i", data, at + 57)
        at += 61
        for _ in range(count):
            length, at = read_varint(data, at)
            record_end = at + length
            _, at = read_varint(data, at + 1)
            delta, at = read_varint(data, at)
            key, at = read_varint(data, at)
            size, at = read_varint(data, at + max(key, 0))
            yield base + delta, data[at:at + size]
            at = record_end


class Connection:
    def __init__(self, host, port, seconds=10):
        self.socket = socket.create_connection((host, port), seconds)
        self.correlation = 0

    def close(self):
        self.socket.close()

    def call(self, api, version, body):
        self.correlation += 1
        frame = struct.pack(">hhi", api, version, self.correlation) + string("crash") + body
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)
        answer = self._read(struct.unpack(">i", self._read(4))[0])
        if struct.unpack_from(">i", answer)[0] != self.correlation:
            raise ValueError("answer to another request")
        return answer[4:]

    def _read(self, size):
        data = bytearray()
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("closed by the broker")
            data += part
        return bytes(data)

    def create_topic(self, name, partitions=1):
        body = struct.pack(">i", 1) + string(name) + struct.pack(">ihii", partitions, 1, 0, 0) + struct.pack(">i?", 10000, False)
        return struct.unpack_from(">h", self.call(CREATE_TOPICS, 4, body), 4 + 4 + 2 + len(name))[0]

    def init_producer_id(self):
        for _ in range(50):
            answer = self.call(INIT_PRODUCER_ID, 1, struct.pack(">hi", -1, 60000))
            error, producer, epoch = struct.unpack_from(">hqh", answer, 4)
            if error != COORDINATOR_LOAD_IN_PROGRESS:
                break
            time.sleep(0.1)
        if error:
            raise ValueError(f"InitProducerId: error {error}")
        return producer, epoch

    def produce(self, topic, partition, data, acks=-1):
        """(error code, base offset)"""
        body = struct.pack(">hhi", -1, acks, 10000) + struct.pack(">i", 1) + string(topic)
        body += struct.pack(">iii", 1, partition, len(data)) + data
        answer = self.call(PRODUCE, 7, body)
        return struct.unpack_from(">hq", answer, 4 + 2 + len(topic) + 4 + 4)

    def fetch(self, topic, partition, offset, bytes_max=1 << 20):
        """(error code, high watermark, bytes of batches)"""
        body = struct.pack(">iiiib", -1, 500, 1, bytes_max, 0) + struct.pack(">i", 1) + string(topic)
        body += struct.pack(">iiqi", 1, partition, offset, bytes_max)
        answer = self.call(FETCH, 4, body)
        at = 4 + 4 + 2 + len(topic) + 4
        _, error, high_watermark, _, aborted = struct.unpack_from(">ihqqi", answer, at)
        at += 26 + 16 * max(aborted, 0)
        size, = struct.unpack_from(">i", answer, at)
        return error, high_watermark, answer[at + 4:at + 4 + max(size, 0)]
