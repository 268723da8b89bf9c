#!/usr/bin/env python3
"""Breaks the coordinator in known ways, one at a time, and demands that the simulation finds each.

    mutations.py BUILD_DIR        after `ninja -C BUILD_DIR tests/coord/coord_test`

Each mutation replaces one text of one source file (tests/harness/mutant.py). A text that is no longer there is a failure too.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import mutant  # noqa: E402

SOURCES = "src/coord/group/"
TESTS = "*no partition has two owners*"
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


def is_owned_twice(line):
    return "ERROR" in line and "covered.seen" not in line


if __name__ == "__main__":
    sys.exit(mutant.hunt(sys.argv[1], "tests/coord/coord_test", SOURCES, MUTATIONS, TESTS, is_owned_twice, "a transition is no longer reached"))
