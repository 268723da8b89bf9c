#!/usr/bin/env python3
"""A start that cannot work ends within 2 s, with a non-zero status and one line that names the cause and the fix."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.broker import Broker, binary, clean_environment, free_port  # noqa: E402
from harness.checks import Checks  # noqa: E402

SECONDS_MAX = 2


def refused(checks, what, arguments, *words, environment=None, before=()):
    """`words`: what the message must hold, in any case; of a tuple, one."""
    began = time.monotonic()
    process = subprocess.Popen([*before, binary(), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, env=clean_environment(environment))
    try:
        said, _ = process.communicate(timeout=SECONDS_MAX + 3)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        return checks.that(False, what, f"still runs after {SECONDS_MAX + 3} s: {said.strip()[-300:]!r}")
    took, lines = time.monotonic() - began, [line for line in said.splitlines() if line.strip()]
    lacking = [w for w in words if not any(one.lower() in said.lower() for one in (w if isinstance(w, tuple) else (w,)))]
    good = process.returncode > 0 and took < SECONDS_MAX and len(lines) == 1 and not lacking
    detail = lines[0] if good else f"status {process.returncode}, {took:.2f} s, lacks {lacking}, said {said.strip()[-400:]!r}"
    return checks.that(good, what, detail)


def on(directory, *more):
    return ["--log.dirs", directory, "--listeners", f"PLAINTEXT://127.0.0.1:{free_port()}", *more]


def ports(checks, home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        fresh = os.path.join(home, "fresh")
        arguments = ["--log.dirs", fresh, "--listeners", f"PLAINTEXT://127.0.0.1:{port}"]
        refused(checks, "a port in use", arguments, str(port), ("in use", "uses the port"), "listeners")
        again = Broker(log_dir=fresh)
        try:
            checks.that(again.start(), "after that refusal the same directory works on another port")
            checks.equal(again.stop(), 0, "and stops cleanly")
        finally:
            again.close()
    with Broker() as running:
        arguments = ["--log.dirs", os.path.join(home, "third"), "--listeners", f"PLAINTEXT://{running.bootstrap}"]
        refused(checks, "the port of a running broker", arguments, str(running.address[1]), ("in use", "uses the port"))


def directories(checks, home):
    file = os.path.join(home, "file")
    open(file, "w").close()
    refused(checks, "a data directory that is a file", on(file), file, "director")
    refused(checks, "a data directory below a file", on(os.path.join(file, "data")), file, "director")
    foreign = os.path.join(home, "foreign")
    os.mkdir(foreign)
    with open(os.path.join(foreign, "holiday.jpg"), "w") as photo:
        photo.write("not ours")
    refused(checks, "a directory that holds other things", on(foreign), foreign, ("other", "foreign", "not empty", "not a"))
    checks.equal(os.listdir(foreign), ["holiday.jpg"], "and it is left as it was")
    refused(checks, "the same data directory twice", on(f"{home}/twice,{home}/twice"), "twice")
    with Broker() as running:
        refused(checks, "a second broker on the same directory", on(running.log_dir), running.log_dir, ("in use", "another", "already"))
        with running.connect() as client:
            checks.that(client.describe_topics() is not None, "and the first one serves on")


def read_only(checks, home):
    """Root may write everywhere, so the directory lies on a file system that is mounted read-only."""
    place = os.path.join(home, "read-only")
    os.mkdir(place)
    mount = lambda *words: subprocess.run(["mount", *words], capture_output=True, text=True)
    made = mount("--bind", place, place)
    if made.returncode:
        return checks.skip("a data directory that cannot be written", made.stderr.strip())
    try:
        if mount("-o", "remount,ro,bind", place).returncode:
            return checks.skip("a data directory that cannot be written", "no read-only bind mount")
        refused(checks, "a data directory that cannot be written", on(place), place, ("read-only", "writ", "permission"))
        refused(checks, "one that cannot be made", on(os.path.join(place, "data")), place, ("read-only", "writ", "permission", "create"))
    finally:
        subprocess.run(["umount", place], check=True)


def options(checks, home):
    data = os.path.join(home, "unused")
    refused(checks, "an unknown option", on(data, "--num.partition", "3"), "num.partition", "num.partitions")
    refused(checks, "a value that is no number", on(data, "--num.partitions", "many"), "num.partitions", "many")
    refused(checks, "a value out of range", on(data, "--num.partitions", "0"), "num.partitions", "0")
    refused(checks, "a size with a wrong unit", on(data, "--log.segment.bytes", "3parsecs"), "log.segment.bytes", "parsecs")
    refused(checks, "an option without its value", on(data, "--num.partitions"), "num.partitions")
    refused(checks, "a listener of an unknown kind", ["--log.dirs", data, "--listeners", "CARRIER://127.0.0.1:1"], "listeners", "CARRIER")
    refused(checks, "a missing config file", ["--config", os.path.join(home, "none.conf")], "none.conf")
    refused(checks, "a directory for a config file", ["--config", home], home)
    wrong = os.path.join(home, "wrong.conf")
    with open(wrong, "w") as file:
        file.write("num.partitions = 2\nlog.retention.hors = 3\n")
    refused(checks, "a misspelt key in the file", ["--config", wrong], f"{wrong}:2", "log.retention.hors", "log.retention.hours")
    refused(checks, "a bad value in the environment", on(data), "MILLRACE_NUM_PARTITIONS", environment={"MILLRACE_NUM_PARTITIONS": "x"})
    refused(checks, "a test option without the test environment", on(data, "--test.disk.skip.sync", "true"), "test.disk.skip.sync")
    checks.that(not os.path.exists(data), "none of these made the data directory")


def limits(checks, home):
    data = os.path.join(home, "narrow")
    refused(checks, "a limit of open files that leaves room for nothing", on(data), "open files", "LimitNOFILE", before=("prlimit", "--nofile=60:60"))
    with Broker(options=["--log.preallocate", "true"]) as broker:
        checks.that("log.preallocate: accepted, but nothing acts on it" in broker.said(), "an option that nothing acts on is named at the start")


def main():
    checks, home = Checks(), tempfile.mkdtemp(prefix="millrace-start-")
    try:
        for check in (options, directories, read_only, ports, limits):
            checks.run(check.__name__, check, checks, home)
    finally:
        shutil.rmtree(home)
    checks.finish()


if __name__ == "__main__":
    main()
