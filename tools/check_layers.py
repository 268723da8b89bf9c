#!/usr/bin/env python3
"""Compares the includes of src/ with the layer table: check_layers.py [--self-test] [ROOT]

A room includes only itself and the rooms of its row; a third-party header stays in the rooms named for it. The table
below and the one in docs/architecture.md must agree.
"""
import os
import re
import sys
import tempfile

ROOMS = {
    "base": (0, ""),
    "records": (1, "base"),
    "runtime": (1, "base"),
    "secure": (1, "base"),
    "config": (1, "base"),
    "kafka": (2, "base records"),
    "io": (2, "base runtime secure"),
    "sim": (2, "base runtime"),
    "log": (2, "base records runtime"),
    "partition": (3, "base records runtime log"),
    "cluster": (3, "base records runtime kafka log"),
    "client": (3, "base records runtime secure kafka"),
    "coord": (4, "base records runtime kafka partition cluster"),
    "peer": (4, "base runtime kafka client partition cluster"),
    "server": (5, "base records runtime secure config kafka partition cluster coord"),
    "ops": (5, "base runtime config partition cluster coord"),
    "broker": (6, "base records runtime secure config kafka io log partition cluster client coord peer server ops"),
}
THIRD_PARTY = {
    r"liburing(/|\.h)": "io",
    r"boost/program_options": "config",
    r"(zlib|zstd|lz4|lz4frame|lz4hc|snappy|snappy-c)\.h": "records",
    r"mimalloc": "broker",
    r"openssl/": "secure",
    r"re2/": "coord",
    r"httplib\.h": "ops",
    r"nlohmann/": "ops",
    r"sys/(socket|epoll|sendfile|signalfd|eventfd|mman)\.h|linux/": "io",
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def findings(root):
    out = []
    src = os.path.join(root, "src")
    for room in sorted(os.listdir(src)):
        if os.path.isdir(os.path.join(src, room)) and room not in ROOMS and any(os.scandir(os.path.join(src, room))):
            out.append(f"src/{room}: not in the layer table")
    for folder, _, files in os.walk(src):
        room = os.path.relpath(folder, src).split(os.sep)[0]
        if room not in ROOMS:
            continue
        allowed = set(ROOMS[room][1].split()) | {room}
        for name in sorted(files):
            if not name.endswith((".h", ".cc")):
                continue
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as lines:
                for number, line in enumerate(lines, 1):
                    match = INCLUDE.match(line)
                    if not match:
                        continue
                    place = f"{os.path.relpath(path, root)}:{number}"
                    target = match[2].split("/")[0]
                    if match[1] == '"' and "/" in match[2] and target in ROOMS and target not in allowed:
                        out.append(f"{place}: room {room} may not include {match[2]} (allowed: {' '.join(sorted(allowed))})")
                    for pattern, homes in THIRD_PARTY.items():
                        if match[1] == "<" and re.match(pattern, match[2]) and room not in homes.split():
                            out.append(f"{place}: <{match[2]}> belongs to room {homes}, not to {room}")
    for room, (layer, friends) in ROOMS.items():
        for friend in friends.split():
            if ROOMS[friend][0] >= layer:
                out.append(f"table: {room} (layer {layer}) lists {friend} of layer {ROOMS[friend][0]}")
    documented = {}
    with open(os.path.join(root, "docs", "architecture.md"), encoding="utf-8") as text:
        for line in text:
            row = re.match(r"\|\s*(\d)\s*\|\s*`(\w+)`\s*\|[^|]*\|\s*([^|]*?)\s*\|", line)
            if row:
                friends = "" if row[3] in ("–", "-") else row[3].replace(",", " ")
                documented[row[2]] = (int(row[1]), " ".join(friends.split()))
    for room in ROOMS.keys() | documented.keys():
        if ROOMS.get(room) != documented.get(room):
            out.append(f"docs/architecture.md: row of `{room}` says {documented.get(room)}, the script {ROOMS.get(room)}")
    return out


def self_test(root):
    """A wrong include, a third-party header in the wrong room and an unknown room must each be found."""
    with tempfile.TemporaryDirectory() as copy:
        os.makedirs(os.path.join(copy, "docs"))
        with open(os.path.join(root, "docs", "architecture.md"), encoding="utf-8") as text:
            table = text.read()
        with open(os.path.join(copy, "docs", "architecture.md"), "w", encoding="utf-8") as text:
            text.write(table)
        for path, content in (
            ("src/base/a.h", '#include "log/segment.h"\n'),
            ("src/runtime/b.cc", "#include <liburing.h>\n"),
            ("src/helpers/c.h", "\n"),
        ):
            os.makedirs(os.path.dirname(os.path.join(copy, path)), exist_ok=True)
            with open(os.path.join(copy, path), "w", encoding="utf-8") as file:
                file.write(content)
        found = "\n".join(findings(copy))
    missed = [want for want in ("src/base/a.h:1", "src/runtime/b.cc:1", "src/helpers: not in") if want not in found]
    return [f"self-test: did not find {want}" for want in missed]


def main(arguments):
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    check = self_test if "--self-test" in arguments else findings
    roots = [a for a in arguments if not a.startswith("--")]
    found = check(roots[0] if roots else own)
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
