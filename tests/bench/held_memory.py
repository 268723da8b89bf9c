"""Memory that was used a moment ago, let go at the pace at which somebody takes it.

On a virtual machine that reports its free pages to the host, the first use of a page that was free for a while costs
several times what a broker needs to fill it, and whoever comes first pays. A page counts as free for
a while after two seconds or less, so that freeing a whole GB before a producer starts is not enough for a slow one. So a file
holds the memory, and a thread shortens it while the producer runs: what the broker takes was let go milliseconds before.
"""
import os
import threading

LEAD_BYTES, STEP_BYTES, PERIOD_SECONDS = 96 << 20, 16 << 20, 0.004


def free_bytes():
    with open("/proc/meminfo", "rb") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(b"MemFree"))


class HeldMemory:
    """with HeldMemory(folder, size): every taker of memory inside the block gets pages that were in use."""

    def __init__(self, folder, size):
        self.path, self.size, self.done = os.path.join(folder, "held"), size, threading.Event()

    def __enter__(self):
        block = bytes(1 << 20)
        self.file = open(self.path, "wb", buffering=0)
        for _ in range(self.size >> 20):
            self.file.write(block)
        self.held, self.free_wanted = self.size >> 20 << 20, free_bytes() + LEAD_BYTES
        self.thread = threading.Thread(target=self.pace)
        self.thread.start()
        return self

    def pace(self):
        while self.held and not self.done.wait(PERIOD_SECONDS):
            missing = self.free_wanted - free_bytes()
            if missing > STEP_BYTES:
                self.held = max(0, self.held - missing)
                self.file.truncate(self.held)

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        self.file.close()
        os.remove(self.path)
