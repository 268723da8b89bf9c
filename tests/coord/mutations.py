#!/usr/bin/env python3
"""Breaks the coordinator in known ways, one at a time, and demands that the simulation finds each.

    mutations.py BUILD_DIR        after `ninja -C BUILD_DIR tests/coord/coord_test`

Each mutation replaces one text of one source file in a copy, compiles that copy as the build does, and links it in front of
the library. Nothing in the tree or in the build directory changes. A text that is no longer there is a failure too.
"""
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
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


def build_steps(build):
    listed = subprocess.run(["ninja", "-C", build, "-t", "commands", "tests/coord/coord_test"], check=True,
                            capture_output=True, text=True).stdout.splitlines()
    link = next(shlex.split(c) for c in listed if "-o tests/coord/coord_test " in c)
    compile_of = {pathlib.Path(e["file"]).name: shlex.split(e["command"])
                  for e in json.loads((pathlib.Path(build) / "compile_commands.json").read_text())
                  if "/" + SOURCES in "/" + e["file"]}
    return link, compile_of


def found(build, link, compile_command, source, before, after, scratch):
    text = (ROOT / SOURCES / source).read_text()
    if text.count(before) != 1:
        raise SystemExit(f"{source}: the text to replace is there {text.count(before)} times: {before!r}")
    changed = scratch / source
    changed.write_text(text.replace(before, after))
    made = scratch / (source + ".o")
    command = list(compile_command)
    command[command.index("-o") + 1] = str(made)
    command[-1] = str(changed)
    for flag in ("-MF", "-MQ"):
        if flag in command:
            command[command.index(flag) + 1] = str(scratch / "d")
    subprocess.run(command + ["-w"], cwd=build, check=True)
    program = scratch / "mutant"
    command = list(link)
    command[command.index("-o") + 1] = str(program)
    library = next(i for i, part in enumerate(command) if part.endswith("libcoord.a"))
    command.insert(library, str(made))
    subprocess.run(command, cwd=build, check=True)
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
    link, compile_of = build_steps(build)
    missed = 0
    for what, source, before, after in MUTATIONS:
        with tempfile.TemporaryDirectory() as scratch:
            how = found(build, link, compile_of[source], source, before, after, pathlib.Path(scratch))
        print(f"{'found ' if how else 'MISSED'}  {what}" + (f": {how}" if how else ""), flush=True)
        missed += how is None
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
