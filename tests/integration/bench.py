#!/usr/bin/env python3
"""millrace-bench against a running broker: what it says it sent is in the log, every output says the same, a stalled broker
shows in p99.9, and a run that something went wrong with keeps its figures and is not valid. With --reference the runs that need
no control over the process, against the reference broker (MILLRACE_REFERENCE). The page is opened in Chromium where there is one."""
import html.parser
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import browser, wire  # noqa: E402
from harness.batches import batch  # noqa: E402
from harness.broker import TREE, Broker, chosen, clean_environment  # noqa: E402
from harness.checks import Checks  # noqa: E402

BENCH = os.environ.get("MILLRACE_BENCH_TOOL") or os.path.join(TREE, "build-release/tools/millrace-bench/millrace-bench")
SECONDS_MAX = 60


def launch(broker, *words):
    bootstrap = ["--bootstrap-server", broker.bootstrap] if broker else []
    return subprocess.Popen([BENCH, *map(str, words), *bootstrap], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=clean_environment())


def bench(broker, *words):
    """(exit status, standard output, standard error)"""
    started = launch(broker, *words)
    out, err = started.communicate(timeout=SECONDS_MAX)
    return started.returncode, out, err


def end_of(broker, topic, partitions):
    with broker.connect() as client:
        return sum(client.end_offset(topic, p) for p in range(partitions))


def counts(checks, broker):
    """In every form of load, what is reported, what is in the log, and what is read back are one number."""
    forms = {
        "closed": ["--num-records", 50000, "--record-size", 100],
        "open": ["--num-records", 5000, "--rate", 10000, "--linger", "5ms"],
        "keyed": ["--num-records", 20000, "--record-size", "uniform:10:300", "--keys", "zipf:500", "--connections", 3],
        "packed": ["--num-records", 20000, "--compression", "lz4", "--idempotence", "--keys", "sequential"],
        "alone": ["--num-records", 3000, "--batch-bytes", 1, "--acks", 1, "--connections", 10],
    }
    for name, words in forms.items():
        status, out, err = bench(broker, "produce", "--topic", name, "--partitions", 3, "--format", "json", *words)
        said = json.loads(out)
        section = said["sections"][0]
        checks.equal((status, said["valid"], section["records"], end_of(broker, name, 3)), (0, True, words[1], words[1]),
                     f"produce, {name}: reported, and in the log")
        checks.equal(sum(row["records"] for row in section["intervals"]), words[1], f"produce, {name}: the rows add up")
        if name != "closed":
            checks.equal(section["latency_us"]["count"], words[1], f"produce, {name}: a latency for each record")
        status, out, _ = bench(broker, "consume", "--topic", name, "--format", "json")
        checks.equal((status, json.loads(out)["sections"][0]["records"]), (0, words[1]), f"consume, {name}")
    status, out, _ = bench(broker, "produce", "--topic", "unanswered", "--partitions", 1, "--acks", 0, "--num-records", 10000, "--format", "json")
    deadline = time.monotonic() + 5
    while end_of(broker, "unanswered", 1) < 10000 and time.monotonic() < deadline:
        time.sleep(0.05)
    checks.equal((status, end_of(broker, "unanswered", 1)), (0, 10000), "produce, acks=0: in the log")


class Series(html.parser.HTMLParser):
    """The points of every line of the page, by chart and name."""

    def __init__(self):
        super().__init__()
        self.chart, self.all = None, {}

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.chart = attributes.get("data-chart", self.chart)
        if "data-points" in attributes:
            self.all[self.chart, attributes["data-series"]] = json.loads(attributes["data-points"])


def page(checks, path, said):
    if not browser.chromium():
        checks.skip("the page in a browser", "no Chromium here")
        return
    console, document = browser.opened(path)
    checks.equal(console, [], "page: the browser's console says nothing")
    drawn = Series()
    drawn.feed(document)
    for section in said["sections"]:
        name = section["name"]
        rows = section["intervals"]
        checks.equal(drawn.all.get((f"{name} rate", "records/s")), [[r["second"], r["records"] / r["length"]] for r in rows],
                     f"page, {name}: the rate is the run's")
        for series, key in (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p99_9_us"), ("max", "max_us")):
            checks.that(drawn.all.get((f"{name} latency", series)) == [[r["second"], r[key]] for r in rows], f"page, {name}: {series} over time is the run's")
        checks.that(drawn.all.get((f"{name} curve", "latency")) == section["latency_us"]["curve"], f"page, {name}: the percentile curve is the run's")


def outputs(checks, broker, home):
    hgrm, report = os.path.join(home, "run.hgrm"), os.path.join(home, "run.html")
    status, out, err = bench(broker, "latency", "--topic", "end-to-end", "--partitions", 2, "--rate", 1000, "--duration", "3s", "--format", "json",
                             "--hgrm", hgrm, "--report", report, "--slo", "p99<60s", "--slo", "rate>900", "--pump", "--dir", home)
    said = json.loads(out)
    checks.equal((status, said["valid"], [s["name"] for s in said["sections"]], [s["records"] for s in said["sections"]]),
                 (0, True, ["end to end", "produce"], [3000, 3000]), "latency: each record of the schedule is acknowledged and arrives")
    checks.equal([o["met"] for o in said["objectives"]], [True, True], "latency: objectives that are met")
    checks.that("ratio" in said["more"].get("pump: echo round trip of 64 bytes", ""), "latency: the ratio to the pump", said["more"])
    end_to_end, acknowledged = (s["latency_us"] for s in said["sections"])
    checks.that(0 < end_to_end["p50"] <= end_to_end["p99"] <= end_to_end["max"], "latency: percentiles are in order", end_to_end["p50"])
    rows = len(said["sections"][0]["intervals"])
    checks.that(rows - len(err.strip().splitlines()) in (0, 1), "progress: a line for each whole second where there is no terminal", rows)
    checks.that(re.search(r"records/s .* p50 .* p99 .* p99\.9 .* in flight \d+", err), "progress: rate, percentiles and what is in flight")
    with open(hgrm) as file:
        lines = file.read().splitlines()
    checks.equal(lines[0].split(), ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"], "hgrm: its head")
    last = [line for line in lines[2:] if not line.startswith("#")][-1].split()
    checks.equal((float(last[1]), int(last[2])), (1.0, 3000), "hgrm: its last row counts every record")
    checks.that(abs(float(last[0]) * 1000 - end_to_end["max"]) < 1, "hgrm: its last value is the largest", last[0])
    page(checks, report, said)
    status, out, _ = bench(broker, "produce", "--topic", "end-to-end", "--num-records", 1000, "--slo", "p99<1us")
    checks.that(status == 3 and "MISSED" in out, "an objective that is missed is exit status 3", status)
    status, out, _ = bench(broker, "produce", "--topic", "end-to-end", "--num-records", 1000, "--record-size", 100, "--throughput", -1,
                           "--producer-props", "acks=1", "linger.ms=1", "batch.size=4096", "--print-kafka-summary")
    summary = r"1000 records sent, \d+\.\d{6} records/sec \(\d+\.\d\d MB/sec\), \d+\.\d\d ms avg latency, \d+\.\d\d ms max latency, " \
              r"\d+ ms 50th, \d+ ms 95th, \d+ ms 99th, \d+ ms 99\.9th\."
    checks.that(status == 0 and re.fullmatch(summary, out.splitlines()[-1]), "Kafka's flags and its summary line", out.splitlines()[-1])
    status, out, _ = bench(broker, "mixed", "--topic", "mixed", "--partitions", 2, "--num-records", 20000, "--record-size", 200, "--format", "json")
    checks.equal((status, [s["records"] for s in json.loads(out)["sections"]]), (0, [20000, 20000]), "mixed: everything comes back")
    status, out, _ = bench(broker, "fanout", "--topic", "fan", "--partitions", 2, "--num-records", 1000, "--consumers", 3, "--format", "json")
    checks.equal((status, [s["records"] for s in json.loads(out)["sections"]]), (0, [3000, 1000]), "fanout: everything comes to each consumer")


def many(checks, broker):
    status, out, err = bench(broker, "connections", "--topic", "waited-for", "--partitions", 2, "--connections", 500, "--duration", "2s", "--polling",
                             "--fetch-wait", "200ms", "--format", "json")
    said = json.loads(out)
    poll, opened = said["sections"]
    checks.equal((status, opened["records"], said["more"]["connections open at the end"]), (0, 500, "500"), "connections: as many as asked stay open")
    checks.that(poll["requests"] >= 500 * 5 and poll["latency_us"]["p50"] >= 200e3, "connections, polling: each fetch waits its time", poll["requests"])
    status, out, _ = bench(broker, "connections", "--topic", "waited-for", "--connections", 500, "--duration", "1s", "--format", "json")
    checks.equal((status, json.loads(out)["more"]["connections open at the end"]), (0, "500"), "connections, idle: they stay open")
    started = launch(broker, "connections", "--topic", "woken", "--partitions", 1, "--connections", 200, "--duration", "3s", "--polling", "--once",
                     "--fetch-wait", "30s", "--format", "json")
    started.stderr.readline()  # all are open
    with broker.connect() as client:
        client.produce("woken", 0, batch([b"all of you"]))
    out, err = started.communicate(timeout=SECONDS_MAX)
    status, said = started.returncode, json.loads(out)
    checks.equal((status, said["sections"][0]["requests"]), (0, 200), "connections, polling once: one record wakes each, and none polls again")
    checks.that("all 200 polls answered after" in err and said["more"]["polls answered"].startswith("200 of 200, the last after"),
                "connections, polling once: it says when all were woken", said["more"])
    status, out, err = bench(broker, "groups", "--topic", "shared", "--partitions", 6, "--groups", 5, "--members", 3, "--duration", "6s", "--format", "json")
    said = json.loads(out)
    checks.equal((status, said["more"]["groups that had all partitions"], [s["records"] for s in said["sections"][1:]]), (0, "5 of 5", [15, 5]),
                 "groups: every member joins, and every partition finds a reader")
    status, out, _ = bench(broker, "saturate", "--topic", "filled", "--partitions", 2, "--rate", 100, "--duration", "600ms", "--warm-up", "50ms",
                           "--slo", "rate<900", "--format", "json")
    said = json.loads(out)
    rate = int(said["more"]["highest rate that held"].split()[0])
    checks.that(status == 0 and 800 <= rate <= 960, "saturate: the highest rate that keeps the objective", rate)


def refused(checks, broker, title, words, *expected, status=2):
    code, out, err = bench(broker, *words)
    last = err.strip().splitlines()[-1:] or [""]
    checks.that(code == status and all(word in last[0] for word in expected), title, f"{code}: {last[0]}")


def bad_input(checks, broker):
    refused(checks, None, "an unknown command names the nearest", ["prodcue"], "prodcue", "produce?")
    refused(checks, None, "an unknown option names the nearest", ["produce", "--record-sise", "5"], "--record-sise", "--record-size?")
    refused(checks, None, "an abbreviated option is unknown", ["produce", "--record", "5"], "unknown option --record")
    refused(checks, None, "an option of another command", ["consume", "--acks", "1"], "unknown option --acks")
    refused(checks, None, "a size that is none", ["produce", "--record-size", "big"], "--record-size", "1KiB")
    refused(checks, None, "a rate that is impossible", ["produce", "--rate", "-5"], "--rate", "-5")
    refused(checks, None, "a duration of nothing", ["produce", "--duration", "0s"], "--duration")
    refused(checks, None, "an objective that is none", ["produce", "--slo", "p99=5"], "--slo", "p99<5ms")
    refused(checks, None, "idempotence without acks=all", ["produce", "--idempotence", "--acks", "1"], "acks=all")
    refused(checks, None, "an address that is none", ["produce", "--bootstrap-server", "nowhere"], "host:port")
    refused(checks, None, "an address where nobody listens", ["produce", "--bootstrap-server", "127.0.0.1:1"], "127.0.0.1:1", "no connection", status=1)
    refused(checks, broker, "a topic that is not there", ["produce", "--topic", "absent", "--no-create"], "absent", "does not exist", status=1)
    refused(checks, broker, "a topic to read that is not there", ["consume", "--topic", "absent"], "absent", "does not exist", status=1)
    with broker.connect() as client:
        client.make_topic("three", 3)
    refused(checks, broker, "partitions other than there are", ["produce", "--topic", "three", "--partitions", "5"], "three", "3", "5", status=1)
    refused(checks, broker, "a report that cannot be written", ["produce", "--topic", "three", "--num-records", "10", "--report", "/nowhere/r.html"],
            "/nowhere/r.html", "could not be written", status=1)


def run_during(broker, seconds, what, *words):
    """The run's status and JSON; `what` happens some seconds after it began."""
    started = launch(broker, *words, "--format", "json")
    timer = threading.Timer(seconds, what, args=[started])
    timer.start()
    out, err = started.communicate(timeout=SECONDS_MAX)
    timer.join()
    return started.returncode, json.loads(out), err


def stalled(checks, broker):
    def stall(_):
        os.kill(broker.pid, signal.SIGSTOP)
        time.sleep(1)
        os.kill(broker.pid, signal.SIGCONT)

    status, said, _ = run_during(broker, 2, stall, "produce", "--topic", "stall", "--partitions", 1, "--rate", 1000, "--duration", "5s")
    section = said["sections"][0]
    checks.equal((status, section["records"]), (0, 5000), "a stall of 1 s: everything is sent all the same")
    checks.that(section["latency_us"]["p99_9"] > 900e3, "a stall of 1 s shows in p99.9", section["latency_us"]["p99_9"])
    above = 5000 - next(p for p in section["latency_us"]["curve"] if p[1] > 100e3)[0] / 100 * 5000
    checks.that(above > 600, "a stall of 1 s is seen by all records that were due in it", above)


def impossible(checks, broker):
    began = time.monotonic()
    status, out, _ = bench(broker, "produce", "--topic", "too-much", "--partitions", 1, "--rate", "50M", "--duration", "1s", "--format", "json")
    said = json.loads(out)
    section = said["sections"][0]
    checks.that(status == 1 and any("the rate was not held" in note and "of 50000000 records" in note for note in said["notes"]),
                "a rate that cannot be held: it says so, and the run is not valid", said["notes"])
    checks.equal(section["records"], end_of(broker, "too-much", 1), "a rate that cannot be held: what was measured is kept, and in the log")
    checks.that(time.monotonic() - began < 20, "a rate that cannot be held: the run ends a little after its time")


def broken(checks, home):
    with Broker() as broker:
        def restart(_):
            broker.kill()
            broker.start()

        status, said, err = run_during(broker, 1.5, restart, "produce", "--topic", "back", "--partitions", 2, "--rate", 2000, "--duration", "5s")
        section = said["sections"][0]
        checks.that(status == 1 and not said["valid"], "a broker that dies and comes back: the run is not valid", said["notes"])
        checks.that(any("connected again" in note for note in said["notes"]), "a broker that comes back is connected to again")
        checks.equal(section["records"] + section["failed_records"], 10000, "a broker that comes back: each record is acknowledged or failed")
        checks.that(section["intervals"][-1]["records"] > 0, "a broker that comes back: the load goes on")

        def delete(_):
            with broker.connect() as client:
                client.call(wire.DELETE_TOPICS, 3, wire.array([wire.string("brief")]) + (30000).to_bytes(4, "big"))

        status, said, err = run_during(broker, 1.5, delete, "produce", "--topic", "brief", "--partitions", 1, "--rate", 500, "--duration", "4s")
        checks.that(status == 1 and any("brief" in note and "deleted" in note for note in said["notes"]), "a topic that vanishes is named", said["notes"])
        checks.that(said["sections"][0]["records"] > 200, "a topic that vanishes: what was measured is kept", said["sections"][0]["records"])

        interrupt = lambda run: run.send_signal(signal.SIGINT)
        for command in ("produce", "latency"):
            status, said, err = run_during(broker, 1.5, interrupt, command, "--topic", "long", "--partitions", 1, "--rate", 500, "--duration", "60s")
            checks.that(status == 1 and "interrupted" in said["notes"] and said["sections"][0]["records"] > 200,
                        f"Ctrl-C in {command}: what was measured is printed", (status, said["notes"], said["sections"][0]["records"]))

        def freeze(run):
            os.kill(broker.pid, signal.SIGSTOP)
            time.sleep(0.5)
            run.send_signal(signal.SIGINT)

        began = time.monotonic()
        status, said, err = run_during(broker, 1, freeze, "produce", "--topic", "long", "--rate", 500, "--duration", "60s")
        os.kill(broker.pid, signal.SIGCONT)
        checks.that(status == 1 and said["sections"][0]["records"] > 200 and time.monotonic() - began < 15,
                    "Ctrl-C while the broker does not answer: the run ends, with its figures", said["notes"])
        began = time.monotonic()

        def kill_all(run):
            broker.kill()
            time.sleep(1)
            run.send_signal(signal.SIGINT)

        status, said, err = run_during(broker, 1.5, kill_all, "latency", "--topic", "long", "--rate", 500, "--duration", "60s")
        checks.that(status == 1 and said["sections"][1]["records"] > 200 and time.monotonic() - began < 20,
                    "Ctrl-C while the broker is gone: the run ends, with its figures", said["notes"])


def full_disk(checks, home):
    """On a file system of 64 MiB: what was acknowledged is told, and a topic that cannot be made any more is not waited for."""
    image, folder = os.path.join(home, "disk"), os.path.join(home, "full")
    os.mkdir(folder)
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    made = [["mkfs.ext4", "-q", image], ["mount", "-o", "loop", image, folder]]
    if os.geteuid() != 0 or any(subprocess.run(words, capture_output=True).returncode for words in made):
        checks.skip("a full disk", "a loop mount is not allowed here")
        return
    try:
        with Broker(log_dir=os.path.join(folder, "data")) as broker:
            started = launch(broker, "produce", "--topic", "filled-up", "--partitions", 1, "--rate", 100000, "--duration", "4s", "--acks", 1, "--format", "json")
            out, _ = started.communicate(timeout=SECONDS_MAX)
            said = json.loads(out)
            section = said["sections"][0]
            checks.that(started.returncode == 1 and any("kafka_storage_error" in note for note in said["notes"]), "a full disk: the run says why, and is not valid", said["notes"])
            checks.that(section["records"] > 10000 and section["failed_records"] > 0, "a full disk: what was measured until then is kept", section["records"])
            began = time.monotonic()
            status, out, err = bench(broker, "produce", "--topic", "late", "--partitions", 1, "--num-records", 10)
            checks.that(status == 1 and ("late" in err or "kafka_storage_error" in out + err), "a full disk: a new topic takes nothing, and the tool says so", (status, out[-300:], err))
            checks.that(time.monotonic() - began < 30, "a full disk: the tool does not wait for long", round(time.monotonic() - began))
    finally:
        subprocess.run(["umount", folder], capture_output=True)


def pump(checks, home):
    status, out, _ = bench(None, "pump", "--bytes", "64MiB", "--duration", "1s", "--waiters", 500, "--files", 100, "--dir", home, "--format", "json")
    figures = json.loads(out)["pumps"]
    checks.equal((status, len(figures)), (0, 9), "pump: nine figures")
    checks.that(all(f.get("gb_per_second", 1) > 0 and f.get("p50_us", 1) > 0 and f.get("cpu_ns_each", 1) > 0 for f in figures), "pump: each is a number")
    checks.equal(os.listdir(home), [], "pump: it leaves no file behind")
    status, out, _ = bench(None, "pump", "--only", "fan-out", "--readers", 3, "--duration", "1s", "--stream", "10MB", "--dir", home, "--format", "json")
    only = json.loads(out)["pumps"]
    checks.that(status == 0 and len(only) == 1 and "to 3 readers" in only[0]["name"] and 0.01 < only[0]["gb_per_second"] < 0.035,
                "pump: one alone; a stream of 10 MB/s to 3 readers is never more than 30 MB/s", only)
    status, out, _ = bench(None, "pump", "--only", "spread", "--bytes", "1MiB", "--files", 7, "--file-chunk", "4KiB", "--dir", home, "--format", "json")
    checks.equal((status, [f["name"] for f in json.loads(out)["pumps"]]), (0, ["writes of 4096 bytes to 7 files in turn"]), "pump: files in turn, as many as asked for")
    refused(checks, None, "pump: one that there is not", ["pump", "--only", "fanout"], "no pump fanout")
    refused(checks, None, "pump: a directory that is none", ["pump", "--bytes", "1MiB", "--dir", "/nowhere"], "/nowhere", status=1)


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as home:
        checks.run("pump", pump, checks, home)
        with chosen(sys.argv) as broker:
            checks.run("counts", counts, checks, broker)
            checks.run("outputs", outputs, checks, broker, home)
            checks.run("many", many, checks, broker)
            if isinstance(broker, Broker):
                checks.run("bad input", bad_input, checks, broker)
            checks.run("a stall", stalled, checks, broker)
            checks.run("a rate that is impossible", impossible, checks, broker)
        if "--reference" not in sys.argv:
            checks.run("what breaks", broken, checks, home)
            checks.run("a full disk", full_disk, checks, home)
    checks.finish()


if __name__ == "__main__":
    main()
