"""A broker as a process: millraced (env MILLRACED, else build-release of this tree), or the reference broker (env
MILLRACE_REFERENCE names a script that knows `start PORT KEY=VALUE…`, `stop PORT`, `wipe PORT` and prints `pid N`).
"""
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from .client import Client
from .wire import API_VERSIONS

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVER_PORTS = (10000, 32000)
START_SECONDS = 30


def binary():
    return os.environ.get("MILLRACED") or os.path.join(TREE, "build-release/src/broker/millraced")


def free_port():
    """One that no client is given: below the kernel's range for those. The one above it is free too, for the reference's
    controller."""
    while True:
        port = random.randrange(*SERVER_PORTS)
        if is_free(("127.0.0.1", port)) and is_free(("127.0.0.1", port + 1)):
            return port


def is_free(address):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
        return True


def answers(address, seconds=1.0):
    try:
        with Client(address, seconds) as client:
            client.call(API_VERSIONS, 0, b"")
            return True
    except (OSError, ValueError):
        return False


def clean_environment(more=None):
    """Ours without MILLRACE_ variables, which the broker would take for options; and `more`."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}, **(more or {})}


class Broker:
    """millraced on a free port. Without a directory it gets one of its own, which goes when `with` ends."""

    name = "millrace"

    def __init__(self, log_dir=None, options=(), environment=None, program=None, port=None):
        self.home = tempfile.mkdtemp(prefix="millrace-test-")
        self.log_dir = log_dir or os.path.join(self.home, "data")
        self.stderr_path = os.path.join(self.home, "stderr")
        self.program = program or binary()
        self.options, self.environment = list(options), dict(environment or {})
        self.address = ("127.0.0.1", port or free_port())
        self.process = None

    @property
    def bootstrap(self):
        return f"{self.address[0]}:{self.address[1]}"

    @property
    def pid(self):
        return self.process.pid

    def command(self):
        return [self.program, "--log.dirs", self.log_dir, "--listeners", f"PLAINTEXT://{self.bootstrap}", *self.options]

    def launch(self):
        """Executes it and returns at once."""
        os.makedirs(self.log_dir, exist_ok=True)
        with open(self.stderr_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(self.environment))

    def start(self):
        before = self.said().count(" ready ") if os.path.exists(self.stderr_path) else 0
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        while self.said().count(" ready ") == before or not answers(self.address):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{' '.join(self.command())} does not serve; it said:\n{self.said()}")
            time.sleep(0.005)
        return self

    def said(self):
        with open(self.stderr_path, errors="replace") as log:
            return log.read()

    def connect(self, seconds=15):
        return Client(self.address, seconds)

    def counters(self):
        """The counters of every shard: a list of dictionaries, from the line that SIGUSR1 asks for."""
        seen = self.said().count("counters {")
        self.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            lines = [line for line in self.said().splitlines(keepends=True) if "counters {" in line]
            if len(lines) > seen and lines[-1].endswith("\n"):
                return json.loads(lines[-1][lines[-1].index("counters {") + len("counters"):])["shards"]
            time.sleep(0.01)
        raise RuntimeError("no counters line within 5 s of SIGUSR1")

    def total(self, *names):
        """The sum of these counters over all shards."""
        return sum(shard[name] for shard in self.counters() for name in names)

    def stop(self, seconds=30):
        """The exit status after SIGTERM; it is killed, and None returned, if it does not end in time."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self, at_once=False):
        """kill -9. The kernel takes a ring's sockets down in the background, some milliseconds after its process has gone;
        unless `at_once`, wait for that too, as the tests of other things do.
        """
        if not self.process:
            return
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        deadline = time.monotonic() + 5
        while not at_once and not is_free(self.address) and time.monotonic() < deadline:
            time.sleep(0.002)

    def close(self):
        early = self.process and self.process.poll()
        if early and early != -signal.SIGKILL:  # neither running nor stopped: whoever reads the failures wants to know
            print(f"the broker ended with status {early} and said last:\n{self.said()[-1500:]}")
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


class Reference:
    """The broker that Millrace is compared with; the same interface as far as it makes sense."""

    name = "reference"

    def __init__(self, options=()):
        self.script, self.options, self.pid = os.environ["MILLRACE_REFERENCE"], list(options), None
        self.address = ("127.0.0.1", free_port())

    bootstrap = Broker.bootstrap
    connect = Broker.connect

    def start(self):
        said = subprocess.run(
            [self.script, "start", str(self.address[1]), *self.options], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        found = re.search(r"pid (\d+)", said.stdout)
        if said.returncode or not found:
            raise RuntimeError(f"the reference does not start: {said.stderr.strip()[-500:]}")
        self.pid = int(found.group(1))
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.address):
            if time.monotonic() > deadline:
                raise RuntimeError("the reference does not serve")
            time.sleep(0.05)
        return self

    @property
    def log_dir(self):
        home = os.environ.get("KAFKA_REF", "/tmp/kafka-reference")
        return os.path.join(home, f"broker-{self.address[1]}", "data")

    def launch(self):
        """Starts it again on its data and returns at once."""
        subprocess.Popen([self.script, "start", str(self.address[1]), *self.options], stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        """It ends as it should, and its data stay."""
        subprocess.run([self.script, "stop", str(self.address[1])], capture_output=True)

    def close(self):
        subprocess.run([self.script, "wipe", str(self.address[1])], capture_output=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()


def has_reference():
    return bool(os.environ.get("MILLRACE_REFERENCE"))


def chosen(arguments, **options):
    """Reference() where `--reference` is among the arguments, else Broker(**options)."""
    return Reference() if "--reference" in arguments else Broker(**options)

