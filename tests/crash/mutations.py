#!/usr/bin/env python3
"""Breaks the promise of an acknowledgement in known ways, one at a time, and demands that the hunt finds each.

    mutations.py BUILD_DIR        after `ninja -C BUILD_DIR tests/crash/crash_hunt`

What a disk can be told to skip is switched on at the simulated disk (`crash_hunt --mutation`); the others replace one text of one
source file (tests/harness/mutant.py).
"""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import mutant  # noqa: E402

PROGRAM = "tests/crash/crash_hunt"
SECONDS = 120
AT_THE_DISK = [
    ("files are not flushed", "sync-skipped"),
    ("directories are not flushed", "directory-sync-skipped"),
    ("sync_file_range in the place of fdatasync", "range-sync-only"),
    ("of the files of a commit, one is flushed and of the others the range", "one-sync-for-all"),
]
IN_THE_SOURCE = [
    ("recovery does not check checksums", "src/records/scan.cc",
     "validate(rest.first(size), stored_rules())", "validate(rest.first(size), batch_rules{.walk_records = false, .check_crc = false})"),
    ("a record of the commit journal is written over the one before it", "src/log/journal_plan.cc",
     "    r.used_bytes += bytes;\n", ""),
    ("the replay of the commit journal stops one record early", "src/log/journal_walk.cc",
     "            if (!write_back) continue;\n",
     "            if (!write_back) continue;\n            if (sequence + 1 == out_.next_sequence) continue;\n"),
]


def hunt(program, *options):
    """(how it was found or None, states looked at)"""
    command = [program, "--seeds", "1", "100000", "--seconds", str(SECONDS), *options]
    ended = subprocess.run(command, capture_output=True, text=True)
    states = re.search(r'"states": (\d+)', ended.stdout)
    wrong = re.search(r"WRONG (.*)|the broker died.*", ended.stdout)
    if ended.returncode == 0:
        return None, states[1]
    return (wrong[0] if wrong else f"exit status {ended.returncode}"), states[1] if states else "?"


def main():
    build, missed = os.path.abspath(sys.argv[1]), 0

    def tell(what, how, states):
        nonlocal missed
        missed += how is None
        print(f"{'found ' if how else 'MISSED'}  {what}, after {states} crash states" + (f": {how}" if how else ""), flush=True)

    for what, name in AT_THE_DISK:
        tell(what, *hunt(os.path.join(build, PROGRAM), "--mutation", name))
    for what, source, before, after in IN_THE_SOURCE:
        with tempfile.TemporaryDirectory() as scratch:
            tell(what, *hunt(mutant.make(build, PROGRAM, source, before, after, scratch)))
    print(f"{len(AT_THE_DISK) + len(IN_THE_SOURCE) - missed} passed, {missed} failed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
