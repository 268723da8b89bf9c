"""Scenarios of Apache Kafka's command-line tools that look at groups, and at the node."""

import json
import re

from .groups import Party, writer

GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
CONSOLE = "org.apache.kafka.tools.consumer.ConsoleConsumer"
FORMATTERS = "org.apache.kafka.tools.consumer."
CLIENT = "kafka-clients"


def rows(said):
    """The rows of a tool's table: dictionaries by column title, whatever stands around the table."""
    lines = [line.split() for line in said.splitlines() if line.strip()]
    titles = next((line for line in lines if line[0] == "GROUP"), [])
    return [dict(zip(titles, line)) for line in lines if line[0] != "GROUP" and len(line) >= len(titles) > 0]


def json_stream(said):
    """The objects that a formatter wrote with nothing between them; other lines are left out."""
    decoder, found, at = json.JSONDecoder(), [], said.find("{")
    while at >= 0:
        one, end = decoder.raw_decode(said, at)
        found.append(one)
        at = said.find("{", end)
    return found


def stored_in(group, partitions=50):
    """The partition of __consumer_offsets: the absolute value of Java's hash of the name."""
    code = 0
    for letter in group:
        code = code * 31 + ord(letter) & 0xFFFFFFFF
    return (code if code < 1 << 31 else (1 << 32) - code) % partitions


class GroupTools:
    """Mixed into Tools, which gives `c`, on_broker() and topic_command()."""

    def groups(self, *args, **kw):
        return self.on_broker(GROUPS, *args, **kw)

    def offsets(self, group):
        """{partition: (committed, end, lag)}, `-` where there is none, from --describe."""
        found = [r for r in rows(self.groups("--describe", "--group", group)) if r["GROUP"] == group]
        return {int(r["PARTITION"]): (r["CURRENT-OFFSET"], r["LOG-END-OFFSET"], r["LAG"]) for r in found}

    def kafka_consumer_groups(self):
        topic, partitions = self.c.fresh("tools-groups"), 3
        write = writer(self.c, topic, partitions, "full")
        with Party(self.c, CLIENT, topic, partitions, "full", "tools", "range") as party:
            group = party.group
            party.join(0)
            party.read_to(write(300))
            party.commit()
            party.settle()
            self.look_at_active(group, topic)
            party.leave_all()
            write(30)
            want = {p: ("100", "110", "10") for p in range(partitions)}
            assert self.offsets(group) == want, self.offsets(group)
            assert "Empty" in self.groups("--describe", "--group", group, "--state")
            self.reset(group, topic)
            party.read.clear()
            party.join(0)
            party.until(lambda: len(party.read) >= 210, "what the reset left")
            assert party.read.keys() == {(p, o) for p in range(partitions) for o in range(40, 110)}, sorted(party.read)[:5]
            party.leave_all()
        self.forget(group, topic)

    def look_at_active(self, group, topic):
        assert group in self.groups("--list").split()
        assert re.search(rf"{group}\s+Stable", self.groups("--list", "--state", "stable"))
        assert group not in self.groups("--list", "--state", "empty").split()
        assert re.search(rf"{group}\s+Classic", self.groups("--list", "--type", "classic"))
        assert self.offsets(group) == {p: ("100", "100", "0") for p in range(3)}, self.offsets(group)
        (member,) = rows(self.groups("--describe", "--group", group, "--members", "--verbose"))
        assert member["#PARTITIONS"] == "3" and member["CURRENT-ASSIGNMENT"] == f"{topic}:0,1,2", member
        assert re.fullmatch(r"/127\.0\.0\.1", member["HOST"]), member
        (state,) = rows(self.groups("--describe", "--group", group, "--state"))
        assert {"range", "Stable", "1"} <= set(state.values()), state
        said = self.groups("--delete", "--group", group)
        assert "not empty" in said, f"the deletion of an active group: {said}"
        said = self.groups("--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--execute")
        assert "inactive" in said, f"a reset of an active group: {said}"
        assert self.offsets(group) == {p: ("100", "100", "0") for p in range(3)}, "an active group was reset"

    def reset(self, group, topic):
        """By every rule, planned and executed; the last one by time, to offset 40 of each partition."""
        rules = {
            "--to-earliest": 0,
            "--to-latest": 110,
            "--to-offset 7": 7,
            "--shift-by 5": 12,
            "--to-datetime 2023-11-14T22:13:20.840Z": 40,  # record 120
        }
        for rule, want in rules.items():
            reset = ("--reset-offsets", "--group", group, "--topic", topic, *rule.split())
            before = self.offsets(group)
            plan = {r["PARTITION"]: r["NEW-OFFSET"] for r in rows(self.groups(*reset, "--dry-run"))}
            assert plan == {str(p): str(want) for p in range(3)}, (rule, plan)
            assert self.offsets(group) == before, f"{rule} --dry-run changed offsets"
            self.groups(*reset, "--execute")
            got = self.offsets(group)
            assert got == {p: (str(want), "110", str(110 - want)) for p in range(3)}, (rule, got)

    def forget(self, group, topic):
        self.groups("--delete-offsets", "--group", group, "--topic", f"{topic}:0")
        assert sorted(self.offsets(group)) == [1, 2], self.offsets(group)
        said = self.groups("--delete", "--group", group)
        assert "was successful" in said, said
        assert group not in self.groups("--list").split()
        assert "not found" in self.groups("--describe", "--group", group)
        self.topic_command("--delete", "--topic", topic)

    def kafka_consumer_groups_new(self):
        """What the tool shows of a group by the consumer protocol."""
        topic = self.c.topic(CLIENT, "plain")
        with Party(self.c, CLIENT, topic.name, self.c.partitions, "full", "tools-new", "consumer-range") as party:
            group = party.group
            party.join(0)
            party.read_to(self.c.records)
            party.commit()
            assert re.search(rf"{group}\s+Consumer", self.groups("--list", "--type", "consumer"))
            assert group not in self.groups("--list", "--type", "classic").split()
            assert re.search(rf"{group}\s+Stable", self.groups("--list", "--state", "stable"))
            ends = {p: str(self.c.count_in(p)) for p in range(self.c.partitions)}
            assert self.offsets(group) == {p: (end, end, "0") for p, end in ends.items()}, self.offsets(group)
            (member,) = rows(self.groups("--describe", "--group", group, "--members", "--verbose"))
            assert member["#PARTITIONS"] == "3" and member["CURRENT-ASSIGNMENT"] == f"{topic.name}:0,1,2", member
            (state,) = rows(self.groups("--describe", "--group", group, "--state"))
            assert {"range", "Stable", "1"} <= set(state.values()), state
            assert "not empty" in self.groups("--delete", "--group", group)
            party.leave_all()
        self.groups("--reset-offsets", "--group", group, "--topic", topic.name, "--to-offset", "7", "--execute")
        assert {offsets[0] for offsets in self.offsets(group).values()} == {"7"}, self.offsets(group)
        assert "was successful" in self.groups("--delete", "--group", group)

    def console_group(self):
        """The console consumer goes on where the one before it, of the same group, had committed."""
        topic, group = self.c.fresh("tools-console-group"), self.c.fresh("console-group")
        write = writer(self.c, topic, 1, "text")
        write(100)
        ask = ("--topic", topic, "--group", group, "--from-beginning", "--formatter-property", "print.value=false")
        offsets = ("--formatter-property", "print.offset=true")
        for first, count in ((0, 60), (60, 40)):
            said = self.on_broker(CONSOLE, *ask, *offsets, "--max-messages", str(count), "--timeout-ms", "20000")
            got = [int(n) for n in re.findall(r"Offset:(\d+)", said)]
            assert got == list(range(first, first + count)), (got[:3], said[-200:])
        assert self.offsets(group) == {0: ("100", "100", "0")}, self.offsets(group)
        self.topic_command("--delete", "--topic", topic)

    def console_offsets_topic(self):
        """What the broker stores of a group is what Kafka's formatters read."""
        topic, partitions = self.c.fresh("tools-stored"), 3
        write = writer(self.c, topic, partitions, "full")
        with Party(self.c, CLIENT, topic, partitions, "full", "stored", "range") as party:
            party.join(0, "stored-instance")
            party.read_to(write(30))
            party.leave_all()
            party.check_committed(30)
            group = party.group
        ask = ("--topic", "__consumer_offsets", "--partition", str(stored_in(group)), "--offset", "earliest", "--timeout-ms", "1500")

        def stored(formatter):
            said = self.on_broker(CONSOLE, *ask, "--formatter", FORMATTERS + formatter)
            return [r for r in json_stream(said) if r["key"]["data"]["group"] == group]

        commits = {(r["key"]["data"]["topic"], r["key"]["data"]["partition"]): r["value"] for r in stored("OffsetsMessageFormatter")}
        assert commits.keys() == {(topic, p) for p in range(partitions)}, commits
        for value in commits.values():
            data = value["data"]
            assert data["offset"] == 10 and data["metadata"] == "" and data["commitTimestamp"] > 0, value
        written = [r["value"]["data"] for r in stored("GroupMetadataMessageFormatter") if r["value"]]
        full = [v for v in written if v["members"]]
        assert full, f"no metadata record with a member: {written}"
        (member,) = full[-1]["members"]
        assert full[-1]["protocolType"] == "consumer" and full[-1]["protocol"] == "range", full[-1]
        assert member["groupInstanceId"] == "stored-instance" and member["clientHost"] == "/127.0.0.1", member
        self.topic_command("--delete", "--topic", topic)

    def kafka_log_dirs(self):
        topic = self.c.topic(CLIENT, "plain").name
        node = self.one_node()
        said = self.on_broker("org.apache.kafka.tools.LogDirsCommand", "--describe", "--topic-list", topic, "--broker-list", node)
        (found,) = json.loads(next(line for line in said.splitlines() if line.startswith("{")))["brokers"]
        (directory,) = found["logDirs"]
        assert directory["error"] is None, directory
        sizes = {p["partition"]: p["size"] for p in directory["partitions"]}
        assert sorted(sizes) == [f"{topic}-{p}" for p in range(self.c.partitions)], sizes
        assert all(size > 100_000 for size in sizes.values()), sizes

    def one_node(self):
        (node,) = re.findall(r"\(id: (\d+) ", self.on_broker("org.apache.kafka.tools.BrokerApiVersionsCommand"))
        return node

    def kafka_groups(self):
        with Party(self.c, CLIENT, self.c.topic(CLIENT, "plain").name, self.c.partitions, "full", "listed") as party:
            party.join(0)
            party.settle()
            said = self.on_broker("org.apache.kafka.tools.GroupsCommand", "--list")
            assert re.search(rf"{party.group}\s+Classic\s+consumer", said), said
            party.leave_all()

    def kafka_cluster(self):
        said = self.on_broker("org.apache.kafka.tools.ClusterTool", "cluster-id", after=True)
        assert re.search(r"Cluster ID: \S{22}", said), said
        said = self.on_broker("org.apache.kafka.tools.ClusterTool", "list-endpoints", after=True)
        assert self.c.bootstrap.rsplit(":")[1] in said, said

    def kafka_features(self):
        said = self.on_broker("org.apache.kafka.tools.FeatureCommand", "describe")
        found = re.search(r"Feature: group.version\s+SupportedMinVersion: (\d)\s+SupportedMaxVersion: (\d)\s+FinalizedVersionLevel: (\d)", said)
        assert found and found.group(2, 3) == ("1", "1"), said
