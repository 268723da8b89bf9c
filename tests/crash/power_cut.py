#!/usr/bin/env python3
"""An ext4 or XFS file system in a loop-mounted image whose power can be cut: power_cut.py --self-test [xfs] (root, loop devices)

cut() is EXT4_IOC_SHUTDOWN with NOLOGFLUSH (fs/ext4/ext4.h), which is XFS_IOC_GOINGDOWN with the same flag (fs/xfs/libxfs/xfs_fs.h): from then on every write fails, and what no sync has made
durable is gone after mend(). Exit code 77 says that this machine does not allow it.
"""
import fcntl
import os
import shutil
import struct
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.commands import run  # noqa: E402

EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NOLOGFLUSH = 2
SKIPPED = 77


class PowerCutDisk:
    def __init__(self, size_mib=512, kind="ext4"):
        self.kind = kind
        self.home = tempfile.mkdtemp(prefix="millrace-crash-")
        self.image = os.path.join(self.home, "image")
        self.path = os.path.join(self.home, "mount")
        self.mounted = False
        os.mkdir(self.path)
        with open(self.image, "wb") as image:
            image.truncate(size_mib << 20)
        try:
            run(f"mkfs.{kind}", "-q", {"ext4": "-F", "xfs": "-f"}[kind], self.image)
            self._mount()
        except Exception:
            self.close()
            raise

    def _mount(self):
        run("mount", "-o", "loop", self.image, self.path)
        self.mounted = True

    def cut(self):
        root = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(root, EXT4_IOC_SHUTDOWN, struct.pack("=I", NOLOGFLUSH))
        finally:
            os.close(root)

    def mend(self):
        """Mounts again, which replays the journal. Whoever had files open must have exited."""
        run("umount", self.path)
        self.mounted = False
        self._mount()

    def close(self):
        if self.mounted:
            run("umount", self.path)
            self.mounted = False
        shutil.rmtree(self.home)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def write(path, sync_file, sync_directory):
    with open(path, "wb") as file:
        file.write(b"x" * 4096)
        file.flush()
        if sync_file:
            os.fsync(file.fileno())
    if sync_directory:
        directory = os.open(os.path.dirname(path), os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)


def self_test(kind):
    """A cut keeps what was synced and loses what was not; otherwise a crash test on it would prove nothing."""
    if os.geteuid() != 0:
        print("skipped: a loop mount needs root")
        return SKIPPED
    try:
        disk = PowerCutDisk({"ext4": 64, "xfs": 320}[kind], kind)
    except OSError as why:
        print(f"skipped: {why}")
        return SKIPPED
    with disk:
        kept, lost = os.path.join(disk.path, "kept"), os.path.join(disk.path, "lost")
        write(kept, True, True)
        write(lost, False, False)
        disk.cut()
        disk.mend()
        kept_bytes = os.path.getsize(kept) if os.path.exists(kept) else 0
        lost_bytes = os.path.getsize(lost) if os.path.exists(lost) else 0
    if (kept_bytes, lost_bytes) != (4096, 0):
        print(f"synced file has {kept_bytes} of 4096 bytes, unsynced file {lost_bytes} of 0")
        return 1
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] != ["--self-test"] or sys.argv[2:] not in ([], ["xfs"]):
        print("usage: power_cut.py --self-test [xfs]", file=sys.stderr)
        sys.exit(2)
    sys.exit(self_test("xfs" if sys.argv[2:] else "ext4"))
