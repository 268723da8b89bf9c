"""The table of clients, versions and scenarios: printed at the end of a run, and kept in docs/compatibility.md between two marks."""

import fnmatch
import os
import re

PAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))), "docs/compatibility.md")
BEGIN = "<!-- clients: written by tools/test clients --write-docs -->"
END = "<!-- clients: end -->"
PASSED, FAILED, UNASKED, OWN = "✓", "✗", "·", "–"


def title(client):
    return f"{client['name']} {client['version']}"


def chapter(scenario):
    """Rows of a kind stand together: alone, what others wrote, classic groups, the consumer protocol."""
    return 3 if "/consumer" in scenario else 2 if scenario.startswith("group_") else 1 if scenario.startswith("cross_read/") else 0


def reason_against(client, scenario):
    """Why the client has no such cell, or None; the manifest may name several scenarios by a pattern."""
    return next((why for pattern, why in client["without"].items() if fnmatch.fnmatchcase(scenario, pattern)), None)


class Matrix:
    """`results`: {(client name, scenario): passed}, of the cells that were run."""

    def __init__(self, manifest, results):
        self.results = results
        self.drivers = [c for c in manifest["clients"] if "driver" not in c]
        self.programs = [c for c in manifest["clients"] if "driver" in c]
        self.reasons = []
        self.scenarios = sorted(dict.fromkeys(s for c in self.drivers for s in c["scenarios"]), key=chapter)

    def mark(self, client, scenario):
        if scenario in client["scenarios"]:
            return {True: PASSED, False: FAILED, None: UNASKED}[self.results.get((client["name"], scenario))]
        why = reason_against(client, scenario)
        if why is None:
            return OWN
        if why not in self.reasons:
            self.reasons.append(why)
        return f"({self.reasons.index(why) + 1})"

    def tables(self):
        """Two lists of rows, the first row of each being its titles: the clients, then the programs around Kafka's own."""
        clients = [["scenario", *map(title, self.drivers)]]
        clients += [[s, *(self.mark(c, s) for c in self.drivers)] for s in self.scenarios]
        programs = [["scenario", "program", ""]]
        programs += [[s, title(c), self.mark(c, s)] for c in self.programs for s in c["scenarios"]]
        return clients, programs

    def notes(self):
        return [f"({n}) {why}" for n, why in enumerate(self.reasons, 1)]

    def text(self):
        """Only rows of which something was run."""
        run = lambda rows: [rows[0], *(row for row in rows[1:] if {PASSED, FAILED} & set(row))]
        return "\n".join([*(aligned(run(rows)) for rows in self.tables()), *self.notes(), f"{OWN} is what the client wrote itself"])

    def markdown(self):
        """Rows end with one bar, as those of the page's other tables do."""

        def table(rows):
            lines = ["| " + " | ".join(row) + " |" for row in rows]
            return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]

        clients, programs = self.tables()
        notes = [f"- {note}" for note in self.notes()]
        return "\n".join([BEGIN, "", *table(clients), "", *notes, "", *table(programs), "", END])


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows) + "\n"


def claims(page):
    """{(client and version, scenario): mark} of the tables between the marks."""
    found, titles = {}, None
    begin, end = page.find(BEGIN), page.find(END)
    for line in page[max(begin, 0) : max(end, 0)].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else None
        if cells is None:
            titles = None
        elif titles is None:
            titles = cells
        elif not cells[0].startswith("---"):
            if titles[1] == "program":
                found[cells[1], cells[0]] = cells[2]
            else:
                found.update({(name, cells[0]): cell for name, cell in zip(titles[1:], cells[1:])})
    return found


def read_page():
    with open(PAGE) as f:
        return f.read()


def compare(matrix, whole):
    """(failures, remarks): what the page claims to pass and did not although it was asked for, and where else it differs."""
    said, made = claims(read_page()), claims(matrix.markdown())
    asked = lambda cell: whole or made.get(cell) in (PASSED, FAILED)
    failures = [
        f"docs/compatibility.md claims {name} {scenario}, which " + ("failed" if made.get((name, scenario)) == FAILED else "is no cell of the manifest")
        for (name, scenario), mark in said.items()
        if mark == PASSED and asked((name, scenario)) and made.get((name, scenario)) != PASSED
    ]
    kind = lambda mark: "reason" if mark and re.fullmatch(r"\(\d+\)", mark) else mark  # numbers may move
    differing = [cell for cell in said.keys() | made.keys() if asked(cell) and kind(said.get(cell)) != kind(made.get(cell))]
    remarks = []
    if differing:
        remarks.append(f"docs/compatibility.md differs in {len(differing)} cells, such as {' '.join(min(differing))}; write it with --write-docs")
    return failures, remarks


def write(matrix):
    page = read_page()
    begin, end = page.index(BEGIN), page.index(END) + len(END)
    with open(PAGE, "w") as f:
        f.write(page[:begin] + matrix.markdown() + page[end:])
