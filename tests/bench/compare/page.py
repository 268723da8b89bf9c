"""The comparison as one page: the targets as bars on a scale of ratios, and all figures. Nothing is loaded from anywhere, and
the page works without a network. Pure: what report.raw gives goes in, HTML comes out."""
import json

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Millrace beside the reference broker</title>
<style>
:root { color-scheme: light dark; --page: #f7f7f5; --card: #ffffff; --text: #1c1e21; --quiet: #63676d; --line: #e2e2de;
  --a: #1f6feb; --b: #d9730d; --good: #1a7f37; --bad: #c62828; }
@media (prefers-color-scheme: dark) { :root { --page: #121417; --card: #1b1e23; --text: #e6e8eb; --quiet: #9aa1aa; --line: #30343b;
  --a: #5aa2ff; --b: #ff9f45; --good: #57c271; --bad: #ff6b6b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 76rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
h1 { margin: 0; font-size: 1.5rem; } h2 { margin: 2.5rem 0 .75rem; font-size: 1.15rem; } h3 { margin: 0; font-size: .95rem; font-weight: 600; }
p { margin: .25rem 0; } .quiet { color: var(--quiet); } .good { color: var(--good); } .bad { color: var(--bad); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin-top: .75rem; overflow-x: auto; }
svg { display: block; width: 100%; height: auto; overflow: visible; } svg text { fill: var(--quiet); font-size: 12px; }
svg .axis { stroke: var(--line); } svg .mark { stroke: var(--text); stroke-width: 2; } svg .range { stroke: var(--text); stroke-width: 1; opacity: .6; }
table { border-collapse: collapse; width: 100%; } td, th { padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); font-weight: 400; } th { color: var(--quiet); }
</style>
</head>
<body>
<main id="page"></main>
<script type="application/json" id="run">"""

TAIL = """</script>
<script>
"use strict";
const run = JSON.parse(document.getElementById("run").textContent);
const page = document.getElementById("page");
const SVG = "http://www.w3.org/2000/svg";
const W = 960, H = 34, L = 8, R = 90;

function add(parent, tag, attributes, text) {
  const made = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return parent.appendChild(made);
}
function short(n) {
  if (n >= 1e6) return (n / 1e6).toPrecision(3) + " M";
  if (n >= 1e4) return (n / 1e3).toPrecision(3) + " k";
  return n >= 100 ? n.toFixed(0) : String(Number(n.toPrecision(3)));
}
function middle(values) {
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// One target: the median as a bar, its range, and the limit as a mark, on a logarithmic scale of its own.
function bar(card, target) {
  const limit = target.at_most ?? target.at_least;
  add(card, "p", {class: target.reached ? "good" : "bad"}, (target.reached ? "\\u2713 " : "\\u2717 ") + target.text + ": " + target.verdict);
  if (!target.values.length || !(limit > 0) || !target.values.every(v => v > 0)) return;
  const shown = [...target.values, limit, ...(target.over ? [1] : [])];
  const low = Math.min(...shown) / 1.5, high = Math.max(...shown) * 1.5;
  const at = v => L + (Math.log(v / low) / Math.log(high / low)) * (W - L - R);
  const svg = add(card, "svg:svg", {viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": target.text,
    "data-target": target.text, "data-values": JSON.stringify(target.values)});
  add(svg, "svg:rect", {x: L, y: 6, width: Math.max(1, at(target.median) - L), height: 12, rx: 2, fill: `var(--${target.reached ? "a" : "b"})`});
  const y = 12, from = Math.min(...target.values), to = Math.max(...target.values);
  add(svg, "svg:line", {class: "range", x1: at(from), x2: at(to), y1: y, y2: y});
  if (target.over) add(svg, "svg:line", {class: "axis", x1: at(1), x2: at(1), y1: 0, y2: 22});
  add(svg, "svg:line", {class: "mark", x1: at(limit), x2: at(limit), y1: 2, y2: 22});
  add(svg, "svg:text", {x: at(limit), y: H - 1, "text-anchor": "middle"}, short(limit));
  add(svg, "svg:text", {x: W - R + 8, y: 16}, short(target.median));
}

add(page, "h1", {}, "Millrace beside the reference broker");
add(page, "p", {class: "quiet"}, Object.entries(run.machine).map(([name, value]) => `${name}: ${value}`).join(" \\u00b7 "));
add(page, "p", {class: "quiet"}, "A bar is the median, the thin line the range of the rounds, the thick mark the target; ratios are taken within a round. Less is better where the target says \\u2264.");
for (const row of run.rows) {
  add(page, "h2", {}, row.id + ": " + row.what);
  const card = add(page, "div", {class: "card"});
  for (const target of row.targets) bar(card, target);
  const names = [...new Set(row.sides.flatMap(s => (row.rounds[s.name] || []).flatMap(Object.keys)))];
  const table = add(card, "table"), head = add(table, "tr");
  for (const name of ["", "durability", ...names]) add(head, "th", {}, name.replaceAll("_", " "));
  for (const side of row.sides) {
    const line = add(table, "tr"), rounds = row.rounds[side.name] || [];
    add(line, "td", {}, side.name);
    add(line, "td", {}, side.durability + (row.failed[side.name] ? ": " + row.failed[side.name] : ""));
    for (const name of names) {
      const values = rounds.map(r => r[name]).filter(v => v !== undefined);
      add(line, "td", values.length ? {title: values.map(short).join(", ")} : {}, values.length ? short(middle(values)) : "");
    }
  }
}
</script>
</body>
</html>
"""


def html_of(raw):
    """No "<" of the data may end it early."""
    return HEAD + json.dumps(raw).replace("<", "\\u003c") + TAIL
