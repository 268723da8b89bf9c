"""A page in headless Chromium: what the browser's console says of it, and the document after its scripts have run."""
import os
import shutil
import subprocess
import tempfile

SECONDS_MAX = 60
NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium():
    """Its path; None: there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def opened(path):
    """(lines of the console, the document as HTML) of a file."""
    with tempfile.TemporaryDirectory(prefix="millrace-browser-") as home:
        done = subprocess.run([chromium(), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home}", "--enable-logging=stderr",
                               "--v=0", "--virtual-time-budget=2000", "--dump-dom", f"file://{os.path.abspath(path)}"],
                              capture_output=True, text=True, timeout=SECONDS_MAX)
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line], done.stdout
