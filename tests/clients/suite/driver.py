"""One client driver: a process that takes a command a line and answers in a line (python/driver_loop.py)."""

import os
import selectors
import signal
import subprocess
import threading
import time


class Refused(Exception):
    pass


class Driver:
    def __init__(self, name, command, env, log_path):
        self.name, self.command, self.env = name, command, env
        self.log = open(log_path, "ab")
        self.process = None
        self.rest = b""
        self.lock = threading.Lock()

    def ask(self, line, timeout_s):
        """The text after `ok`; raises Refused with the reason. A driver that hangs or dies is started anew next time."""
        with self.lock:
            return self._ask(line, timeout_s)

    def _ask(self, line, timeout_s):
        if self.process is None:
            self.rest = b""
            self.process = subprocess.Popen(
                self.command,
                env=self.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.log,
                bufsize=0,
                start_new_session=True,  # so that kill() reaches what the driver has started
            )
        self.log.write(f"> {line}\n".encode())
        self.log.flush()
        try:
            self.process.stdin.write(line.encode() + b"\n")
            answer = self._line(time.monotonic() + timeout_s)
        except (OSError, EOFError) as e:
            self.stop()
            raise Refused(f"the driver ended: {type(e).__name__}; see {self.log.name}") from e
        if answer is None:
            self.stop()
            raise Refused(f"no answer in {timeout_s:.0f} s to: {line}")
        if not answer.startswith("ok"):
            raise Refused(f"{line.split()[0]}: {answer.removeprefix('fail ')[:600]}")
        return answer[2:].strip()

    def _line(self, deadline):
        out = self.process.stdout.fileno()
        with selectors.DefaultSelector() as waiting:
            waiting.register(out, selectors.EVENT_READ)
            while b"\n" not in self.rest:
                left = deadline - time.monotonic()
                if left <= 0 or not waiting.select(left):
                    return None
                came = os.read(out, 65536)
                if not came:
                    raise EOFError
                self.rest += came
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode(errors="replace")

    def kill(self):
        """kill -9, of the driver and of all that it has started: a member goes without leaving its group."""
        process, self.process = self.process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdin.close()
            process.stdout.close()

    def stop(self):
        process, self.process = self.process, None
        if process is None:
            return
        try:
            process.stdin.close()
            process.wait(3)
        except (OSError, subprocess.TimeoutExpired):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()
