#!/usr/bin/env python3
"""millrace topic describe, cluster and config against a running broker: what they show is what the broker has, and what is
refused says why, by exit status and by one line."""
import json
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.broker import TREE, Broker, clean_environment  # noqa: E402
from harness.checks import Checks  # noqa: E402

CHECK_MS = 8000  # seldom enough to be asked in between
TOOL = os.environ.get("MILLRACE_TOOL") or os.path.join(TREE, "build-release/tools/millrace/millrace")


def run(broker, *words):
    """(exit status, standard output, standard error)"""
    done = subprocess.run([TOOL, *words, "--bootstrap-server", broker.bootstrap], capture_output=True, text=True, timeout=60,
                          env=clean_environment())
    return done.returncode, done.stdout, done.stderr


def parsed(broker, *words):
    status, out, err = run(broker, *words, "--format", "json")
    if status:
        raise ValueError(f"{' '.join(words)}: {err}")
    return json.loads(out)


def topic(checks, broker):
    began = time.time() * 1000
    run(broker, "topic", "create", "orders", "--partitions", "2", "--config", "segment.bytes=2000000")
    run(broker, "produce", "orders", "--generate", "100", "--record-size", "1000", "--partition", "1")
    shown = parsed(broker, "topic", "describe", "orders")
    empty, full = shown["partitions"]
    checks.equal(sorted((empty["shard"], full["shard"])), [0, 1], "topic describe: the shard of each partition")
    checks.equal((full["start"], full["end"], empty["start"], empty["end"]), (0, 100, 0, 0), "topic describe: first and last offsets")
    checks.that(100_000 < full["bytes"] < 120_000 and empty["bytes"] == 0, "topic describe: bytes on disk", (empty["bytes"], full["bytes"]))
    checks.that(began - 1 <= full["first_timestamp"] <= full["last_timestamp"] <= time.time() * 1000 + 1,
                "topic describe: times of the first and the newest record", (full["first_timestamp"], full["last_timestamp"]))
    checks.equal((empty["first_timestamp"], empty["last_timestamp"]), (None, None), "topic describe: an empty partition has no times")
    checks.equal(shown["configs"]["segment.bytes"], {"value": "2000000", "source": "topic", "default": False}, "topic describe: configs")
    status, text, _ = run(broker, "topic", "describe", "orders")
    checks.that(status == 0 and "config segment.bytes=2000000" in text, "topic describe: text names the configs set on the topic")


def retention(checks, broker):
    """What is said to go is gone when it was said to be."""
    run(broker, "topic", "create", "aging", "--config", "retention.ms=1500", "--config", "file.delete.delay.ms=0")
    run(broker, "produce", "aging", "--generate", "10")
    explain = lambda: parsed(broker, "topic", "explain-retention", "aging")["partitions"][0]
    young, = explain()["goes"]
    written = parsed(broker, "topic", "describe", "aging")["partitions"][0]
    checks.equal((young["from"], young["until"]), (0, 10), "explain-retention: what is not too old yet")
    checks.equal(young["earliest"], written["first_timestamp"] + 1500, "explain-retention: when it goes at the earliest")
    time.sleep(2)
    old, = explain()["goes"]
    checks.that((old["from"], old["until"]) == (0, 10) and "older than retention.ms=1500" in old["why"], "explain-retention: what is too old", old)
    checks.equal(old["latest"] - old["earliest"], CHECK_MS, "explain-retention: when it is gone at the latest")
    text = run(broker, "topic", "explain-retention", "aging")[1]
    checks.that("older than retention.ms=1500" in text and "retention.bytes=-1" in text, "explain-retention: text says why, and the rules")
    while explain()["start"] < 10 and time.time() * 1000 < old["latest"] + 5000:
        time.sleep(0.2)
    checks.equal((explain()["start"], explain()["goes"]), (10, []), "explain-retention: what was said to go went")
    status, _, err = run(broker, "topic", "explain-retention", "nowhere")
    checks.that(status == 1 and err.count("\n") == 1, "explain-retention: an unknown topic is one line and status 1", err)


def cluster(checks, broker):
    shown = parsed(broker, "cluster")
    node, = shown["nodes"]
    checks.equal(node["address"], broker.bootstrap, "cluster: the node's address")
    checks.equal((shown["controller"], len(shown["cluster"])), (node["node"], 22), "cluster: controller and id")
    apis = {api["name"]: (api["min"], api["max"]) for api in node["apis"]}
    checks.that(apis.get("produce", (99, 0))[0] <= apis.get("produce", (0, -1))[1] and "fetch" in apis, "cluster: versions of each API", len(apis))
    status, text, _ = run(broker, "cluster", "--apis")
    checks.that(status == 0 and shown["cluster"] in text and "produce" in text, "cluster: text names the id and, with --apis, the APIs")


def config(checks, broker):
    value = lambda: parsed(broker, "config", "get", "topic:orders", "retention.ms")[0]
    checks.that(value()["default"] is True, "config get: a default")
    checks.equal(run(broker, "config", "set", "topic:orders", "retention.ms=12345", "max.message.bytes=54321")[:2], (0, "topic:orders altered\n"),
                 "config set: two at once")
    checks.equal((value()["value"], value()["source"]), ("12345", "topic"), "config get: what was set, and where")
    changed = {row["name"]: row["value"] for row in parsed(broker, "config", "diff", "topic:orders")}
    checks.equal(changed, {"retention.ms": "12345", "max.message.bytes": "54321", "segment.bytes": "2000000"}, "config diff: what differs from the defaults")
    run(broker, "topic", "create", "plain")
    between = {row["name"]: row["second"] for row in parsed(broker, "config", "diff", "topic:orders", "topic:plain")}
    checks.equal(sorted(between), ["max.message.bytes", "retention.ms", "segment.bytes"], "config diff: what differs between two topics")
    run(broker, "config", "set", "topic:orders", "--delete", "retention.ms")
    checks.that(value()["default"] is True, "config set --delete: the default again")
    at_start = {row["name"]: row["value"] for row in parsed(broker, "config", "diff", "broker")}
    checks.equal(at_start.get("log.dirs"), broker.log_dir, "config diff: what the broker was started with")


def live(checks, broker):
    """What is set on the broker and on groups acts at once and after a restart; each value tells where it was set."""
    def row(what, name):
        value = parsed(broker, "config", "get", what, name)[0]
        return value["value"], value["source"]

    def accepted(size):
        return run(broker, "produce", "plain", "--generate", "1", "--record-size", str(size), "--partition", "0")[0] == 0

    checks.that(accepted(5000), "config set: a record of 5000 bytes fits at first")
    checks.equal(run(broker, "config", "set", "broker:1", "message.max.bytes=2000")[0], 0, "config set: an option of the running broker")
    checks.equal(row("broker:1", "message.max.bytes"), ("2000", "dynamic broker"), "config get: it was set on this broker")
    checks.equal(row("topic:plain", "max.message.bytes"), ("2000", "dynamic broker"), "config get: a topic without an own value has it")
    checks.equal(parsed(broker, "topic", "describe", "plain")["configs"]["max.message.bytes"],
                 {"value": "2000", "source": "dynamic broker", "default": False}, "topic describe: what is set on the broker is no default")
    checks.that(parsed(broker, "topic", "describe", "plain")["configs"]["retention.ms"]["default"], "topic describe: what is set nowhere is one")
    checks.that(not accepted(5000) and accepted(1000), "config set: it acts on topics that have no value of their own")
    checks.equal(run(broker, "config", "set", "group:billing", "consumer.session.timeout.ms=50000")[0], 0, "config set: a config of a group")
    checks.equal(row("group:billing", "consumer.session.timeout.ms"), ("50000", "group"), "config get: it was set on the group")
    changed = {entry["name"]: entry["value"] for entry in parsed(broker, "config", "diff", "group:billing")}
    checks.equal(changed, {"consumer.session.timeout.ms": "50000"}, "config diff: what a group has of its own")
    broker.stop()
    broker.start()
    checks.equal(row("broker:1", "message.max.bytes"), ("2000", "dynamic broker"), "after a restart: the broker's value")
    checks.equal(row("group:billing", "consumer.session.timeout.ms"), ("50000", "group"), "after a restart: the group's value")
    checks.that(not accepted(5000), "after a restart: it acts")
    run(broker, "config", "set", "broker:1", "--delete", "message.max.bytes")
    checks.equal(row("broker:1", "message.max.bytes"), ("1048588", "default"), "config set --delete: the broker's default again")
    checks.that(accepted(5000), "config set --delete: it acts")


def all_brokers(checks, broker):
    def row(what):
        value = parsed(broker, "config", "get", what, "message.max.bytes")[0]
        return value["value"], value["source"]

    checks.equal(run(broker, "config", "set", "brokers", "message.max.bytes=3000")[:2], (0, "brokers altered\n"), "config set brokers: a default of all")
    checks.equal((row("brokers"), row("broker")), (("3000", "dynamic default broker"),) * 2, "config get: it was set for all brokers")
    checks.equal([r["name"] for r in parsed(broker, "config", "diff", "brokers")], ["message.max.bytes"], "config diff brokers: only that")
    run(broker, "config", "set", "broker:1", "message.max.bytes=2000")
    checks.equal((row("brokers")[0], row("broker:1")), ("3000", ("2000", "dynamic broker")), "config set: a broker's own value comes first")
    run(broker, "config", "set", "broker", "--delete", "message.max.bytes")
    checks.equal(row("broker:1"), ("3000", "dynamic default broker"), "config set --delete: what all brokers have")
    run(broker, "config", "set", "brokers", "--delete", "message.max.bytes")
    checks.equal(row("broker:1")[1], "default", "config set brokers --delete: the default again")


def refusals(checks, broker):
    long = "a" * 40_000
    for command in (("group", "describe", long), ("group", "delete", long), ("group", "reset-offsets", long, "--topic", "t", "--to-latest"),
                    ("group", "reset-offsets", "g", "--topic", long, "--to-latest"), ("consume", long), ("consume", "t", "--group", long),
                    ("produce", long, "--generate", "1"), ("topic", "create", long), ("topic", "describe", long),
                    ("topic", "alter", long, "--partitions", "2"), ("topic", "delete", long), ("config", "get", "topic:" + long),
                    ("config", "get", "group:" + long), ("config", "set", "topic:orders", "retention.ms=" + long)):
        code, out, err = run(broker, *command)
        checks.that(code == 2 and not out and err.count("\n") == 1 and "32767" in err and len(err) < 200,
                    f"refused: {' '.join(command)[:40]} with 40000 bytes", f"{code}: {err[:200].strip()}")
    cases = [
        (1, ("config", "set", "broker:1", "num.partitions=3"), ["num.partitions", "restart"]),
        (1, ("config", "set", "broker:1", "max.conections=3"), ["max.connections"]),
        (1, ("config", "set", "group:g", "consumer.session.timeout.ms=1"), ["group.consumer.min.session.timeout.ms"]),
        (1, ("config", "get", "topic:nix"), ["nix", "topic list"]), (1, ("config", "get", "topic:orders", "nix"), ["nix", "config get"]),
        (1, ("config", "get", "broker:99"), ["99", "millrace cluster"]), (1, ("config", "set", "topic:orders", "retention.ms=x"), ["retention.ms"]),
        (2, ("config", "get", "orders"), ["topic:NAME", "orders"]), (2, ("config", "set", "topic:orders"), ["CONFIG=VALUE"]),
        (2, ("config", "set", "topic:orders", "retention.ms"), ["CONFIG=VALUE"]), (2, ("config", "list"), ["get, set, diff"]),
        (2, ("config",), ["get, set, diff"]), (2, ("cluster", "now"), ["now"]), (1, ("topic", "describe", "nix"), ["nix", "topic create"]),
    ]
    for status, command, words in cases:
        code, out, err = run(broker, *command)
        checks.that(code == status and not out and err.count("\n") == 1 and all(word in err for word in words), f"refused: {' '.join(command)}",
                    f"{code}: {err.strip()}")


def main():
    checks = Checks()
    with Broker(options=["--shards", "2"]) as broker:
        for work in (topic, cluster, config, live, all_brokers, refusals):
            checks.run(work.__name__, work, checks, broker)
    with Broker(options=["--log.initial.task.delay.ms", "1", "--log.retention.check.interval.ms", str(CHECK_MS)]) as broker:
        checks.run("retention", retention, checks, broker)
    checks.finish()


if __name__ == "__main__":
    main()
