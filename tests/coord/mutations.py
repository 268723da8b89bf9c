#!/usr/bin/env python3
"""Breaks the coordinator in known ways, one at a time, and demands that the simulation finds each.

    mutations.py BUILD_DIR        after `ninja -C BUILD_DIR tests/coord/coord_test`

Each mutation replaces one text of one source file (tests/harness/mutant.py). A text that is no longer there is a failure too.
"""
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import mutant  # noqa: E402

SOURCES = "src/coord/group/"
MUTATIONS = [
    ("answers leave before their records are kept", "group_partition.cc",
     "waiting_.front().after <= records_kept_", "waiting_.front().after <= records_decided_"),
    ("a member of an earlier generation may commit", "offsets.cc",
     "if (r.generation_or_epoch != g.generation) return errc::illegal_generation;", ""),
    ("a member of an earlier generation gets an assignment of this one", "classic_sync.cc",
     "if (c.generation != g->generation) return refuse_sync(c, errc::illegal_generation);", ""),
    ("a rebalance does not make a new generation", "classic_rebalance.cc",
     "    ++g.generation;\n", ""),
    ("an assignment is not stored", "classic_sync.cc",
     "if (!take_assignments(*g, c) || !store_group(*g, now.wall)) {", "if (!take_assignments(*g, c)) {"),
    ("of several commits the first is read back", "inspect.cc",
     "offsets_[of->group][of->where] = std::move(*offset);", "offsets_[of->group].try_emplace(of->where, std::move(*offset));"),
    ("members that are not heard of stay", "classic_rebalance.cc",
     "    remove_member(g, id, now);\n", ""),
    ("after a restart nobody watches the members", "inspect.cc",
     "        watch_member(m, now.mono + m.session_timeout);\n", ""),
    ("a classic group that becomes a consumer group forgets who owns what", "migrate.cc",
     "                member.at.assigned[topic].emplace(partition, g.generation);\n", ""),
    ("a consumer group that becomes classic does not rebalance", "migrate.cc",
     "    if (rebalance) prepare_rebalance(here, now);\n", ""),
    ("a classic member that has joined a consumer group is still waited for", "consumer_classic.cc",
     "    m->expect_nothing(); // it has come\n", ""),
]


def found(build, source, before, after):
    with tempfile.TemporaryDirectory() as scratch:
        return verdict(build, mutant.make(build, "tests/coord/coord_test", SOURCES + source, before, after, scratch))


def verdict(build, program):
    try:
        ended = subprocess.run([program, "-tc=*no partition has two owners*"], cwd=build, timeout=120, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        return "it never ended"
    if ended.returncode == 0:
        return None
    wrong = [line for line in ended.stdout.splitlines() if "ERROR" in line and "covered.seen" not in line]
    return wrong[0].split("ERROR: ", 1)[1] if wrong else "a transition is no longer reached" if ended.returncode > 0 else "it crashed"


def main():
    build = sys.argv[1]
    missed = 0
    for what, source, before, after in MUTATIONS:
        how = found(build, source, before, after)
        print(f"{'found ' if how else 'MISSED'}  {what}" + (f": {how}" if how else ""), flush=True)
        missed += how is None
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
