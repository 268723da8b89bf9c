"""The scenarios of the client drivers: what each cell of the manifest does."""

import os
import threading
from dataclasses import dataclass

from . import groups
from .driver import Driver

COMMAND_S = 60
# scenario: (codec, idempotent)
WRITES = {
    "plain": ("none", False),
    "gzip": ("gzip", False),
    "snappy": ("snappy", False),
    "lz4": ("lz4", False),
    "zstd": ("zstd", False),
    "idempotent": ("none", True),
}


@dataclass(frozen=True)
class Topic:
    name: str
    flavor: str
    codec: str
    idempotent: bool


class Context:
    def __init__(self, manifest, broker, installed, work, run_name):
        self.clients = {c["name"]: c for c in manifest["clients"]}
        self.records, self.partitions = manifest["records"], manifest["partitions"]
        self.bootstrap, self.log_dir, self.work = broker.bootstrap, broker.log_dir, work
        self.installed, self.run_name = installed, run_name
        self.drivers, self.topics = {}, {}
        self.lock = threading.RLock()  # cells of different clients may run at the same time

    def fresh(self, what):
        return f"{self.run_name}-{what}"

    def count_in(self, p):
        return (self.records - p + self.partitions - 1) // self.partitions

    def driver(self, client, place="", bootstrap=None):
        """The client's driver in this place: one for what needs no group, and one for each member; the process comes with the first command."""
        name = f"{client}{place}"
        with self.lock:
            driver = self.drivers.get(name)
            if driver is None:
                got = self.installed[client]
                if isinstance(got, Exception):
                    raise got
                command, env = got
                bootstrap = bootstrap or self.bootstrap
                env = dict(os.environ, MILLRACE_BOOTSTRAP=bootstrap, PYTHONDONTWRITEBYTECODE="1") | env
                driver = Driver(name, command, env, os.path.join(self.work, f"{name}.log"))
                self.drivers[name] = driver
        return driver

    def ask(self, client, line, timeout_s=COMMAND_S):
        return self.driver(client).ask(line, timeout_s)

    def topic(self, client, write):
        """The topic that `client` wrote in this way; written when first asked for, a failure being remembered too."""
        with self.lock:
            return self._topic(client, write)

    def _topic(self, client, write):
        made = self.topics.get((client, write))
        if made is None:
            codec, idempotent = WRITES[write]
            spec = self.clients[client]
            name = self.fresh(f"{client}-{write}")
            try:
                self.ask(spec.get("creator", client), f"create {name} {self.partitions}")
                flavor = spec.get("flavor", "full")
                self.ask(client, f"produce {name} {self.partitions} {self.records} {flavor} {codec} {int(idempotent)}")
                made = Topic(name, flavor, codec, idempotent)
            except Exception as e:
                made = e
            self.topics[client, write] = made
        if isinstance(made, Exception):
            raise made
        return made

    def written(self):
        return [t for t in self.topics.values() if isinstance(t, Topic)]

    def on(self, client, command, topic):
        self.ask(client, f"{command} {topic.name} {self.partitions} {self.records} {topic.flavor}")

    def dismiss(self, place):
        """Ends the drivers whose place begins so."""
        with self.lock:
            names = [name for name in self.drivers if place in name]
            for name in names:
                self.drivers.pop(name).kill()

    def stop(self):
        for driver in self.drivers.values():
            driver.stop()


def run(c, client, scenario):
    """Raises with the reason unless the client does what the scenario says."""
    spec = c.clients[client]
    if scenario == "version":
        got = c.ask(client, "version")
        assert got == spec["version"], f"the client is {got}, the manifest says {spec['version']}"
    elif scenario in WRITES:
        c.on(client, "read", c.topic(client, scenario))
    elif scenario == "create_describe":
        name = c.fresh(f"{client}-described")
        c.ask(spec.get("creator", client), f"create {name} {c.partitions}")
        c.ask(client, f"describe {name} {c.partitions}")
    elif scenario in ("seek_offset", "seek_time"):
        for write in ("plain", spec["seeks_in"]):
            c.on(client, scenario, c.topic(client, write))
    elif scenario.startswith("cross_read/"):
        writer = scenario.split("/")[1]
        codecs = [w for w in WRITES if w in c.clients[writer]["scenarios"] and w not in ("plain", "idempotent")]
        names = sorted(c.clients)
        codecs = [w for w in codecs if w not in spec.get("unreadable", ())]
        c.on(client, "read", c.topic(writer, codecs[(names.index(client) + names.index(writer)) % len(codecs)]))
    elif scenario == "delete_recreate":
        name = c.fresh(f"{client}-deleted")
        for _ in range(2):
            c.ask(client, f"create {name} {c.partitions}")
            c.ask(client, f"produce {name} {c.partitions} 30 full none 0")
            c.ask(client, f"read {name} {c.partitions} 30 full")
            c.ask(client, f"delete {name}")
    elif scenario == "auto_create":
        c.ask(client, f"auto_create {c.fresh(client + '-auto')}")
    elif scenario.startswith("group_"):
        groups.run(c, client, scenario)
    else:
        raise AssertionError("no such scenario")
