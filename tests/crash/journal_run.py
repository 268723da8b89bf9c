"""`millrace produce --journal` under a broker that dies, and the comparison of its journal with the log."""
import os
import subprocess
import time

from harness.broker import TREE, clean_environment

MANY = 100_000_000


def tool():
    return os.environ.get("MILLRACE_TOOL") or os.path.join(TREE, "build-release/tools/millrace/millrace")


class JournalRun:
    def __init__(self, bootstrap, home, topic, name, idempotent):
        self.topic, self.name, self.idempotent = topic, name, idempotent
        self.journal = os.path.join(home, f"journal-{name}")
        command = [tool(), "produce", topic, "--generate", str(MANY), "--run-id", name, "--record-size", "500", "--acks", "all",
                   "--batch-bytes", "16384", "--journal", self.journal, "--bootstrap-server", bootstrap]
        command += ["--idempotent"] if idempotent else []
        with open(self.journal + ".log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment())

    def end(self):
        """The producer may still be trying; what it has not been told by now it will not be told."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def wait_for_the_first(self, seconds=30):
        """Until a record was acknowledged; a run without any is for the caller to find."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.acknowledged():
            time.sleep(0.02)

    def said(self):
        with open(self.journal + ".log", errors="replace") as log:
            return log.read().strip()

    def acknowledged(self):
        """[(partition, offset, value's prefix)]; a last line without its end does not count."""
        if not os.path.exists(self.journal):
            return []
        with open(self.journal) as lines:
            whole = [line for line in lines if line.endswith("\n")]
        numbers = [tuple(map(int, line.split())) for line in whole]
        return [(partition, offset, f"{self.name}-{number}".encode()) for partition, offset, number in numbers]

    def lost_or_doubled(self, found):
        """`found`: {partition: {offset: value}} of at least what came since this run began."""
        lost, seen, doubled = 0, set(), 0
        acknowledged = self.acknowledged()
        for partition, offset, value in acknowledged:
            lost += found[partition].get(offset, b"").rstrip(b".") != value
        for records in found.values():
            for value in records.values():
                if value.startswith(self.name.encode() + b"-"):
                    doubled += value in seen
                    seen.add(value)
        wrong = [f"{self.name}: {lost} of {len(acknowledged)} acknowledged records are not at their offsets"] if lost else []
        if doubled and self.idempotent:
            wrong.append(f"{self.name}: {doubled} records are there twice")
        return wrong
