"""The Kafka protocol's bytes: primitives, frames, and one connection, independent of Millrace's own code and small enough
to be judged by reading. Versions without tagged fields, except where `flexible` says otherwise.
"""
import socket
import struct

PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS = 0, 1, 2, 3, 18
CREATE_TOPICS, DELETE_TOPICS, INIT_PRODUCER_ID, CREATE_PARTITIONS = 19, 20, 22, 37
DESCRIBE_CONFIGS, ALTER_CONFIGS, INCREMENTAL_ALTER_CONFIGS = 32, 33, 44


def string(text):
    if text is None:
        return struct.pack(">h", -1)
    return struct.pack(">h", len(text.encode())) + text.encode()


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def unsigned_varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def compact_string(text):
    return unsigned_varint(0) if text is None else unsigned_varint(len(text.encode()) + 1) + text.encode()


def compact_array(items):
    return unsigned_varint(len(items) + 1) + b"".join(items)


class Answer:
    """Reads an answer's fields in order."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def _number(self, form):
        value, = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def i8(self):
        return self._number(">b")

    def i16(self):
        return self._number(">h")

    def i32(self):
        return self._number(">i")

    def i64(self):
        return self._number(">q")

    def take(self, size):
        self.at += size
        return self.data[self.at - size:self.at]

    def string(self):
        size = self.i16()
        return None if size < 0 else self.take(size).decode()

    def bytes(self):
        size = self.i32()
        return b"" if size < 0 else self.take(size)

    def array(self, item):
        return [item() for _ in range(self.i32())]

    def unsigned_varint(self):
        value = shift = 0
        while True:
            byte = self._number(">B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def compact_string(self):
        size = self.unsigned_varint()
        return None if size == 0 else self.take(size - 1).decode()

    def compact_array(self, item):
        return [item() for _ in range(self.unsigned_varint() - 1)]

    def tags(self):
        for _ in range(self.unsigned_varint()):
            self.unsigned_varint()
            self.take(self.unsigned_varint())


class Connection:
    def __init__(self, address, seconds=15):
        self.socket = socket.create_connection(address, seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation = 0

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def frame(self, api, version, body, flexible=False):
        """The bytes of a request, for whoever sends several at once."""
        self.correlation += 1
        header = struct.pack(">hhi", api, version, self.correlation) + string("millrace-test") + b"\0" * flexible
        return struct.pack(">i", len(header) + len(body)) + header + body

    def send(self, api, version, body, flexible=False):
        """The correlation id of the request."""
        self.socket.sendall(self.frame(api, version, body, flexible))
        return self.correlation

    def receive(self):
        """(correlation id, the bytes behind it) of the next answer."""
        frame = self._read(struct.unpack(">i", self._read(4))[0])
        return struct.unpack_from(">i", frame)[0], frame[4:]

    def call(self, api, version, body, flexible=False):
        asked = self.send(api, version, body, flexible)
        correlation, answer = self.receive()
        if correlation != asked:
            raise ValueError(f"answer to request {correlation}, expected {asked}")
        return Answer(answer[1:] if flexible else answer)

    def _read(self, size):
        data = bytearray()
        while len(data) < size:
            part = self.socket.recv(min(size - len(data), 1 << 20))
            if not part:
                raise ConnectionError("closed by the broker")
            data += part
        return bytes(data)

    def is_closed_within(self, seconds):
        """Whether the broker ends the connection; False too when it answers instead."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False
