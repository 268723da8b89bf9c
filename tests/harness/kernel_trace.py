"""Kernel tracepoints in an instance of their own, so that nobody else's tracing is touched. Root, tracefs."""
import os
import tempfile
import time

from .commands import run


class KernelTrace:
    """From now on: `events` are names below tracefs/events, `settings` files of the instance to be written before them.
    Raises OSError where the machine has no tracefs or no such event."""

    def __init__(self, events, settings=()):
        self.home = tempfile.mkdtemp(prefix="millrace-trace-")
        self.instance = None
        try:
            run("mount", "-t", "tracefs", "tracefs", self.home)
            self.instance = os.path.join(self.home, "instances", f"millrace-{os.getpid()}-{time.monotonic_ns()}")
            os.mkdir(self.instance)
            for name, value in settings:
                self._set(name, value)
            for event in events:
                self._set(f"events/{event}/enable", "1")
        except Exception:
            self.close()
            raise

    def _set(self, name, value):
        with open(os.path.join(self.instance, name), "w") as file:
            file.write(value)

    def lines(self):
        """What was traced so far, as bytes."""
        with open(os.path.join(self.instance, "trace"), "rb") as lines:
            yield from lines

    def lost(self):
        """Events that did not fit the buffer."""
        total = 0
        for cpu in os.listdir(os.path.join(self.instance, "per_cpu")):
            with open(os.path.join(self.instance, "per_cpu", cpu, "stats")) as stats:
                for line in stats:
                    name, _, count = line.partition(":")
                    total += int(count) if name in ("overrun", "dropped events") else 0
        return total

    def close(self):
        if not os.path.isdir(self.home):
            return
        if self.instance and os.path.isdir(self.instance):
            os.rmdir(self.instance)
        if os.path.ismount(self.home):
            run("umount", self.home)
        os.rmdir(self.home)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
