"""What the rounds of a row add up to: medians, ranges, ratios of one round's sides, and whether a target is reached. Pure.

A row's rounds: {side: [{figure: number}, one for each round]}. A ratio is taken within a round, so that what disturbs the
machine for a while disturbs both of its sides.
"""
import statistics
from dataclasses import dataclass

CLIENT_BOUND_CORE_SHARE = 0.9

# name → (title, unit, whether more is better)
FIGURES = {
    "records_per_s": ("records/s", "", True),
    "requests_per_s": ("requests/s", "", True),
    "mb_per_s": ("MB/s", "", True),
    "cpu_per_gb": ("broker CPU s/GB", "", False),
    "cpu_per_m_requests": ("broker CPU s per 10^6 requests", "", False),
    "cpu_per_m_records": ("broker CPU s per 10^6 records", "", False),
    "cpu_share": ("broker CPU, cores", "", False),
    "p50_ms": ("p50", "ms", False),
    "p99_ms": ("p99", "ms", False),
    "p99_9_ms": ("p99.9", "ms", False),
    "peak_mib": ("peak memory", "MiB", False),
    "idle_mib": ("memory at rest", "MiB", False),
    "start_ms": ("start to first acknowledged record", "ms", False),
    "client_core": ("client CPU, cores", "", False),
    "client_cpu_per_gb": ("client CPU s/GB", "", False),
    "cores_per_100k": ("broker CPU, cores at 100,000 connections", "", False),
    "bytes_per_connection": ("memory per connection", "bytes", False),
    "ns_per_waiter": ("broker CPU per waiter", "ns", False),
    "connections": ("connections", "", True),
    "drained_mb_per_s": ("read meanwhile, MB/s", "", True),
    "partitions_written": ("share of partitions written", "", True),
    "kept": ("of the throughput before and after, still taken", "", True),
    "memory_grown": ("peak memory, of that at full load", "", False),
    "lost": ("acknowledged and not there", "records", False),
}


def limit_text(value):
    return f"{value:g}" if value >= 100 else f"{value:.3g}"


@dataclass(frozen=True)
class Target:
    """`figure` of `side`, divided by that of `over` where one is named, is `at_most` or `at_least` so much. `every`: in each
    round; otherwise the median. `instead`: the figure that judges, the other way round, where the client was the bottleneck."""
    figure: str
    at_most: float | None = None
    at_least: float | None = None
    side: str = "millrace"
    over: str | None = "reference"
    every: bool = False
    instead: str | None = None

    def text(self):
        title, unit, _ = FIGURES[self.figure]
        limit = f"≤ {limit_text(self.at_most)}" if self.at_most is not None else f"≥ {limit_text(self.at_least)}"
        what = f"{title}, {self.side}" + (f" / {self.over}" if self.over else "")
        return f"{what} {limit}" + ("" if self.over or not unit else f" {unit}") + (" in every round" if self.every else "")


@dataclass(frozen=True)
class Judged:
    target: Target
    values: tuple  # one for each round
    verdict: str   # reached, missed, or why there is none

    @property
    def reached(self):
        return self.verdict.endswith("reached")


def of(rounds, side, figure):
    return [one[figure] for one in rounds.get(side, ()) if figure in one]


def median(values):
    return statistics.median(values) if values else None


def ratios(rounds, figure, side, over):
    """One for each round that both took."""
    pairs = zip(rounds.get(side, ()), rounds.get(over, ()))
    return [a[figure] / b[figure] for a, b in pairs if figure in a and b.get(figure)]


def values_of(target, rounds):
    return ratios(rounds, target.figure, target.side, target.over) if target.over else of(rounds, target.side, target.figure)


def kept(target, values):
    tested = values if target.every else [median(values)]
    return all((target.at_most is None or v <= target.at_most) and (target.at_least is None or v >= target.at_least) for v in tested)


def is_client_bound(rounds, side):
    share = median(of(rounds, side, "client_core"))
    return share is not None and share > CLIENT_BOUND_CORE_SHARE


def judge(target, rounds):
    values = values_of(target, rounds)
    if not values:
        return Judged(target, (), "not measured")
    if kept(target, values):
        return Judged(target, tuple(values), "reached")
    if target.instead and is_client_bound(rounds, target.side):
        other = Target(target.instead, side=target.side, over=target.over, every=target.every,
                       at_most=1 / target.at_least if target.at_least else None, at_least=1 / target.at_most if target.at_most else None)
        found = values_of(other, rounds)
        if found:
            ratio = median(found)
            verdict = "reached" if kept(other, found) else "missed"
            return Judged(target, tuple(values), f"client-bound; {FIGURES[other.figure][0]} {number(ratio)}, limit {number(other.at_most or other.at_least)}: {verdict}")
    return Judged(target, tuple(values), "missed")


def number(value):
    """Three digits that matter, never an exponent."""
    if value is None:
        return ""
    size = abs(value)
    if size >= 1e9:
        return f"{value / 1e9:.3g} G"
    if size >= 1e6:
        return f"{value / 1e6:.3g} M"
    if size >= 1e4:
        return f"{value / 1e3:.0f} k"
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.1 or size == 0 else f"{value:.4f}"


def spread(values):
    """Median and range."""
    if not values:
        return ""
    middle, low, high = number(median(values)), number(min(values)), number(max(values))
    return middle if low == high else f"{middle} ({low}–{high})"
