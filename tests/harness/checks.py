"""How a script reports: one line per check, the last line counts, the exit status is 0 only if nothing failed."""
import signal
import sys
import time
import traceback

SKIPPED_STATUS = 77  # Meson's code for a skipped test


class Checks:
    def __init__(self):
        # Whoever ends a script that takes too long must not leave brokers and mounts behind.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.passed = self.failed = self.skipped = 0

    def that(self, truth, title, detail=""):
        if truth:
            self.passed += 1
        else:
            self.failed += 1
        print("ok  " if truth else "FAIL", title + (f": {detail}" if detail != "" else ""), flush=True)
        return truth

    def equal(self, got, expected, title):
        return self.that(got == expected, title, got if got == expected else f"got {got!r}, expected {expected!r}")

    def skip(self, title, why):
        self.skipped += 1
        print("skip", f"{title}: {why}", flush=True)

    def run(self, title, check, *arguments):
        """A check that fails by an exception too; the others still run."""
        began = time.monotonic()
        try:
            check(*arguments)
        except Exception as why:
            traceback.print_exc(limit=-3)
            self.that(False, title, f"{type(why).__name__}: {why} after {time.monotonic() - began:.1f} s")

    def finish(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{skipped}", flush=True)
        if self.failed:
            sys.exit(1)
        sys.exit(0 if self.passed else SKIPPED_STATUS)
