#!/usr/bin/env python3
"""How long a start after kill -9 takes until every partition answers, beside the reference broker in the same run.

  crash_restart.py [--partitions N] [--rounds N] [--check]

Each of the partitions has a record that nothing has flushed. Without MILLRACE_REFERENCE only Millrace is measured. --check fails
where Millrace takes more than a tenth of the reference's time.
"""
import argparse
import os
import shutil
import signal
import socket
import statistics
import struct
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import wire  # noqa: E402
from harness.batches import batch  # noqa: E402
from harness.broker import Broker, Reference, has_reference  # noqa: E402
from harness.checks import Checks  # noqa: E402
from harness.client import PRODUCE_VERSION, Client, produce_body, read_produce  # noqa: E402

OF_A_TOPIC, RATIO_MAX, READY_SECONDS = 100, 10, 300
STEP = 1000  # recovery_progress.h


def topics(partitions):
    return [f"many-{number}" for number in range(partitions // OF_A_TOPIC)]


def ends(client, topic):
    """How many partitions of the topic answer with the end that was written."""
    parts = wire.array([struct.pack(">iq", p, -1) for p in range(OF_A_TOPIC)])
    answer = client.call(wire.LIST_OFFSETS, 2, struct.pack(">ib", -1, 0) + wire.array([wire.string(topic) + parts]))
    answer.i32()
    rows = answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i16(), answer.i64(), answer.i64()))))[0][1]
    return sum(1 for _, error, _, offset in rows if error == 0 and offset == 1)


def fill(address, partitions):
    data = batch([b"v" * 100])
    with Client(address, 120) as client:
        for topic in topics(partitions):
            error, message = client.create_topic(topic, OF_A_TOPIC)
            if error:
                raise ValueError(f"{topic}: error {error}: {message}")
            left = set(range(OF_A_TOPIC))
            deadline = time.monotonic() + 60
            while left and time.monotonic() < deadline:
                body = produce_body([(topic, [(p, data) for p in sorted(left)])], 1)
                told = read_produce(client.call(wire.PRODUCE, PRODUCE_VERSION, body))
                left -= {p for (_, p), (error, _) in told.items() if error == 0}
            if left:
                raise ValueError(f"{topic}: {len(left)} partitions take no records")


def wait_for_all(address, partitions):
    deadline = time.monotonic() + READY_SECONDS
    waiting = topics(partitions)
    while waiting and time.monotonic() < deadline:
        try:
            with Client(address, 30) as client:
                while waiting and ends(client, waiting[-1]) == OF_A_TOPIC:
                    waiting.pop()
        except OSError:
            pass
        if waiting:
            time.sleep(0.01)
    if waiting:
        raise ValueError(f"{len(waiting)} topics do not answer after {READY_SECONDS} s")


def restart_seconds(broker, kill, launch, partitions):
    kill()
    began = time.monotonic()
    launch()
    wait_for_all(broker.address, partitions)
    return time.monotonic() - began


def measure(broker, kill, launch, asked):
    fill(broker.address, asked.partitions)
    took = [restart_seconds(broker, kill, launch, asked.partitions) for _ in range(asked.rounds)]
    print(f"     {broker.name}: {asked.partitions} partitions answer {', '.join(f'{t:.2f}' for t in took)} s after a start that follows kill -9", flush=True)
    return statistics.median(took)


def received(manager):
    manager.setblocking(False)
    told = []
    try:
        while True:
            told.append(manager.recv(4096).decode())
    except BlockingIOError:
        return told


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--partitions", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--check", action="store_true")
    asked = options.parse_args()
    checks = Checks()
    home = tempfile.mkdtemp(prefix="millrace-notify-")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(os.path.join(home, "socket"))
    with Broker(environment={"NOTIFY_SOCKET": os.path.join(home, "socket")}) as broker:
        ours = measure(broker, broker.kill, broker.launch, asked)
        checks.that(True, f"{asked.partitions} partitions answer after kill -9", f"{ours:.2f} s")
        told = received(manager)
        checks.that(any(line.startswith("READY=1") for line in told), "the service manager is told when the broker is ready")
        if asked.partitions > STEP:
            first = f"opened {STEP} of {asked.partitions} partitions"
            checks.that(first in broker.said(), "the log tells how many partitions are open")
            checks.that(any(line.startswith("STATUS=" + first) for line in told), "and so is the service manager")
    manager.close()
    shutil.rmtree(home)
    if has_reference():
        with Reference() as reference:
            def kill():
                with open(os.path.join(os.path.dirname(reference.log_dir), "pid")) as file:
                    os.kill(int(file.read()), signal.SIGKILL)
                time.sleep(0.2)
            theirs = measure(reference, kill, reference.launch, asked)
        ratio = theirs / ours
        checks.that(ratio >= RATIO_MAX or not asked.check, "the reference takes longer", f"{ratio:.1f} times (at least {RATIO_MAX})")
    else:
        checks.skip("the reference beside it", "MILLRACE_REFERENCE is not set")
    checks.finish()


if __name__ == "__main__":
    main()
