#!/usr/bin/env python3
"""The block device of a real file system, with a log of every write and flush that reached it: write_log.py --self-test (root, FUSE, loop)

A FUSE file system of two files, served by this process: `recorded` remembers each write and flush in the order they came, `state` holds
what a crash would have left. Both are mounted through loop devices, whose flushes come here as fsyncs, so that ext4 or XFS with their
own journals lie between the broker and the log. What a state may lack are writes since the last flush, by whole 512-byte sectors, as a
device with a volatile cache may lose them (CrashMonkey, OSDI 2018). Exit code 77 says that this machine does not allow it.
"""
import ctypes
import errno
import os
import shutil
import struct
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.checks import SKIPPED_STATUS  # noqa: E402
from harness.commands import run  # noqa: E402

# linux/fuse.h, protocol 7.31
LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS = 1, 2, 3, 4, 14, 15, 16, 17
RELEASE, FSYNC, FLUSH, INIT, ACCESS, INTERRUPT, DESTROY, BATCH_FORGET = 18, 20, 25, 26, 34, 36, 38, 42
ASYNC_READ, BIG_WRITES, MAX_PAGES = 1, 1 << 5, 1 << 22
WRITE_BYTES_MAX, SECTOR = 1 << 20, 512
ROOT, RECORDED, STATE = 1, 2, 3
NAMES = {b"recorded": RECORDED, b"state": STATE}
MIB = {"ext4": 48, "xfs": 304}
FLUSHED = None  # in the log, beside (position, bytes)


class WriteLog:
    def __init__(self, kind):
        self.kind, self.log, self.mounted = kind, [], []
        self.home = tempfile.mkdtemp(prefix="millrace-write-log-")
        self.files, self.mount = os.path.join(self.home, "files"), {}
        os.mkdir(self.files)
        self.fuse = -1
        try:
            image = os.path.join(self.home, "image")
            with open(image, "wb") as file:
                file.truncate(MIB[kind] << 20)
            run(f"mkfs.{kind}", "-q", {"ext4": "-F", "xfs": "-f"}[kind], image)
            with open(image, "rb") as file:
                self.base = file.read()
            os.remove(image)
            self.data = {RECORDED: bytearray(self.base), STATE: bytearray()}
            self.fuse = os.open("/dev/fuse", os.O_RDWR)
            libc = ctypes.CDLL(None, use_errno=True)
            options = f"fd={self.fuse},rootmode=40000,user_id=0,group_id=0".encode()
            if libc.mount(b"millrace", self.files.encode(), b"fuse", 0, options) != 0:
                raise OSError(ctypes.get_errno(), "cannot mount FUSE")
            self.mounted.append(self.files)
            threading.Thread(target=self._serve, daemon=True).start()
        except Exception:
            self.close()
            raise

    def attach(self, name):
        """Mounts the file system in one of the two files, and says where."""
        path = os.path.join(self.home, name)
        os.makedirs(path, exist_ok=True)
        run("mount", "-o", "loop", os.path.join(self.files, name), path)
        self.mounted.append(path)
        return path

    def detach(self, name):
        path = os.path.join(self.home, name)
        run("umount", path)
        self.mounted.remove(path)

    def states(self):
        """For each length of the log: that, the image as of the last flush, and the writes since."""
        image = bytearray(self.base)
        since = []
        for at, entry in enumerate(self.log):
            if entry is FLUSHED:
                for position, data in since:
                    image[position:position + len(data)] = data
                since = []
            else:
                since.append(entry)
            yield at + 1, image, since

    def leave(self, image, since, chance):
        """Makes `state`: of the writes since the last flush all (chance is None), or any, some of them torn."""
        state = bytearray(image)
        for position, data in since:
            fate = 0 if chance is None else chance.randrange(3)
            if fate == 1:
                continue
            for at in range(0, len(data), SECTOR if fate == 2 else len(data)):
                piece = data[at:at + SECTOR] if fate == 2 else data
                if fate == 0 or chance.random() < 0.5:
                    state[position + at:position + at + len(piece)] = piece
        self.data[STATE] = state

    def close(self):
        for path in reversed(self.mounted):
            run("umount", path)
        self.mounted = []
        if self.fuse >= 0:
            os.close(self.fuse)
            self.fuse = -1
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- the file system -----------------------------------------------------------------------------------------

    def _serve(self):
        while True:
            try:
                request = os.read(self.fuse, WRITE_BYTES_MAX + 8192)
            except OSError as why:
                if why.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                    continue
                return  # unmounted
            _, code, unique, node = struct.unpack_from("=IIQQ", request)
            if code in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            try:
                answer, error = self._answer(code, node, memoryview(request)[40:]), 0
            except OSError as why:
                answer, error = b"", -why.errno
            os.write(self.fuse, struct.pack("=IiQ", 16 + len(answer), error, unique) + answer)

    def _attributes(self, node):
        size = 0 if node == ROOT else len(self.base)
        mode = 0o40755 if node == ROOT else 0o100644
        return struct.pack("=QQQQQQIIIIIIIIII", node, size, size // SECTOR, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def _answer(self, code, node, body):
        if code == INIT:
            return struct.pack("=IIIIHHIIHHI28x", 7, 31, 1 << 17, ASYNC_READ | BIG_WRITES | MAX_PAGES, 16, 12, WRITE_BYTES_MAX, 1,
                               WRITE_BYTES_MAX // 4096, 0, 0)
        if code == LOOKUP:
            found = NAMES.get(bytes(body).rstrip(b"\0"))
            if found is None:
                raise OSError(errno.ENOENT, "no such file")
            return struct.pack("=QQQQII", found, 0, 0, 0, 0, 0) + self._attributes(found)
        if code in (GETATTR, SETATTR):
            return struct.pack("=QII", 0, 0, 0) + self._attributes(node)
        if code == OPEN:
            return struct.pack("=QII", 0, 0, 0)
        if code == READ:
            _, position, size = struct.unpack_from("=QQI", body)
            return bytes(self.data[node][position:position + size])
        if code == WRITE:
            _, position, size = struct.unpack_from("=QQI", body)
            data = bytes(body[40:40 + size])
            self.data[node][position:position + size] = data
            if node == RECORDED:
                self.log.append((position, data))
            return struct.pack("=II", size, 0)
        if code == FSYNC:
            if node == RECORDED:
                self.log.append(FLUSHED)
            return b""
        if code in (FLUSH, RELEASE, ACCESS, DESTROY):
            return b""
        if code == STATFS:
            return struct.pack("=QQQQQIIII24x", 1 << 20, 1 << 19, 1 << 19, 10, 5, 4096, 255, 4096, 0)
        raise OSError(errno.ENOSYS, "not served")


def self_test(kind):
    """What was synced is in every state from then on; what was not is missing in some."""
    if os.geteuid() != 0:
        print("skipped: a loop mount needs root")
        return SKIPPED_STATUS
    try:
        disk = WriteLog(kind)
    except OSError as why:
        print(f"skipped: {why}")
        return SKIPPED_STATUS
    with disk:
        root = disk.attach("recorded")
        for name, synced in (("kept", True), ("lost", False)):
            with open(os.path.join(root, name), "wb") as file:
                file.write(b"x" * 5000)
                file.flush()
                if synced:
                    os.fsync(file.fileno())
                    directory = os.open(root, os.O_RDONLY)
                    os.fsync(directory)
                    os.close(directory)
                    after = len(disk.log)
        disk.detach("recorded")
        seen = set()
        for at, image, since in disk.states():
            if at < after or at % 3:
                continue
            disk.leave(image, since, None)
            mounted = disk.attach("state")
            seen.add(tuple(os.path.getsize(path) if os.path.exists(path) else -1 for path in (os.path.join(mounted, n) for n in ("kept", "lost"))))
            disk.detach("state")
    print(f"{len(disk.log)} writes and flushes; sizes of the synced and the unsynced file: {sorted(seen)}")
    return 0 if {kept for kept, _ in seen} == {5000} and {lost for _, lost in seen} - {5000} else 1


if __name__ == "__main__":
    if sys.argv[1:2] != ["--self-test"] or sys.argv[2:] not in ([], ["xfs"]):
        print("usage: write_log.py --self-test [xfs]", file=sys.stderr)
        sys.exit(2)
    sys.exit(self_test("xfs" if sys.argv[2:] else "ext4"))
