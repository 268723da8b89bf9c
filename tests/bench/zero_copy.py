#!/usr/bin/env python3
"""A hot fetch of 1 GB in large slices, all broker threads traced: the bytes leave by sendfile and splice, next to none pass
user space or the ring.

  zero_copy.py [--gb X] [--fetch-bytes N]     needs strace; exit code 77 without it

strace sees what the threads call themselves, the kernel's tracepoint what they hand to the ring, whatever the broker says.
"""
import argparse
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.batches import batch, headers_of  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.kernel_trace import KernelTrace  # noqa: E402
from harness.checks import SKIPPED_STATUS, Checks  # noqa: E402
from harness import process  # noqa: E402

FILE_CALLS = ("sendfile", "splice")
COPY_CALLS = ("read", "pread64", "readv", "preadv", "preadv2", "write", "pwrite64", "writev", "pwritev", "pwritev2",
              "sendto", "sendmsg", "recvfrom", "recvmsg")
OTHER_CALLS = ("io_uring_enter", "poll", "ppoll", "epoll_wait", "?cachestat", "futex")
RESULT = re.compile(r"^\d+ +(?:<\.\.\. )?([a-z0-9_]+)(?:\(| resumed).*= (-?\d+)")
RING_EVENT = re.compile(rb"-(\d+) +\[\d+\].* io_uring_submit_req: .*opcode ([A-Z0-9_]+)")
RING_COPIES = ("SEND", "SENDMSG", "SEND_ZC", "SENDMSG_ZC", "WRITE", "WRITEV", "WRITE_FIXED", "READ", "READV", "READ_FIXED")
COPIED_MB_MAX, RING_MB_MAX, FILE_SHARE_MIN = 10, 10, 0.99


class Strace:
    """All threads of a process, their calls and results summed by name."""

    def __init__(self, pid, home):
        self.path = os.path.join(home, "strace")
        calls = ",".join(FILE_CALLS + COPY_CALLS + OTHER_CALLS)
        self.process = subprocess.Popen(
            ["strace", "-f", "-qq", "-e", "signal=none", "-e", f"trace={calls}", "-s", "0", "-o", self.path, "-p", str(pid)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 10
        while any(process_tracer(pid, thread) == 0 for thread in process.threads(pid)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"strace does not attach: {self.process.stderr.read().strip()}")
            time.sleep(0.01)

    def end(self):
        """({call: bytes}, {call: calls})"""
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        moved, calls = collections.Counter(), collections.Counter()
        with open(self.path) as lines:
            for line in lines:
                found = RESULT.match(line)
                if found:
                    calls[found[1]] += 1
                    moved[found[1]] += max(int(found[2]), 0)
        return moved, calls


def ring_operations(trace, threads):
    """{opcode: count} of what these threads gave to their rings."""
    found = (RING_EVENT.search(line) for line in trace.lines())
    return collections.Counter(event[2].decode() for event in found if event and int(event[1]) in threads)


def process_tracer(pid, thread):
    with open(f"/proc/{pid}/task/{thread}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("TracerPid:"))


def fill(client, total):
    """One batch of nearly 1 MB, again and again: the broker gives each its own offsets."""
    client.make_topic("large")
    data, written = batch([b"%06d" % i + b"v" * 9990 for i in range(100)]), 0
    while written < total:
        error, _ = client.produce("large", 0, data, acks=1)
        if error:
            raise ValueError(f"produce: error {error}")
        written += len(data)
    return written


def fetch_all(client, total, fetch_bytes):
    offset = got = requests = 0
    while got < total:
        error, _, data = client.fetch("large", 0, offset, fetch_bytes)
        whole = list(headers_of(data))
        if error or not whole:
            raise ValueError(f"fetch at {offset}: error {error}, {len(data)} bytes")
        offset, requests = whole[-1][1] + 1, requests + 1
        got += len(data)
    return got, requests


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--gb", type=float, default=1.0)
    options.add_argument("--fetch-bytes", type=int, default=8 << 20)
    asked = options.parse_args()
    if not shutil.which("strace"):
        print("skipped: strace is not installed")
        sys.exit(SKIPPED_STATUS)
    checks, total = Checks(), int(asked.gb * 1e9)
    with tempfile.TemporaryDirectory(prefix="millrace-trace-") as home, Broker() as broker, broker.connect(60) as client:
        total = max(fill(client, total), total)
        fetch_all(client, total // 10, asked.fetch_bytes)  # whatever is done once is done
        before = broker.counters()
        try:
            ring_trace = KernelTrace(("io_uring/io_uring_submit_req",), (("buffer_size_kb", "16384"),))
        except OSError as why:
            print(f"skipped: no kernel trace of the ring: {why}")
            sys.exit(SKIPPED_STATUS)
        with ring_trace:
            trace = Strace(broker.pid, home)
            try:
                got, requests = fetch_all(client, total, asked.fetch_bytes)
            finally:
                moved, calls = trace.end()
            ring_calls, ring_lost = ring_operations(ring_trace, set(process.threads(broker.pid))), ring_trace.lost()
        after = broker.counters()
    grew = lambda name: sum(shard[name] for shard in after) - sum(shard[name] for shard in before)
    mb = lambda size: f"{size / 1e6:.2f} MB"
    by_file = sum(moved[name] for name in FILE_CALLS)
    copied = {name: moved[name] for name in COPY_CALLS if calls[name]}
    ring = grew("bytes_read_ring")
    ring_copies = {name: count for name, count in ring_calls.items() if name in RING_COPIES}
    print(f"     {mb(got)} fetched in {requests} requests; " + ", ".join(f"{name} {count}×" for name, count in calls.most_common()))
    checks.that(by_file >= FILE_SHARE_MIN * got, f"sendfile and splice move at least {FILE_SHARE_MIN:.0%} of it", mb(by_file))
    checks.that(sum(copied.values()) < COPIED_MB_MAX * 1e6, f"read, write and their kind move less than {COPIED_MB_MAX} MB",
                ", ".join(f"{name} {mb(size)}" for name, size in copied.items()) or "none called")
    checks.that(ring < RING_MB_MAX * 1e6, f"the ring reads less than {RING_MB_MAX} MB", mb(ring))
    checks.that(ring_lost == 0 and sum(ring_calls.values()) > 0, "the kernel's trace of the ring is whole",
                ", ".join(f"{name} {count}×" for name, count in ring_calls.most_common()))
    checks.that(ring_copies.keys() <= {"READ"}, "the ring is given no send and no write", str(ring_copies or "none"))
    checks.that(grew("bytes_sent_file") >= FILE_SHARE_MIN * got, "bytes_sent_file says the same", mb(grew("bytes_sent_file")))
    per_mb = (grew("ring_enters") + grew("system_calls")) / (got / 1e6)
    print(f"     {per_mb:.2f} system calls per MB ({grew('ring_enters')} enters, {grew('system_calls')} others), {grew('ring_punts')} punts, "
          f"{grew('bytes_copied') / got:.4f} bytes copied per byte")
    checks.finish()


if __name__ == "__main__":
    main()
