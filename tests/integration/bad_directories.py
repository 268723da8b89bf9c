#!/usr/bin/env python3
"""Damaged, missing and foreign files in the data directories, and the tool that looks at them: bad_directories.py

One broken thing takes one partition or one log directory offline, with a line that names it; everything else is served.
MILLRACE_TOOL is the tool.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.batches import batch  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.checks import Checks  # noqa: E402

STORAGE_ERROR, CORRUPT_MESSAGE = 56, 2
SEGMENT = "00000000000000000000.log"
RECORDS = 20


def tool(*words):
    done = subprocess.run([os.environ["MILLRACE_TOOL"], "log", *words], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def fill(broker, topic):
    with broker.connect() as client:
        client.make_topic(topic)
        for number in range(RECORDS):
            client.produce(topic, 0, batch([b"%d-" % number + b"v" * 100]))


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x20]))


def batch_positions(path):
    with open(path, "rb") as file:
        data = file.read()
    at, found = 0, []
    while at < len(data):
        found.append(at)
        at += 12 + int.from_bytes(data[at + 8:at + 12], "big")
    return found


def damaged_log(checks):
    broker = Broker()
    try:
        broker.start()
        for topic in ("good", "bad"):
            fill(broker, topic)
        broker.stop()
        folder = os.path.join(broker.log_dir, "bad-0")
        segment = os.path.join(folder, SEGMENT)
        checks.equal(tool("verify", broker.log_dir)[0], 0, "verify finds nothing in good logs")
        status, out, _ = tool("dump", folder, "--format", "json")
        checks.equal((status, len(json.loads(out))), (0, RECORDS), "dump shows every batch")
        position = batch_positions(segment)[15]
        flip(segment, position + 80)
        status, out, _ = tool("verify", folder, "--format", "json")
        found = json.loads(out)[0]["findings"]
        checks.equal((status, found[0]["file"], found[0]["byte"], found[0]["offset"]), (1, SEGMENT, position, 15),
                     "verify names file, byte and offset of the damage")
        broker.start()
        with broker.connect() as client:
            checks.equal(len(client.read_all("good", 0)), RECORDS, "the other partition is served")
            error, _, data = client.fetch("bad", 0, 0)
            got = len(list(batch_offsets(data)))
            checks.that(error in (STORAGE_ERROR, CORRUPT_MESSAGE) or got <= 15, "damage is not served", f"error {error}, {got} batches")
            error, _, data = client.fetch("bad", 0, 15)
            checks.that(error in (STORAGE_ERROR, CORRUPT_MESSAGE) and not data, "nor is what lies at it", f"error {error}")
        said = broker.said()
        checks.that(segment in said and "byte" in said and "millrace log recover" in said, "the log names file, byte and remedy")
        checks.that(tool("recover", folder, "--write")[0] != 0, "recover --write refuses a directory that a broker uses")
        broker.stop()
        checks.equal(tool("recover", folder)[0], 1, "recover without --write changes nothing and says that there is something to do")
        checks.equal(tool("verify", folder)[0], 1, "and the damage is still there")
        checks.equal(tool("recover", folder, "--write")[0], 0, "recover --write cuts it off")
        checks.that(os.path.exists(segment + ".cut"), "what was cut off is kept beside the segment")
        checks.equal(tool("verify", folder)[0], 0, "then nothing is damaged any more")
        broker.start()
        with broker.connect() as client:
            checks.equal(len(client.read_all("bad", 0)), 15, "and the rest is served")
            checks.equal(client.produce("bad", 0, batch([b"new"])), (0, 15), "and written to")
        checks.equal(broker.stop(), 0, "it stops cleanly")
    finally:
        broker.close()


def records_in_the_journal(checks):
    """A power cut can leave acknowledged records in the commit journal alone; here the end of the segment is taken away."""
    broker = Broker()
    try:
        broker.start()
        folder = os.path.join(broker.log_dir, "kept-0")
        journal, segment = os.path.join(broker.log_dir, "commit.journal"), os.path.join(folder, SEGMENT)
        with broker.connect() as client:
            client.make_topic("kept")
            offset, deadline = 0, time.monotonic() + 30
            while not os.path.exists(journal) and time.monotonic() < deadline:  # made when enough commits could have used it
                offset = client.produce("kept", 0, batch([b"before"]), acks=-1)[1]
            commits = broker.total("journal_commits")
            while broker.total("journal_commits") == commits and time.monotonic() < deadline:  # opened
                client.produce("kept", 0, batch([b"opened"]), acks=-1)
            for number in range(RECORDS):
                offset = client.produce("kept", 0, batch([b"%d" % number]), acks=-1)[1]
        broker.kill()
        checks.equal(tool("verify", broker.log_dir)[0], 0, "after kill -9 the segment and its journal are sound")
        with open(segment, "r+b") as file:
            file.truncate(batch_positions(segment)[-RECORDS // 2])
        status, out, _ = tool("verify", folder, "--format", "json")
        partition, last = json.loads(out)
        checks.equal((status, partition["end"]), (0, offset + 1), "verify counts what only the journal holds")
        checks.that(last["bytes_nowhere_else"] > 0 and not last["damaged"], "and says how much that is", last)
        out = tool("verify", folder)[1]
        checks.that("commit.journal" in out and "kept-0/" + SEGMENT in out, "also to people", out)
        rows = json.loads(tool("dump", folder, "--format", "json")[1])
        checks.equal([row["in_journal"] for row in rows[-RECORDS:]], [n >= RECORDS // 2 for n in range(RECORDS)], "dump marks such batches")
        checks.equal(tool("recover", broker.log_dir)[0], 0, "recover without --write finds no damage")
        checks.that(os.path.exists(journal) and len(batch_positions(segment)) < offset + 1, "and changes nothing")
        checks.equal(tool("recover", folder, "--write")[0], 0, "recover --write writes the journal back")
        checks.that(not os.path.exists(journal) and len(batch_positions(segment)) == offset + 1, "and it is gone")
        broker.start()
        with broker.connect() as client:
            checks.equal(len(client.read_all("kept", 0)), offset + 1, "nothing is missing")
        broker.stop()
        with open(journal, "wb") as file:
            file.write(b"no journal")
        status, _, said = tool("recover", broker.log_dir, "--write")
        checks.that(status == 1 and journal in said and "put back" in said, "a journal of which nothing can be told is refused, with the remedy", said)
        checks.equal(tool("verify", broker.log_dir)[0], 1, "and verify calls it damage")
    finally:
        broker.close()


def batch_offsets(data):
    at = 0
    while at + 61 <= len(data):
        yield int.from_bytes(data[at:at + 8], "big")
        at += 12 + int.from_bytes(data[at + 8:at + 12], "big")


def lost_directory(checks):
    home = tempfile.mkdtemp(prefix="millrace-test-more-")
    broker = Broker()
    more = os.path.join(home, "more")
    broker.options = ["--log.dirs", f"{broker.log_dir},{more}"]
    try:
        broker.start()
        with broker.connect() as client:
            client.make_topic("spread", 4)
            for partition in range(4):
                client.produce("spread", partition, batch([b"kept"]))
        broker.stop()
        here = {int(name[7:]) for name in os.listdir(broker.log_dir) if name.startswith("spread-")}
        checks.that(0 < len(here) < 4, "partitions lie in both directories", sorted(here))
        os.rename(more, more + "-unmounted")
        for title, make in (("empty", lambda: os.mkdir(more)), ("a file", lambda: open(more, "w").close())):
            make()
            broker.start()
            with broker.connect() as client:
                served = {p for p in range(4) if client.fetch("spread", p, 0)[0] == 0}
                checks.equal(served, here, f"where the second directory is {title}, the partitions of the first are served")
                checks.equal(client.produce("spread", min(here), batch([b"more"]))[0], 0, f"{title}: and written to")
                client.make_topic(f"late-{title.replace(' ', '-')}")
            checks.that(more in broker.said() and "offline" in broker.said(), f"{title}: the log names the directory")
            broker.kill()
            shutil.rmtree(more, ignore_errors=True)
            if os.path.exists(more):
                os.remove(more)
        os.rename(more + "-unmounted", more)
        broker.start()
        with broker.connect() as client:
            checks.equal({p for p in range(4) if client.read_all("spread", p)[0][1] == b"kept"}, set(range(4)), "when it is back, all are")
        checks.equal(broker.stop(), 0, "it stops cleanly")
    finally:
        broker.close()
        shutil.rmtree(home, ignore_errors=True)


def strange_entries(checks):
    broker = Broker()
    try:
        broker.start()
        fill(broker, "good")
        fill(broker, "linked")
        fill(broker, "file")
        broker.stop()
        data = broker.log_dir
        os.rename(os.path.join(data, "linked-0"), os.path.join(broker.home, "elsewhere"))
        os.symlink(os.path.join(broker.home, "elsewhere"), os.path.join(data, "linked-0"))
        shutil.rmtree(os.path.join(data, "file-0"))
        open(os.path.join(data, "file-0"), "w").close()
        os.symlink("/nowhere", os.path.join(data, "dangling-0"))
        os.mkdir(os.path.join(data, "stranger-0"))
        os.makedirs(os.path.join(data, "old-0.AAAAAAAAAAAAAAAAAAAAAA-delete", "not", "empty"))
        for name in ("notes.txt", "good-0/README", "good-0/00000000000000000000.log.bak"):
            open(os.path.join(data, name), "w").close()
        broker.start()
        with broker.connect() as client:
            checks.equal(len(client.read_all("good", 0)), RECORDS, "foreign files beside a log change nothing")
            checks.equal(len(client.read_all("linked", 0)), RECORDS, "a partition behind a symbolic link is served")
            checks.equal(client.fetch("file", 0, 0)[0], STORAGE_ERROR, "a file in a partition's place takes that partition offline")
        checks.that("file-0" in broker.said(), "and is named")
        checks.equal(broker.stop(), 0, "it stops cleanly")
    finally:
        broker.close()


def main():
    checks = Checks()
    checks.run("a damaged log", damaged_log, checks)
    checks.run("records in the commit journal alone", records_in_the_journal, checks)
    checks.run("a lost directory", lost_directory, checks)
    checks.run("strange entries", strange_entries, checks)
    checks.finish()


if __name__ == "__main__":
    main()
