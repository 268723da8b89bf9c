"""Instructions per request, by valgrind, of the whole broker in its simulated world (request_counts.cc): the same count each time."""
import os
import re
import shutil
import subprocess

CASES = {"heartbeat": "heartbeat", "produce": "produce of one record, acks=1", "produce flushed": "produce of one record, acks=all",
         "produce 16 KiB": "produce of 16 records of 1000 B, acks=1", "fetch": "fetch of four batches of one record"}
REQUESTS = 1000
SECONDS_MAX = 60
# The world and the test's client, not the broker; and what they ask of these functions, which call nobody back.
NOT_THE_BROKER = ("millrace::sim::", "millrace::broker::test::", "doctest::")
LIBRARY = re.compile(r"_*(mem(cpy|move|set|cmp)_|malloc$|calloc$|free$)|operator (new|delete)")
FUNCTION = re.compile(r"c?fn=(\(\d+\))(?: (.*))?")


def available():
    """None, or why there are no counts."""
    return None if shutil.which("valgrind") else "valgrind is not installed"


def built_with(program):
    said = subprocess.run([program, "-tc=built with"], capture_output=True, text=True, timeout=SECONDS_MAX).stdout
    return re.search(r"built with: (.*)", said)[1]


def of_the_broker(name):
    return not any(other in name for other in NOT_THE_BROKER)


def broker_cost(path):
    """Instructions in a callgrind file that the broker spent."""
    names, total, function, callee, callee_line = {}, 0, "", "", False
    with open(path) as lines:
        for line in lines:
            found = FUNCTION.match(line)
            if found:
                name = names.setdefault(found[1], found[2] or "")
                if line.startswith("fn="):
                    function = name
                else:
                    callee = name
            elif line.startswith("calls="):
                callee_line = True  # the next line has what the callee cost, with all below it
            elif line[:1].isdigit() or line[:1] in "+-*":
                cost = int(line.split()[1])
                if not callee_line:
                    total += cost if of_the_broker(function) else 0
                elif not of_the_broker(function) and LIBRARY.match(callee):
                    total -= cost
                callee_line = False
    return total


def profile_path(program, case):
    return os.path.join(os.path.dirname(program), "callgrind." + case.replace(" ", "-"))


def count(program, case):
    out = profile_path(program, case)
    done = subprocess.run(["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={out}", program, f"-tc={case}"],
                          capture_output=True, text=True, timeout=SECONDS_MAX, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    if done.returncode:
        raise RuntimeError(f"request_counts -tc='{case}': {(done.stdout + done.stderr).strip()[-500:]}")
    return broker_cost(out) / REQUESTS
