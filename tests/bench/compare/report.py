"""What a comparison writes: a table of targets and a table of figures as markdown, and everything that was measured as JSON. Pure:
a result is {"id", "what", "rounds", "sides": [(name, durability)], "targets", "failed": {side: why}}."""
from . import figures

COLUMNS = ("records_per_s", "requests_per_s", "mb_per_s", "cpu_per_gb", "cpu_per_m_requests", "cpu_share", "p50_ms", "p99_ms", "p99_9_ms", "peak_mib", "client_core", "client_cpu_per_gb")
SELDOM = tuple(name for name in figures.FIGURES if name not in COLUMNS)


def markdown(heads, rows):
    line = lambda cells: "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
    return "\n".join([line(heads), "|" + "---|" * len(heads), *map(line, rows)])


def judged(result):
    return [figures.judge(target, result["rounds"]) for target in result["targets"]]


def verdict(one, result):
    """With the reason, where a side could not be measured."""
    if one.values:
        return one.verdict
    for side in (one.target.side, one.target.over):
        if side in result["failed"]:
            return f"not measured: {side}: {result['failed'][side]}"
    return one.verdict


def targets_table(results):
    rows = [(result["id"], result["what"], one.target.text(), figures.spread(one.values), len(one.values), verdict(one, result))
            for result in results for one in judged(result)]
    return markdown(("case", "what", "target", "measured, median (range)", "rounds", ""), rows)


def title(name):
    head, unit, _ = figures.FIGURES[name]
    return f"{head}, {unit}" if unit else head


def figures_table(results):
    rows = []
    for result in results:
        for side, durability in result["sides"]:
            value = lambda name: figures.spread(figures.of(result["rounds"], side, name))
            more = [f"{title(name)}: {value(name)}" for name in SELDOM if value(name)]
            if figures.is_client_bound(result["rounds"], side):
                more.append("client-bound")
            if side in result["failed"]:
                more.append(result["failed"][side])
            rows.append((result["id"], result["what"], side, durability, *map(value, COLUMNS), "; ".join(more)))
    return markdown(("case", "what", "side", "durability", *map(title, COLUMNS), "more"), rows)


def counted(results):
    """(reached, missed, not measured)"""
    all_of = [one for result in results for one in judged(result)]
    reached, missed = sum(one.reached for one in all_of), sum(not one.reached and bool(one.values) for one in all_of)
    return reached, missed, len(all_of) - reached - missed


def summary(results):
    reached, missed, absent = counted(results)
    return f"{reached} targets reached, {missed} missed" + (f", {absent} not measured" if absent else "")


def text(results, machine):
    facts = "; ".join(f"{name}: {value}" for name, value in machine.items())
    return (f"# Millrace beside the reference broker\n\n{facts}.\n\n## Targets\n\n{targets_table(results)}\n\n{summary(results)}.\n\n"
            f"## Figures, median and range of the rounds\n\n{figures_table(results)}\n")


def raw(results, machine):
    """For json.dump."""
    return {"machine": machine, "rows": [
        {"id": result["id"], "what": result["what"], "sides": [{"name": name, "durability": durability} for name, durability in result["sides"]],
         "seconds": result.get("seconds"), "rounds": result["rounds"], "failed": result["failed"],
         "targets": [{"text": one.target.text(), "figure": one.target.figure, "side": one.target.side, "over": one.target.over,
                      "at_most": one.target.at_most, "at_least": one.target.at_least, "values": list(one.values), "median": figures.median(one.values),
                      "verdict": verdict(one, result), "reached": one.reached} for one in judged(result)]}
        for result in results]}
