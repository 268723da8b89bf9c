"""The broker under test: a running one named by MILLRACE_BOOTSTRAP, or a millraced of our own."""

import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from harness import broker as harness  # noqa: E402


OPTIONS = (
    *("--group.initial.rebalance.delay.ms", "0"),  # else every new group waits three seconds
    *("--group.consumer.session.timeout.ms", "6000", "--group.consumer.heartbeat.interval.ms", "300"),
)


class Broker:
    """`bootstrap`, and `log_dir` where its data directory is known (MILLRACE_LOG_DIR for a running one)."""

    def __init__(self, work):
        self.own, self.work = None, work
        self.bootstrap = os.environ.get("MILLRACE_BOOTSTRAP")
        self.log_dir = os.environ.get("MILLRACE_LOG_DIR")
        if self.bootstrap:
            host, port = self.bootstrap.rsplit(":", 1)
            if not harness.answers((host, int(port)), 5):
                raise RuntimeError(f"no broker answers at MILLRACE_BOOTSTRAP={self.bootstrap}")
            return
        if not os.access(harness.binary(), os.X_OK):
            raise RuntimeError(f"no broker at {harness.binary()}: build it, or set MILLRACED or MILLRACE_BOOTSTRAP")
        self.log_dir = tempfile.mkdtemp(prefix="data-", dir=work)
        self.own = harness.Broker(log_dir=self.log_dir, options=OPTIONS)
        try:
            self.bootstrap = self.own.start().bootstrap
        except RuntimeError:
            self.own.close()
            raise

    def stop(self):
        """None, or what was wrong with the end of our own broker."""
        if self.own is None:
            return None
        early = self.own.process.poll()
        status = self.own.stop() if early is None else early
        shutil.copy(self.own.stderr_path, os.path.join(self.work, "broker.log"))
        self.own.close()
        if early is not None:
            return f"the broker ended by itself with status {early}"
        return None if status == 0 else f"the broker stopped with status {status}" if status else "the broker did not stop in 30 s after SIGTERM"


def restartable():
    """A broker of one scenario's own, for `with`: stop(), kill() and start() keep its data and its port."""
    if not os.access(harness.binary(), os.X_OK):
        raise RuntimeError(f"no broker at {harness.binary()} that could be restarted: build it, or set MILLRACED")
    return harness.Broker(options=OPTIONS)
