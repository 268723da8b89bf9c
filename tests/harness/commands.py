"""Commands of the system that a test cannot do without."""
import subprocess


def run(*command):
    """What it printed. OSError: it failed, with what it said."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
