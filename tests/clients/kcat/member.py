"""One member of a consumer group as a kcat process (`kcat -G`): the commands join, poll, commit and leave.

kcat commits by time and when it ends, and tells of rebalances on standard error. Its `-X auto.commit.interval.ms` sets a property of
topics that has the same name, so the time stays librdkafka's own.
"""

import fcntl
import os
import re
import select
import signal
import subprocess
import tempfile
import time

import records
from driver_loop import Runs, listed

COMMIT_S = 5
WAIT_S = 30
# "% Group G rebalanced (memberid M): assigned: T [0]", or, by the incremental protocol,
# "% Group G rebalanced: incremental assignment of 1 partition(s) (memberid M, COOPERATIVE rebalance protocol): T [0]".
REBALANCED = re.compile(r"^% Group \S+ rebalanced.*?(assign|revo[ck])\w*\b(?: of \d+ partition.*?protocol\))?:(.*)$")


class Member:
    def __init__(self, kcat, parse, out_format, group, topic, partitions, flavor, assignor, instance, session_ms):
        self.topic, self.partitions, self.flavor, self.parse = topic, partitions, flavor, parse
        self.runs, self.rest = Runs(), b""
        settings = {
            "auto.offset.reset": "earliest",
            "session.timeout.ms": session_ms,
            "heartbeat.interval.ms": 300,
            "reconnect.backoff.max.ms": 500,
        }
        if assignor != "-":
            settings["partition.assignment.strategy"] = assignor
        if instance != "-":
            settings["group.instance.id"] = instance
        self.said = tempfile.NamedTemporaryFile()
        options = [word for name, value in settings.items() for word in ("-X", f"{name}={value}")]
        self.process = subprocess.Popen(
            [*kcat, *options, "-u", "-f", out_format, "-G", group, topic], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.said
        )
        out = self.process.stdout.fileno()
        fcntl.fcntl(out, fcntl.F_SETFL, fcntl.fcntl(out, fcntl.F_GETFL) | os.O_NONBLOCK)

    def take(self, came):
        self.rest += came
        used = 0
        for p, offset, stamp_ms, key, value, headers, end in self.parse(self.rest):
            records.check(self.flavor, offset * self.partitions + p, key, value, headers, stamp_ms, f"{self.topic}-{p}@{offset}")
            self.runs.take(p, offset)
            used = end
        self.rest = self.rest[used:]

    def owned(self):
        """(how often partitions were assigned, those it has now), from what kcat has said."""
        count, now = 0, set()
        with open(self.said.name, errors="replace") as said:
            for line in said:
                found = REBALANCED.match(line)
                if not found:
                    continue
                moved = {int(p) for p in re.findall(r"\[(\d+)\]", found.group(2))}
                kept = now if ": incremental " in line else set()
                assigned = found.group(1) == "assign"
                now = kept | moved if assigned else kept - moved
                count += assigned
        return count, sorted(now)

    def poll(self, ms):
        end = time.monotonic() + ms / 1000
        out = self.process.stdout
        while (left := end - time.monotonic()) > 0:
            if select.select([out], [], [], left)[0]:
                came = out.read(1 << 20)
                assert came, f"kcat ended: {self.last_words()}"
                self.take(came)
        count, now = self.owned()
        return f"{count} {listed(now)} {self.runs.drain()}"

    def last_words(self):
        with open(self.said.name, errors="replace") as said:
            return said.read()[-300:]

    def commit(self):
        time.sleep(COMMIT_S + 0.5)

    def leave(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(WAIT_S)
        self.process.stdout.close()
