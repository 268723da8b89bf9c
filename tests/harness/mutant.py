"""A program of the build with one text of one source file replaced: the file is compiled from a copy as the build does, and linked
in front of its library. Nothing in the tree or in the build directory changes.
"""
import json
import pathlib
import shlex
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def link_command(build, program):
    """How the build links `program`, a path in the build directory."""
    listed = subprocess.run(["ninja", "-C", build, "-t", "commands", program], check=True, capture_output=True, text=True)
    return next(shlex.split(line) for line in listed.stdout.splitlines() if f"-o {program} " in line)


def compile_command(build, source):
    for entry in json.loads((pathlib.Path(build) / "compile_commands.json").read_text()):
        if ("/" + entry["file"]).endswith("/" + source):
            return shlex.split(entry["command"])
    raise SystemExit(f"{source} is not compiled by the build in {build}")


def make(build, program, source, before, after, scratch):
    """Path of the changed program. `source` is a path in the tree under src/ROOM/; a text that is not there once ends all."""
    text = (ROOT / source).read_text()
    if text.count(before) != 1:
        raise SystemExit(f"{source}: the text to replace is there {text.count(before)} times: {before!r}")
    scratch = pathlib.Path(scratch)
    changed = scratch / pathlib.Path(source).name
    changed.write_text(text.replace(before, after))
    made = changed.with_suffix(".o")
    command = compile_command(build, source)
    command[command.index("-o") + 1] = str(made)
    command[-1] = str(changed)
    for flag in ("-MF", "-MQ"):
        if flag in command:
            command[command.index(flag) + 1] = str(scratch / "d")
    subprocess.run(command + ["-w", f"-I{(ROOT / source).parent}"], cwd=build, check=True)
    mutant = scratch / "mutant"
    command = link_command(build, program)
    command[command.index("-o") + 1] = str(mutant)
    room = source.split("/")[1]
    library = next(i for i, part in enumerate(command) if part.endswith(f"lib{room}.a"))
    command.insert(library, str(made))
    subprocess.run(command, cwd=build, check=True)
    return mutant


def hunt(build, program, sources, mutations, tests, is_one=lambda line: "ERROR" in line, without_error="it crashed"):
    """Makes each of `mutations`, (what, source file under `sources`, before, after), runs the doctest cases `tests` of it and prints how it was
    found: by the first error line for which `is_one` holds. `without_error`: where it failed without such a line. The exit status of all."""
    missed = 0
    for what, source, before, after in mutations:
        with tempfile.TemporaryDirectory() as scratch:
            changed = make(build, program, sources + source, before, after, scratch)
            how = verdict(changed, build, tests, is_one, without_error)
        print(f"{'found ' if how else 'MISSED'}  {what}" + (f": {how}" if how else ""), flush=True)
        missed += how is None
    return 1 if missed else 0


def verdict(program, build, tests, is_one, without_error):
    try:
        ended = subprocess.run([program, "-tc=" + tests], cwd=build, timeout=120, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        return "it never ended"
    if ended.returncode == 0:
        return None
    wrong = [line for line in ended.stdout.splitlines() if is_one(line)]
    if wrong:
        return wrong[0].split("ERROR: ", 1)[1]
    return without_error if ended.returncode > 0 else "it crashed"
