#!/usr/bin/env python3
"""What tools/compare makes of its figures: medians, ratios, verdicts, the table, the page, the schedule. No broker is started."""
import html.parser
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from bench.compare import cases, figures, loads, main, page, report, stage  # noqa: E402
from bench.compare.figures import Target, judge  # noqa: E402
from harness import browser  # noqa: E402
from harness.checks import Checks  # noqa: E402


def rounds_of(**sides):
    """`a=[("cpu_per_gb", 1, 2, 3)]`: side a has three rounds."""
    return {side: [dict(zip([c[0] for c in columns], values)) for values in zip(*(c[1:] for c in columns))] for side, columns in sides.items()}


def ratios(checks):
    rounds = rounds_of(millrace=[("cpu_per_gb", 1, 2, 9)], reference=[("cpu_per_gb", 4, 4, 9)])
    checks.equal(figures.ratios(rounds, "cpu_per_gb", "millrace", "reference"), [0.25, 0.5, 1.0], "a ratio is taken within a round")
    checks.equal(judge(Target("cpu_per_gb", at_most=0.5), rounds).verdict, "reached", "the median decides")
    checks.equal(judge(Target("cpu_per_gb", at_most=0.5, every=True), rounds).verdict, "missed", "where every round has to keep it, one that does not is a miss")
    checks.equal(judge(Target("cpu_per_gb", at_most=4, over=None), rounds).values, (1, 2, 9), "without another side the figure itself is judged")
    short = rounds_of(millrace=[("cpu_per_gb", 1, 2)], reference=[("cpu_per_gb", 4)])
    checks.equal(judge(Target("cpu_per_gb", at_most=1), short).values, (0.25,), "a round that only one side took gives no ratio")
    checks.equal(judge(Target("cpu_per_gb", at_most=1), rounds_of(millrace=[("cpu_per_gb", 1)])).verdict, "not measured", "no other side, no verdict")
    checks.equal(judge(Target("lost", at_most=0, over=None), rounds_of(millrace=[("lost", 0)])).verdict, "reached", "nothing lost is a figure too")


def client_bound(checks):
    target = Target("requests_per_s", at_least=5, instead="cpu_per_m_requests")
    busy = lambda share, cpu: rounds_of(millrace=[("requests_per_s", 300, 300), ("client_core", share, share), ("cpu_per_m_requests", cpu, cpu)],
                                        reference=[("requests_per_s", 100, 100), ("client_core", 0.2, 0.2), ("cpu_per_m_requests", 20, 20)])
    checks.equal(judge(target, busy(0.5, 1)).verdict, "missed", "a client with time left is no excuse")
    bound = judge(target, busy(0.95, 1))
    checks.that(bound.reached and bound.verdict.startswith("client-bound"), "a client that was the bottleneck: judged by broker CPU", bound.verdict)
    checks.that(not judge(target, busy(0.95, 10)).reached, "judged by broker CPU, and missed by it")


def names(checks):
    rows = cases.rows()
    wrong = [f"{row.id}: {target.text()}" for row in rows for target in row.targets
             if not {target.side, target.over or target.side} <= {side.name for side in row.sides}
             or not {target.figure, target.instead or target.figure} <= figures.FIGURES.keys() or (target.at_most is None) == (target.at_least is None)]
    checks.equal(wrong, [], "every target names a side and a figure that there are, and one limit")
    checks.that(all(side.durability for row in rows for side in row.sides), "every side says which durability it gave")
    checks.that(len(rows) > len([row for row in rows if row.quick]) > 5, "--quick takes some of the rows")


def bench_json(checks):
    section = {"records": 1000, "bytes": 2_000_000, "requests": 100, "seconds": 0.5, "records_per_second": 2000, "mb_per_second": 4,
               "latency_us": {"count": 1000, "p50": 1500, "p99": 2500, "p99_9": 3500}}
    got = loads.figures_of({"sections": [section], "client_core_share": 0.25}, {"cpu": 0.2, "client_cpu": 0.1, "seconds": 1, "peak_mib": 7})
    want = {"cpu_per_gb": 100, "cpu_per_m_requests": 2000, "cpu_per_m_records": 200, "requests_per_s": 200, "p50_ms": 1.5, "p99_ms": 2.5, "p99_9_ms": 3.5,
            "cpu_share": 0.2, "client_core": 0.25, "peak_mib": 7}
    checks.equal({name: round(got[name], 9) for name in want}, want, "the figures of a run of millrace-bench, in their units")


RESULTS = [
    {"id": "P1", "what": "a row | with a bar", "sides": [("millrace", "page cache"), ("reference", "page cache")], "targets": (Target("cpu_per_gb", at_most=0.5),),
     "rounds": rounds_of(millrace=[("cpu_per_gb", 1, 2, 3)], reference=[("cpu_per_gb", 10, 10, 10)]), "failed": {}},
    {"id": "X1", "what": "<script> in a name", "sides": [("millrace", "page cache"), ("NATS JetStream", "page cache")],
     "targets": (Target("records_per_s", at_least=5, over="NATS JetStream"),), "rounds": rounds_of(millrace=[("records_per_s", 5)]),
     "failed": {"NATS JetStream": "missing: go"}},
]


def reasons(checks):
    checks.equal(stage.reason('{"notes": ["a connection was lost", "interrupted"]}', ""), "a connection was lost; interrupted", "why millrace-bench failed: its notes")
    checks.equal(stage.reason("usage", "no such topic\n"), "no such topic", "why another program failed: what it complained about")


def tables(checks):
    table = report.targets_table(RESULTS).splitlines()
    cells = [line.replace("\\|", "").count("|") for line in table]
    checks.that(len(table) == 4 and len(set(cells)) == 1, "a line for each target, each with as many cells", cells)
    checks.that("| 0.20 (0.10–0.30) | 3 | reached |" in table[2], "median, range, rounds and verdict", table[2])
    checks.that("not measured: NATS JetStream: missing: go" in table[3], "a system that is not here is named, with the reason", table[3])
    checks.equal(report.summary(RESULTS), "1 targets reached, 0 missed, 1 not measured", "the count of verdicts")
    lines = report.figures_table(RESULTS).splitlines()
    checks.that(len(lines) == 6 and all("page cache" in line for line in lines[2:]), "a line for each side, with its durability")


class Page(html.parser.HTMLParser):
    """The data of the page, and what it would load."""

    def __init__(self, text):
        super().__init__()
        self.inside, self.data, self.loaded = False, "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.inside = dict(attributes).get("id") == "run"
        self.loaded += [value for name, value in attributes if name in ("src", "href") and not value.startswith("data:")]

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        self.data += data if self.inside else ""


def pages(checks):
    raw = report.raw(RESULTS, {"cores": 2})
    made = Page(page.html_of(raw))
    checks.equal(json.loads(made.data), json.loads(json.dumps(raw)), "the page holds all figures, whatever characters are in them")
    checks.equal(made.loaded, [], "the page loads nothing")


class Drawn(html.parser.HTMLParser):
    """Of the document after its scripts: each chart's target, values and shapes, and the rows of the tables."""

    def __init__(self, text):
        super().__init__()
        self.charts, self.rows, self.cell = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "data-values" in attributes:
            self.charts.append({"target": attributes["data-target"], "values": json.loads(attributes["data-values"])})
        elif tag == "rect":
            self.charts[-1]["end"] = float(attributes["x"]) + float(attributes["width"])
        elif attributes.get("class") == "mark":
            self.charts[-1]["limit"] = float(attributes["x1"])
        elif tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append((attributes.get("title"), []))
            self.cell = self.rows[-1][-1][1]

    def handle_endtag(self, tag):
        self.cell = None if tag == "td" else self.cell

    def handle_data(self, data):
        if self.cell is not None:
            self.cell.append(data)


def browsed(checks):
    if not browser.chromium():
        checks.skip("the page in a browser", "no Chromium here")
        return
    results = [*RESULTS, {**RESULTS[0], "id": "P2", "targets": (Target("cpu_per_gb", at_most=0.1), Target("cpu_per_gb", at_least=0.3))}]
    raw = report.raw(results, {"cores": 2})
    with tempfile.TemporaryDirectory(prefix="millrace-page-") as home:
        main.write(results, {"cores": 2}, home)
        with open(os.path.join(home, "figures.json")) as file:
            checks.equal(json.load(file), json.loads(json.dumps(raw)), "figures.json holds every figure")
        console, document = browser.opened(os.path.join(home, "page.html"))
    checks.equal(console, [], "in a browser: the console says nothing")
    drawn = Drawn(document)
    measured = [one for row in raw["rows"] for one in row["targets"] if one["values"]]
    checks.equal([(one["target"], one["values"]) for one in drawn.charts], [(one["text"], one["values"]) for one in measured],
                 "in a browser: the charts are the measured targets of figures.json, each with its values")
    checks.equal([one["end"] > one["limit"] for one in drawn.charts], [one["median"] > (one["at_most"] or one["at_least"]) for one in measured],
                 "in a browser: a bar ends beyond its mark where the median is above the limit")
    sides = [(side, row) for row in raw["rows"] for side in row["sides"]]
    cells = [row for row in drawn.rows if row]
    checks.equal([row[0][1] for row in cells], [[side["name"]] for side, _ in sides], "in a browser: a line for each side")
    for line, (side, row) in zip(cells, sides):
        values = [title for title, _ in line[2:] if title]
        columns = [", ".join(f"{one[name]:g}" for one in row["rounds"][side["name"]]) for name in row["rounds"].get(side["name"], [{}])[0]]
        checks.equal(values, columns, f"in a browser: the figures of {row['id']}, {side['name']}")


def numbers(checks):
    checks.equal([figures.number(n) for n in (0, 0.00444, 0.25, 3.14159, 31.4159, 314.159, 31415.9, 3141590)],
                 ["0.00", "0.0044", "0.25", "3.14", "31.4", "314", "31 k", "3.14 M"], "numbers are short")


def schedule(checks):
    row = next(row for row in cases.rows() if row.quick)
    clock = [0.0]

    def taken(plan, seconds_each):
        plan.row(row)
        count = 0
        while plan.another():
            count, clock[0] = count + 1, clock[0] + seconds_each
        return count

    plan = main.Schedule(True, 0, 4, lambda: clock[0])
    checks.equal([taken(plan, 5), taken(plan, 200), taken(plan, 500)], [main.QUICK_ROUNDS_MAX, 1, 1], "quick: rounds as the time allows, one at least")
    checks.equal(taken(plan, 1), 0, "quick: none when the time is over")
    checks.equal([taken(main.Schedule(False, 0, 1, lambda: clock[0]), 500), taken(main.Schedule(True, 7, 1, lambda: clock[0]), 500)], [main.ROUNDS, 7], "full, and as many as asked")


def test():
    checks = Checks()
    for check in (ratios, client_bound, names, bench_json, reasons, tables, pages, browsed, numbers, schedule):
        checks.run(check.__name__, check, checks)
    checks.finish()


if __name__ == "__main__":
    test()
