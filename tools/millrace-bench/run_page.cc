// The page is one file: style, data and a script that draws SVG. Nothing is loaded from anywhere.
#include "run_report.h"

namespace millrace::bench {

namespace {

constexpr const char* head = R"page(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>millrace-bench</title>
<style>
:root { color-scheme: light dark; --page: #f7f7f5; --card: #ffffff; --text: #1c1e21; --quiet: #63676d; --line: #e2e2de;
  --a: #1f6feb; --b: #d9730d; --c: #b4247b; --d: #7a7f87; --good: #1a7f37; --bad: #c62828; }
@media (prefers-color-scheme: dark) { :root { --page: #121417; --card: #1b1e23; --text: #e6e8eb; --quiet: #9aa1aa; --line: #30343b;
  --a: #5aa2ff; --b: #ff9f45; --c: #f472b6; --d: #8b929b; --good: #57c271; --bad: #ff6b6b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 70rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
h1 { margin: 0; font-size: 1.5rem; } h2 { margin: 2.5rem 0 .75rem; font-size: 1.15rem; } h3 { margin: 0 0 .5rem; font-size: .95rem; font-weight: 600; }
p { margin: .25rem 0; } .quiet { color: var(--quiet); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.tile { padding: .7rem .9rem; } .tile b { display: block; font-size: 1.25rem; font-weight: 600; } .tile span { color: var(--quiet); font-size: .85rem; }
.card { padding: 1rem; margin-top: .75rem; } svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--quiet); font-size: 12px; } svg .grid { stroke: var(--line); } svg path { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
svg .mark { stroke: var(--quiet); stroke-dasharray: 3 3; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin-bottom: .4rem; font-size: .85rem; }
.legend i { display: inline-block; width: .9rem; height: .2rem; margin-right: .4rem; vertical-align: middle; border-radius: 1px; }
.good { color: var(--good); } .bad { color: var(--bad); }
table { border-collapse: collapse; width: 100%; } td, th { padding: .25rem .6rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); font-weight: 400; }
th { color: var(--quiet); width: 14rem; }
</style>
</head>
<body>
<main id="page"></main>
<script type="application/json" id="run">)page";

constexpr const char* tail = R"page(</script>
<script>
"use strict";
const run = JSON.parse(document.getElementById("run").textContent);
const page = document.getElementById("page");
const SVG = "http://www.w3.org/2000/svg";
const W = 960, H = 260, L = 64, R = 16, T = 8, B = 26;

function element(tag, attributes, text) {
  const made = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
function add(parent, tag, attributes, text) { return parent.appendChild(element(tag, attributes, text)); }
function short(n) {
  if (n >= 1e9) return (n / 1e9).toPrecision(3) + " G";
  if (n >= 1e6) return (n / 1e6).toPrecision(3) + " M";
  if (n >= 1e4) return (n / 1e3).toPrecision(3) + " k";
  return String(Math.round(n * 100) / 100);
}
function time(us) {
  if (us >= 1e6) return (us / 1e6).toPrecision(3) + " s";
  if (us >= 1e3) return (us / 1e3).toPrecision(3) + " ms";
  return us.toPrecision(3) + " \u00b5s";
}
function linear(low, high, from, to) { const span = high - low || 1; return v => from + (v - low) / span * (to - from); }
function logarithmic(low, high, from, to) { const s = linear(Math.log(low), Math.log(high), from, to); return v => s(Math.log(Math.max(v, low))); }
function round_steps(high, count) {
  const rough = high / count || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(m => m * power).find(s => s >= rough);
  const out = [];
  for (let v = 0; v <= high * 1.0001; v += step) out.push(v);
  return out;
}
function decades(low, high) {
  const out = [];
  for (let d = Math.floor(Math.log10(low)); d <= Math.ceil(Math.log10(high)); ++d) out.push(10 ** d);
  return out;
}

// series: [{name, color, points: [[x, y]]}]; axis: {ticks, at, text}
function chart(card, title, name, series, x, y) {
  const box = add(card, "div", {class: "card"});
  add(box, "h3", {}, title);
  const legend = add(box, "div", {class: "legend"});
  const svg = add(box, "svg:svg", {viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title, "data-chart": name});
  for (const tick of y.ticks) {
    add(svg, "svg:line", {class: "grid", x1: L, x2: W - R, y1: y.at(tick), y2: y.at(tick)});
    add(svg, "svg:text", {x: L - 8, y: y.at(tick) + 4, "text-anchor": "end"}, y.text(tick));
  }
  for (const tick of x.ticks) add(svg, "svg:text", {x: x.at(tick), y: H - 6, "text-anchor": "middle"}, x.text(tick));
  for (const s of series) {
    if (series.length > 1) {
      const entry = add(legend, "span");
      add(entry, "i", {style: `background: var(--${s.color})`});
      entry.append(s.name);
    }
    const line = s.points.map(([px, py], i) => `${i ? "L" : "M"}${x.at(px).toFixed(1)} ${y.at(py).toFixed(1)}`).join("");
    const path = add(svg, "svg:path", {d: line, stroke: `var(--${s.color})`, "data-series": s.name, "data-points": JSON.stringify(s.points)});
    add(path, "svg:title", {}, s.name);
    if (s.points.length === 1) add(svg, "svg:circle", {cx: x.at(s.points[0][0]), cy: y.at(s.points[0][1]), r: 3, fill: `var(--${s.color})`});
  }
  return svg;
}

function tile(to, value, name) { const made = add(to, "div", {class: "tile"}); add(made, "b", {}, value); add(made, "span", {}, name); }

function section(one) {
  add(page, "h2", {}, one.name);
  const tiles = add(page, "div", {class: "tiles"});
  tile(tiles, short(one.records_per_second), "records/s");
  tile(tiles, one.mb_per_second.toFixed(1), "MB/s");
  tile(tiles, time(one.latency_us.p50), "p50");
  tile(tiles, time(one.latency_us.p99), "p99");
  tile(tiles, time(one.latency_us.p99_9), "p99.9");
  tile(tiles, time(one.latency_us.max), "max");
  tile(tiles, short(one.records), "records");
  if (one.failed_records) tile(tiles, short(one.failed_records), "failed");
  if (!one.intervals.length) return;

  const last = one.intervals[one.intervals.length - 1].second;
  const seconds = {ticks: round_steps(last, 8), at: linear(0, last, L, W - R), text: t => short(t) + " s"};
  const rate = one.intervals.map(i => [i.second, i.records / i.length]);
  const top = Math.max(...rate.map(p => p[1]), 1);
  chart(page, "Rate over time, records per second", one.name + " rate", [{name: "records/s", color: "a", points: rate}], seconds,
        {ticks: round_steps(top, 4), at: linear(0, top * 1.05, H - B, T), text: short});

  const lines = [["p50", "p50_us", "a"], ["p99", "p99_us", "b"], ["p99.9", "p99_9_us", "c"], ["max", "max_us", "d"]];
  const positive = one.intervals.flatMap(i => lines.map(l => i[l[1]])).filter(v => v > 0);
  if (positive.length) {
    const ticks = decades(Math.min(...positive), Math.max(...positive));
    if (ticks.length < 2) ticks.push(ticks[0] * 10);
    chart(page, "Latency percentiles over time", one.name + " latency",
          lines.map(([name, key, color]) => ({name, color, points: one.intervals.map(i => [i.second, i[key]])})), seconds,
          {ticks, at: logarithmic(ticks[0], ticks[ticks.length - 1], H - B, T), text: time});
  }
  const curve = one.latency_us.curve;
  if (curve.length > 1) {
    // 100 lies at infinity on this scale: the last step is drawn at the count's own resolution.
    const nines = Math.min(1e7, Math.max(100, one.latency_us.count));
    const place = p => Math.min(nines, 1 / Math.max(1 - p / 100, 1e-12));
    const values = curve.map(p => p[1]).filter(v => v > 0);
    const ticks = decades(Math.min(...values), Math.max(...values));
    if (ticks.length < 2) ticks.push(ticks[0] * 10);
    const at = logarithmic(1, nines, L, W - R);
    const marks = [0, 90, 99, 99.9, 99.99, 99.999, 99.9999].filter(p => 1 / (1 - p / 100) <= nines * 1.01);
    chart(page, "Percentile curve", one.name + " curve", [{name: "latency", color: "a", points: curve}],
          {ticks: marks, at: p => at(place(p)), text: p => p + " %"},
          {ticks, at: logarithmic(ticks[0], ticks[ticks.length - 1], H - B, T), text: time});
  }
}

document.title = "millrace-bench " + run.command;
add(page, "h1", {}, "millrace-bench " + run.command);
add(page, "p", {class: "quiet"}, Object.entries(run.settings).map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`).join(" \u00b7 "));
if (!run.valid) add(page, "p", {class: "bad"}, "The run is not valid: see the notes.");
if (run.client_bound) add(page, "p", {class: "bad"}, "Client-bound: the load tester used more than 90 % of its core, and the broker may be able to do more.");
for (const o of run.objectives) add(page, "p", {class: o.met ? "good" : "bad"}, `${o.met ? "\u2713" : "\u2717"} ${o.objective}: ${o.value}`);
for (const one of run.sections) section(one);
add(page, "h2", {}, "Run");
const table = add(add(page, "div", {class: "card"}), "table");
const rows = {...run.more, "client": Math.round(run.client_core_share * 100) + " % of its core"};
for (const [name, value] of Object.entries(rows)) { const row = add(table, "tr"); add(row, "th", {}, name); add(row, "td", {}, value); }
for (const note of run.notes) { const row = add(table, "tr"); add(row, "th", {}, "note"); add(row, "td", {}, note); }
</script>
</body>
</html>
)page";

} // namespace

std::string html_of(const run_report& r) {
    std::string out = head;
    // "</script>" within a string would end the data.
    for (char c : json_of(r)) {
        if (c == '<')
            out += "\\u003c";
        else
            out += c;
    }
    return out + tail;
}

} // namespace millrace::bench
