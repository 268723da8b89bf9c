"""What every measurement of brokers needs: the programs of `ninja bench_programs`, a command that says what it measured, cores,
and figures of several rounds in one line."""
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time

from harness.broker import TREE, clean_environment

SECONDS_MAX = 600


def program(name):
    path = os.path.join(os.environ.get("MILLRACE_BENCH") or os.path.join(TREE, "build-release/tests/bench"), name)
    if not os.access(path, os.X_OK):
        sys.exit(f"no program at {path}; make it: ninja -C build-release bench_programs (librdkafka-dev is needed)")
    return path


def run(*command):
    """The JSON line that it printed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=SECONDS_MAX, env=clean_environment())
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


def settle():
    """Nobody pays for what another has left to write."""
    os.sync()
    time.sleep(0.5)


def memory_for(size):
    """What a producer, its broker and the page cache take for `size` bytes of records, with room."""
    return int(size * 1.3) + (512 << 20)


@contextlib.contextmanager
def on_core(core):
    """What is started inside stays on this core; None: on any."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before if core is None else {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def spread(values, digits=3):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"
