#!/usr/bin/env python3
"""acks=1, read, power cut, other records: Kafka's Java consumer, which holds a position in what was lost, is told so.

  truncation.py [--rounds N]     needs root, and Java and Maven as tests/clients does; exit code 77 where they are missing

Without a new leader epoch per start the consumer would read on in the other records as if nothing had happened.
"""
import os
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from harness.batches import batch  # noqa: E402
from harness.broker import TREE, Broker  # noqa: E402
from harness.checks import SKIPPED_STATUS, Checks  # noqa: E402
from power_cut import PowerCutDisk  # noqa: E402

FLUSHED, LOST, OTHERS, SECONDS = 10, 40, 80, 60


def class_path():
    made = subprocess.run([sys.executable, os.path.join(TREE, "tests/clients/run.py"), "--build-java"], capture_output=True, text=True)
    if made.returncode:
        print(f"skipped: the Java programs cannot be built: {made.stderr.strip().splitlines()[-1:]}")
        sys.exit(SKIPPED_STATUS)
    return made.stdout.strip().splitlines()[-1]


class Reader:
    """tests/clients/java/Truncation.java; what it says goes into `lines`."""

    def __init__(self, classes, bootstrap, topic, count):
        quiet = f"-Dlog4j2.configurationFile={TREE}/tests/clients/java/log4j2.properties"
        command = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", quiet, "-cp", classes, "Truncation", bootstrap, topic, "0", str(count)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.lines, self.has_read = [], threading.Event()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())
            self.has_read.set()
        self.has_read.set()

    def go_on(self):
        """The exit status after it was told that the broker is back."""
        self.process.stdin.write("\n")
        self.process.stdin.close()
        try:
            return self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.thread.join()


def produce(broker, topic, count, acks, word):
    with broker.connect() as client:
        for number in range(count):
            error, _ = client.produce(topic, 0, batch([b"%s %d" % (word, number)]), acks)
            if error:
                raise ValueError(f"produce: error {error}")


def one_round(checks, disk, classes, number):
    topic = f"cut-{number}"
    broker = Broker(log_dir=os.path.join(disk.path, f"data-{number}"))
    reader = None
    try:
        broker.start()
        with broker.connect() as client:
            client.make_topic(topic)
        produce(broker, topic, FLUSHED, -1, b"flushed")
        # The reader starts first: the records must be young when the power is cut, before the kernel writes them by itself.
        reader = Reader(classes, broker.bootstrap, topic, FLUSHED + LOST)
        produce(broker, topic, LOST, 1, b"in the page cache")
        if not reader.has_read.wait(SECONDS) or not reader.lines or not reader.lines[0].startswith("position"):
            return checks.that(False, f"round {number}: the consumer reads what acks=1 acknowledged", reader.lines)
        disk.cut()
        broker.kill()
        disk.mend()
        broker.start()
        with broker.connect() as client:
            end = client.end_offset(topic, 0)
        if not FLUSHED <= end < FLUSHED + LOST:
            return checks.that(False, f"round {number}: the cut takes acks=1 records and no other", f"the log ends at {end}")
        produce(broker, topic, OTHERS, 1, b"other")
        status = reader.go_on()
        checks.that(status == 0, f"round {number}: the consumer is told of the truncation at {end}", " | ".join(reader.lines)[:300])
    finally:
        if reader:
            reader.end()
        broker.close()


def main():
    rounds = int(sys.argv[sys.argv.index("--rounds") + 1]) if "--rounds" in sys.argv else 2
    classes = class_path()
    try:
        disk = PowerCutDisk(512)
    except OSError as why:
        print(f"skipped: {why}")
        sys.exit(SKIPPED_STATUS)
    checks = Checks()
    with disk:
        for number in range(rounds):
            checks.run(f"round {number}", one_round, checks, disk, classes, number)
    checks.finish()


if __name__ == "__main__":
    main()
