#!/usr/bin/env python3
"""A disk that keeps a new name only if its directory was synced after it came: name_loss.py --self-test (root, tracefs)

POSIX promises nothing else, and Millrace relies on nothing else. But ext4 keeps more: the journal commit of any file's fsync
takes all names along that came before it, so a cut of its power hardly ever loses a name. So the kernel's trace of ext4's
syncs (fs/ext4/fsync.c) says here when each directory was synced, and take_away() removes after a cut what came later.
What it cannot undo: a rename over an existing file, and a removal. Exit code 77 says that this machine has no tracefs.
"""
import os
import re
import shutil
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.commands import run  # noqa: E402
from harness.kernel_trace import KernelTrace  # noqa: E402
from power_cut import SKIPPED, PowerCutDisk  # noqa: E402

EVENT = re.compile(rb"-(\d+) +\[\d+\].* (\d+\.\d+): ext4_sync_file_(enter|exit): dev (\d+),(\d+) ino (\d+) (.*)")


class NameWatch:
    """Watches the ext4 file system that `root` lies on, from now on."""

    def __init__(self, root):
        self.root = root
        self.trace = KernelTrace(("ext4/ext4_sync_file_enter", "ext4/ext4_sync_file_exit"),
                                 (("trace_clock", "tai"), ("buffer_size_kb", "8192")))
        self.began = time.time()
        self.synced = {}   # inode -> when its last successful sync began
        self.entered = {}  # thread -> (inode, when)
        self.old = {path for directory, paths in self._tree() for path in paths}

    def _tree(self):
        for directory, directories, files in os.walk(self.root):
            yield directory, [os.path.join(directory, name) for name in directories + files]

    def _read(self):
        """The trace clock `tai` may be whole seconds off the clock of the file system."""
        offset = round(time.clock_gettime(time.CLOCK_TAI) - time.time())
        device = os.stat(self.root).st_dev
        for line in self.trace.lines():
            found = EVENT.search(line)
            if not found or (int(found[4]), int(found[5])) != (os.major(device), os.minor(device)):
                continue
            thread, when, inode = int(found[1]), float(found[2]) - offset, int(found[6])
            if found[3] == b"enter":
                self.entered[thread] = inode, when
            elif found[7].split() == [b"ret", b"0"] and self.entered.get(thread, (None,))[0] == inode:
                self.synced[inode] = max(self.entered[thread][1], self.synced.get(inode, 0))

    def unsafe_names(self):
        """Paths of new names that no sync of their directory has covered. File times are a clock tick coarse, downwards: a
        name that came within a tick after the sync counts as covered, one that was covered never counts as unsafe."""
        self._read()
        unsafe = []
        for directory, paths in self._tree():
            about = os.stat(directory)
            last = self.synced.get(about.st_ino, self.began)
            if about.st_mtime_ns / 1e9 <= last:
                continue
            new = [path for path in paths if path not in self.old]
            unsafe += [path for path in new if born(path) > last]
        return [path for path in unsafe if not any(path.startswith(above + "/") for above in unsafe)]

    def close(self):
        self.trace.close()


def born(path):
    try:
        return float(run("stat", "-c", "%.W", path))
    except OSError:  # gone meanwhile
        return 0.0


def take_away(paths):
    for path in paths:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.remove(path)


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def make(path):
    with open(path, "w") as file:
        file.write("x" * 5000)
        file.flush()
        os.fsync(file.fileno())


def self_test():
    if os.geteuid() != 0:
        print("skipped: tracing needs root")
        return SKIPPED
    try:
        disk = PowerCutDisk(64)
    except OSError as why:
        print(f"skipped: {why}")
        return SKIPPED
    with disk:
        make(os.path.join(disk.path, "before"))
        try:
            watch = NameWatch(disk.path)
        except OSError as why:
            print(f"skipped: no trace of ext4's syncs: {why}")
            return SKIPPED
        try:
            for name in ("kept", "lost"):
                os.mkdir(os.path.join(disk.path, name))
                make(os.path.join(disk.path, name, "file"))
                time.sleep(0.02)  # times are a clock tick coarse
                if name == "kept":
                    sync(os.path.join(disk.path, name))
                    sync(disk.path)
                    time.sleep(0.02)
            os.mkdir(os.path.join(disk.path, "kept", "lost"))
            disk.cut()
            unsafe = sorted(os.path.relpath(path, disk.path) for path in watch.unsafe_names())
        finally:
            watch.close()
        disk.mend()
        after_cut = sorted(os.listdir(disk.path))
    print(f"unsafe names: {unsafe}; what ext4 kept: {after_cut}")
    return 0 if unsafe == ["kept/lost", "lost"] else 1


if __name__ == "__main__":
    if sys.argv[1:] != ["--self-test"]:
        print("usage: name_loss.py --self-test", file=sys.stderr)
        sys.exit(2)
    sys.exit(self_test())
