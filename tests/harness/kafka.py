"""The reference broker from this tree: Apache Kafka as tests/clients/java/pom.xml pins it, one KRaft node on free ports, with
the memory and collector settings of Kafka's own start script. MILLRACE_REFERENCE (harness/broker.py) is another way to have one.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

from .broker import TREE, Broker, answers, clean_environment, free_port

JVM = ("-Xmx1g -Xms1g -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 "
       "-XX:+ExplicitGCInvokesConcurrent -XX:MaxInlineLevel=15 -Djava.awt.headless=true").split()
LOGGER = f"-Dlog4j2.configurationFile={TREE}/tests/clients/java/log4j2.properties"
FORMAT_SECONDS, START_SECONDS = 120, 90  # a busy machine takes long to start a JVM


def jars():
    """Fetches them where that was not done yet. Raises an exception that says what is missing."""
    path = os.path.join(TREE, "tests/clients")
    if path not in sys.path:
        sys.path.append(path)
    from suite import toolchain
    return toolchain.java_jars()


class Kafka:
    """Broker's interface, as far as it makes sense. `options` are KEY=VALUE of server.properties."""

    name = "reference"

    def __init__(self, options=()):
        self.class_path = jars() + "/*"
        self.home, self.process = tempfile.mkdtemp(prefix="millrace-reference-"), None
        self.address = ("127.0.0.1", free_port())
        self.stderr_path, self.log_dir = os.path.join(self.home, "stderr"), os.path.join(self.home, "data")
        self.settings = os.path.join(self.home, "server.properties")
        host, port = self.address
        lines = ["process.roles=broker,controller", "node.id=1", f"controller.quorum.voters=1@{host}:{port + 1}",
                 f"listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{port + 1}", f"advertised.listeners=PLAINTEXT://{host}:{port}",
                 "controller.listener.names=CONTROLLER", f"log.dirs={self.log_dir}", "offsets.topic.replication.factor=1",
                 "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1", "group.initial.rebalance.delay.ms=0", *options]
        with open(self.settings, "w") as file:
            file.write("\n".join(lines) + "\n")

    bootstrap, pid, said, connect = Broker.bootstrap, Broker.pid, Broker.said, Broker.connect

    def java(self, *words):
        return ["java", *JVM, LOGGER, "-cp", self.class_path, *words]

    def format(self):
        done = subprocess.run(self.java("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", self.settings),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=FORMAT_SECONDS, env=clean_environment())
        if done.returncode:
            raise RuntimeError(f"the reference's directory could not be made: {(done.stderr + done.stdout).strip()[-500:]}")

    def launch(self):
        """Executes it and returns at once. A session of its own: Ctrl-C at a measurement does not end it early."""
        if not os.path.exists(self.log_dir):
            self.format()
        with open(self.stderr_path, "ab") as log:
            self.process = subprocess.Popen(self.java("kafka.Kafka", self.settings), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=clean_environment(), start_new_session=True)

    def start(self):
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.address):
            if self.process.poll() is not None or time.monotonic() > deadline:
                ended, said = self.process.poll(), self.said()[-1500:]
                self.close()
                raise RuntimeError(f"the reference does not serve ({'still starting' if ended is None else f'ended with status {ended}'}); it said:\n{said}")
            time.sleep(0.05)
        return self

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()  # its data goes with it
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()
