#!/usr/bin/env python3
"""A 200 MiB file system is filled by producers: no crash, reads go on, and producing resumes by itself when there is room.

  full_disk.py

Room comes back once by the deletion of a topic, and once because somebody else, who had filled the disk to the last block, gives it
back. The data lies on a loop-mounted ext4 (root); exit code 77 says that this machine does not allow it.
"""
import os
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from harness.batches import batch, records_of  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.checks import SKIPPED_STATUS, Checks  # noqa: E402
from harness.client import Client  # noqa: E402
from power_cut import PowerCutDisk  # noqa: E402

DISK_MIB, PARTITIONS, VALUE_BYTES = 200, 4, 64 << 10
STORAGE_ERROR = 56
FILL_SECONDS, RESUME_SECONDS = 120, 10


class Producer(threading.Thread):
    """One record after the other to a partition, each sent again until it is acknowledged, as clients do."""

    def __init__(self, address, partition):
        super().__init__(daemon=True)
        self.address, self.partition = address, partition
        self.acknowledged, self.refused, self.failure = 0, 0, None
        self.ending = threading.Event()

    def value(self, number):
        return (b"%d-%d-" % (self.partition, number)).ljust(VALUE_BYTES, b"v")

    def run(self):
        try:
            with Client(self.address, 60) as client:
                identity = client.init_producer_id()
                while not self.ending.is_set():
                    number = self.acknowledged
                    error, offset = client.produce("filled", self.partition, batch([self.value(number)], *identity, number))
                    if error == STORAGE_ERROR:
                        self.refused += 1
                        time.sleep(0.05)
                        continue
                    if error or offset != number:
                        raise ValueError(f"record {number} of partition {self.partition}: error {error}, offset {offset}")
                    self.acknowledged += 1
        except Exception as why:
            self.failure = why


class Scene:
    def __init__(self, checks, disk):
        self.checks, self.disk = checks, disk
        self.broker = Broker(log_dir=os.path.join(disk.path, "data")).start()
        self.producers = [Producer(self.broker.address, p) for p in range(PARTITIONS)]

    def free_mib(self):
        found = os.statvfs(self.disk.path)
        return found.f_bavail * found.f_frsize >> 20

    def wait(self, seconds, condition):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not condition():
            if any(p.failure for p in self.producers) or self.broker.process.poll() is not None:
                return False
            time.sleep(0.02)
        return condition()

    def all_refused(self):
        """Every producer is refused from now on, until something changes."""
        before = [p.refused for p in self.producers]
        return self.wait(FILL_SECONDS, lambda: all(p.refused > then for p, then in zip(self.producers, before)))

    def resumes(self, what):
        before, began = [p.acknowledged for p in self.producers], time.monotonic()
        again = self.wait(RESUME_SECONDS, lambda: all(p.acknowledged > then for p, then in zip(self.producers, before)))
        self.checks.that(again, f"{what}: every producer goes on by itself", f"after {time.monotonic() - began:.2f} s")

    def reads_go_on(self, when):
        with self.broker.connect() as client:
            for producer in self.producers:
                for at in (0, producer.acknowledged // 2, producer.acknowledged - 1):
                    error, _, data = client.fetch("filled", producer.partition, at)
                    got = [value for offset, value in records_of(data, check_crc=False) if offset == at]
                    if error or got != [producer.value(at)]:
                        return self.checks.that(False, f"reads go on {when}", f"partition {producer.partition} at {at}: error {error}")
        return self.checks.that(True, f"reads go on {when}")

    def fill(self):
        with self.broker.connect() as client:
            client.make_topic("ballast")
            client.make_topic("filled", PARTITIONS, [("segment.bytes", str(8 << 20))])
            for _ in range(60):
                error, _ = client.produce("ballast", 0, batch([b"b" * 1_000_000]), 1)
                if error:
                    raise ValueError(f"ballast: error {error}")
        for producer in self.producers:
            producer.start()
        full = self.wait(FILL_SECONDS, lambda: all(p.refused for p in self.producers)) and self.all_refused()
        acknowledged = sum(p.acknowledged for p in self.producers)
        self.checks.that(full, "a full disk refuses every producer with KAFKA_STORAGE_ERROR",
                         f"{acknowledged * VALUE_BYTES >> 20} MiB acknowledged, {self.free_mib()} of {DISK_MIB} MiB free")
        self.checks.that(self.free_mib() >= 4, "that is before the file system is full", f"{self.free_mib()} MiB free")
        self.reads_go_on("while the disk is full")

    def delete(self):
        with self.broker.connect() as client:
            error = client.delete_topic("ballast")
        self.checks.equal(error, 0, "a topic can be deleted")
        self.resumes("a deleted topic makes room")

    def stranger(self):
        """Somebody else fills the disk to the last block."""
        path = os.path.join(self.disk.path, "stranger")
        with open(path, "wb") as file:
            try:
                while True:
                    file.write(b"s" * (1 << 20))
                    file.flush()
            except OSError:
                pass
        full = self.all_refused()
        self.checks.that(full, "a disk that somebody else filled refuses every producer", f"{self.free_mib()} MiB free")
        self.reads_go_on("then")
        with self.broker.connect() as client:
            self.checks.equal(client.create_topic("late")[0] in (0, STORAGE_ERROR), True, "a change of metadata is made or refused")
        os.remove(path)
        self.resumes("the stranger's file goes")

    def end(self):
        for producer in self.producers:
            producer.ending.set()
        for producer in self.producers:
            producer.join(30)
        failures = [str(p.failure) for p in self.producers if p.failure]
        self.checks.that(not failures, "no producer met anything else", "; ".join(failures))
        self.checks.that(self.broker.process.poll() is None, "the broker is the same process as in the beginning")
        self.checks.equal(self.broker.stop(), 0, "it stops cleanly")
        self.broker.start()
        with self.broker.connect() as client:
            for producer in self.producers:
                stored = [value for _, value in client.read_all("filled", producer.partition)]
                good = stored == [producer.value(n) for n in range(producer.acknowledged)]
                self.checks.that(good, f"partition {producer.partition}: every acknowledged record once, and nothing else", len(stored))
        self.checks.equal(self.broker.stop(), 0, "and again")


def main():
    if os.geteuid() != 0:
        print("skipped: a loop mount needs root")
        sys.exit(SKIPPED_STATUS)
    try:
        disk = PowerCutDisk(DISK_MIB)
    except OSError as why:
        print(f"skipped: {why}")
        sys.exit(SKIPPED_STATUS)
    checks = Checks()
    with disk:
        scene = Scene(checks, disk)
        try:
            for title, part in (("filling", scene.fill), ("deletion", scene.delete), ("stranger", scene.stranger), ("end", scene.end)):
                checks.run(title, part)
        finally:
            for producer in scene.producers:
                producer.ending.set()
            scene.broker.close()
    checks.finish()


if __name__ == "__main__":
    main()
