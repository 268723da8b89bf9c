"""Scenarios of Apache Kafka's command-line tools, run by their real mains inside the Java driver."""

import json
import os
import re
import time

from . import applications, dump_log, group_tools

TOOL_S = 60


class Tools(group_tools.GroupTools, applications.Applications):
    """`c` is the run's context: ask(), topic(), names and the work directory."""

    def __init__(self, c):
        self.c = c
        self.calls = 0

    def run(self, main_class, *args, given=None, status=0):
        self.calls += 1
        output = os.path.join(self.c.work, f"tool-{self.calls}.out")
        given_path = "-"
        if given is not None:
            given_path = os.path.join(self.c.work, f"tool-{self.calls}.in")
            with open(given_path, "wb") as f:
                f.write(given)
        got = self.c.ask("kafka-clients", f"tool {given_path} {output} {main_class} {' '.join(args)}", TOOL_S)
        with open(output, errors="replace") as f:
            said = f.read()
        assert int(got) == status, f"{main_class.rsplit('.', 1)[1]} {' '.join(args)[:200]}: exit {got}: {said.strip()[-300:]}"
        return said

    def on_broker(self, main_class, *args, after=False, **kw):
        """`after`: the tool wants a subcommand before its options."""
        where = ("--bootstrap-server", self.c.bootstrap)
        return self.run(main_class, *(args + where if after else where + args), **kw)

    def topic_command(self, *args, **kw):
        return self.on_broker("org.apache.kafka.tools.TopicCommand", *args, **kw)

    def kafka_topics(self):
        topic = self.c.fresh("tools-topics")
        said = self.topic_command("--create", "--topic", topic, "--partitions", "3", "--config", "retention.ms=86400000")
        assert f"Created topic {topic}." in said, said
        self.topic_command("--create", "--topic", topic, status=1)
        assert topic in self.topic_command("--list").split()
        said = self.topic_command("--describe", "--topic", topic)
        assert "PartitionCount: 3" in said and "retention.ms=86400000" in said and "TopicId:" in said, said
        self.topic_command("--alter", "--topic", topic, "--partitions", "5")
        assert "PartitionCount: 5" in self.topic_command("--describe", "--topic", topic)
        self.topic_command("--delete", "--topic", topic)
        assert topic not in self.topic_command("--list").split()

    def kafka_get_offsets(self):
        topic = self.c.topic("kafka-clients", "plain").name
        shell = "org.apache.kafka.tools.GetOffsetShell"
        per = [self.c.count_in(p) for p in range(self.c.partitions)]
        for when, want in (("earliest", [0] * len(per)), ("latest", per), ("max-timestamp", [n - 1 for n in per])):
            said = self.on_broker(shell, "--topic", topic, "--time", when).split()
            assert said == [f"{topic}:{p}:{offset}" for p, offset in enumerate(want)], (when, said)

    def kafka_configs(self):
        topic = self.c.fresh("tools-configs")
        self.topic_command("--create", "--topic", topic)
        entity = ("--entity-type", "topics", "--entity-name", topic)
        command = "kafka.admin.ConfigCommand"
        self.on_broker(command, *entity, "--alter", "--add-config", "max.message.bytes=65536,segment.bytes=1048576")
        said = self.on_broker(command, *entity, "--describe")
        assert "max.message.bytes=65536" in said and "segment.bytes=1048576" in said, said
        self.on_broker(command, *entity, "--alter", "--delete-config", "segment.bytes")
        said = self.on_broker(command, *entity, "--describe")
        assert "max.message.bytes=65536" in said and "segment.bytes" not in said, said
        assert "cleanup.policy=delete" in self.on_broker(command, *entity, "--describe", "--all")
        self.on_broker(command, *entity, "--alter", "--add-config", "max.message.bytes=many", status=1)
        self.topic_command("--delete", "--topic", topic)

    def kafka_configs_of_groups(self):
        """Of a group, and of the node that such a config falls back to."""
        command, config = "kafka.admin.ConfigCommand", "consumer.session.timeout.ms"
        group = ("--entity-type", "groups", "--entity-name", self.c.fresh("tools-configs"))
        self.on_broker(command, *group, "--alter", "--add-config", f"{config}=50000")
        assert f"{config}=50000" in self.on_broker(command, *group, "--describe")
        self.on_broker(command, *group, "--alter", "--add-config", f"{config}=1", status=1)
        self.on_broker(command, *group, "--alter", "--delete-config", config)
        assert f"{config}=50000" not in self.on_broker(command, *group, "--describe")
        node = ("--entity-type", "brokers", "--entity-name", self.one_node())
        said = self.on_broker(command, *node, "--describe", "--all")
        assert re.search(rf"group\.{config}=\d+ sensitive=false synonyms=", said), said[:300]
        self.on_broker(command, *node, "--alter", "--add-config", "log.retention.ms=7200000")
        said = self.on_broker(command, *node, "--describe")
        assert re.search(r"log.retention.ms=7200000 .*DYNAMIC_BROKER_CONFIG:log.retention.ms=7200000", said), said
        self.on_broker(command, *node, "--alter", "--delete-config", "log.retention.ms")
        assert "7200000" not in self.on_broker(command, *node, "--describe")

    def console(self):
        """Console producer, then console consumer by partition and offset, which joins no group."""
        topic = self.c.fresh("tools-console")
        self.topic_command("--create", "--topic", topic, "--partitions", "1")
        given = "".join(f"k{i}:line {i}\n" for i in range(200))
        options = ("--reader-property", "parse.key=true", "--reader-property", "key.separator=:", "--compression-codec", "lz4")
        self.on_broker("org.apache.kafka.tools.ConsoleProducer", "--topic", topic, *options, given=given.encode())
        end = f"{topic}:0:200"  # the producer closes, and so flushes, in a shutdown hook that this JVM has yet to run
        deadline = time.monotonic() + TOOL_S
        while self.on_broker("org.apache.kafka.tools.GetOffsetShell", "--topic", topic).strip() != end:
            assert time.monotonic() < deadline, "the console producer's 200 lines did not arrive"
        said = self.on_broker(
            "org.apache.kafka.tools.consumer.ConsoleConsumer",
            *("--topic", topic, "--partition", "0", "--offset", "50", "--max-messages", "150", "--timeout-ms", "20000"),
            *("--formatter-property", "print.key=true", "--formatter-property", "key.separator=:"),
        )
        lines = [line for line in said.splitlines() if line.startswith("k")]
        assert lines == given.splitlines()[50:], said[:300]
        self.topic_command("--delete", "--topic", topic)

    def kafka_delete_records(self):
        topic = self.c.fresh("tools-cut")
        self.c.ask("kafka-clients", f"create {topic} 3", TOOL_S)
        self.c.ask("kafka-clients", f"produce {topic} 3 300 full none 0", TOOL_S)
        cut = {"version": 1, "partitions": [{"topic": topic, "partition": p, "offset": o} for p, o in ((0, 40), (1, -1))]}
        path = os.path.join(self.c.work, "cut.json")
        with open(path, "w") as f:
            json.dump(cut, f)
        said = self.on_broker("org.apache.kafka.tools.DeleteRecordsCommand", "--offset-json-file", path)
        assert re.search(rf"{topic}-0\s+low_watermark: 40", said) and re.search(rf"{topic}-1\s+low_watermark: 100", said), said
        said = self.on_broker("org.apache.kafka.tools.GetOffsetShell", "--topic", topic, "--time", "earliest").split()
        assert said == [f"{topic}:0:40", f"{topic}:1:100", f"{topic}:2:0"], said
        self.topic_command("--delete", "--topic", topic)

    def kafka_broker_api_versions(self):
        said = self.on_broker("org.apache.kafka.tools.BrokerApiVersionsCommand")
        for api in ("Produce(0)", "Fetch(1)", "ListOffsets(2)", "Metadata(3)", "ApiVersions(18)", "OffsetForLeaderEpoch(23)"):
            assert re.search(re.escape(api) + r": \d+ to \d+ \[usable: \d+\]", said), f"{api} is not usable: {said[:300]}"

    def dump_rolled_segments(self):
        """Two rolls of a small segment size, so that closed segments with filled indexes are read too."""
        assert self.c.log_dir, "the data directory is not known: set MILLRACE_LOG_DIR"
        topic = self.c.fresh("tools-rolled")
        small = ("--config", "segment.bytes=1048576", "--config", "index.interval.bytes=4096", "--config", "retention.ms=-1")
        self.topic_command("--create", "--topic", topic, "--partitions", "1", *small)
        self.c.ask("kafka-clients", f"produce {topic} 1 20000 full none 1", TOOL_S)
        self.c.ask("kafka-clients", f"read {topic} 1 20000 full", TOOL_S)
        self.c.ask("kafka-clients", f"seek_time {topic} 1 20000 full", TOOL_S)
        logs, indexes = dump_log.check_topic(self.run, self.c.log_dir, topic, 1, 20000, "none", True)
        filled = [i for i in dump_log.files_of(self.c.log_dir, topic, 1, ".index", ".timeindex") if dump_log.has_entries(i)]
        assert logs >= 3 and indexes >= 4 and len(filled) >= 4, f"{logs} segments, {indexes} indexes, {len(filled)} of them filled"
        snapshots = dump_log.files_of(self.c.log_dir, topic, 1, ".snapshot")
        assert snapshots, "no producer snapshot was taken at a roll"
        said = dump_log.dump(self.run, snapshots)
        assert "producerId: " in said, said[:300]
        dump_log.judge(said)
        self.topic_command("--delete", "--topic", topic)

    def dump_log(self):
        """Every topic that the suite has written and not deleted, with its indexes; then the producer snapshots."""
        assert self.c.log_dir, "the data directory is not known: set MILLRACE_LOG_DIR"
        logs = indexes = 0
        for t in self.c.written():
            more = dump_log.check_topic(
                self.run, self.c.log_dir, t.name, self.c.partitions, self.c.records, t.codec, t.idempotent
            )
            logs, indexes = logs + more[0], indexes + more[1]
        assert logs, "nothing was written"
        return f"{logs} segments, {indexes} indexes"
