"""The broker under test: a running one named by MILLRACE_BOOTSTRAP, or a millraced of our own."""

import os
import signal
import socket
import subprocess
import tempfile
import time


def listening(address):
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        return True
    except OSError:
        return False


class Broker:
    """`bootstrap`, and `log_dir` where its data directory is known (MILLRACE_LOG_DIR for a running one)."""

    def __init__(self, work, tree):
        self.process = None
        self.bootstrap = os.environ.get("MILLRACE_BOOTSTRAP")
        self.log_dir = os.environ.get("MILLRACE_LOG_DIR")
        if self.bootstrap:
            if not listening(self.bootstrap):
                raise RuntimeError(f"nothing listens on MILLRACE_BOOTSTRAP={self.bootstrap}")
            return
        binary = os.environ.get("MILLRACED", os.path.join(tree, "build-release/src/broker/millraced"))
        if not os.access(binary, os.X_OK):
            raise RuntimeError(f"no broker at {binary}: build it, or set MILLRACED or MILLRACE_BOOTSTRAP")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.bootstrap = f"127.0.0.1:{probe.getsockname()[1]}"
        self.log_dir = tempfile.mkdtemp(prefix="data-", dir=work)
        command = [binary, "--log.dirs", self.log_dir, "--listeners", f"PLAINTEXT://{self.bootstrap}"]
        with open(os.path.join(work, "broker.log"), "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not listening(self.bootstrap):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{' '.join(command)} does not listen; see {work}/broker.log")
            time.sleep(0.02)

    def stop(self):
        """None, or what was wrong with the end of our own broker."""
        if self.process is None:
            return None
        early = self.process.poll()
        if early is not None:
            return f"the broker ended by itself with status {early}"
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "the broker did not stop in 30 s after SIGTERM"
        return None if status in (0, -signal.SIGTERM) else f"the broker stopped with status {status}"
