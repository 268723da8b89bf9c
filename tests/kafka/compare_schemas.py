#!/usr/bin/env python3
"""Compares our schemas, field by field, with Kafka's own message definitions.

KAFKA_SCHEMAS names a folder that holds `messages-trunk/*.json`, `records/*.json`, `advertised-by-kafka-*.txt` and
`errors.tsv`.
Unset: exit 77, which Meson counts as a skip.
"""
import glob
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
KAFKA = os.path.join(HERE, "..", "..", "src", "kafka")
sys.path.insert(0, KAFKA)
sys.dont_write_bytecode = True
import schema_file  # noqa: E402
from schema_file import Versions  # noqa: E402

faults = []
compared = 0


def expect(where, what, ours, theirs):
    global compared
    compared += 1
    if ours != theirs:
        faults.append(f"{where}: {what} is {ours!r}, in Kafka {theirs!r}")


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def read_json(path):
    text = open(path, encoding="utf-8").read()
    # Comments stand on lines of their own or after a value; no string of these files holds "//" before its end quote.
    text = re.sub(r"^\s*//.*$", "", text, flags=re.M)
    return json.loads(re.sub(r"(?<=[,\[\]{}\"\d])\s+//.*$", "", text, flags=re.M))


def kafka_default(field):
    """In the words of our schemas; None where the type's zero value is meant."""
    value = field.get("default")
    if value is None:
        return "null" if "default" in field else None
    if value is True or value is False:
        value = str(value).lower()
    if re.fullmatch(r"-?(0x[0-9a-fA-F]+|\d+)", str(value)):
        value = str(int(str(value), 0))
    return None if value in ("", "0", "false") else str(value)


def our_default(field):
    return None if field.default in (None, '""', "0", "false") else field.default


def compare_struct(where, ours, theirs, common, versions):
    """`versions`: those in which the struct occurs on our side; outside them nothing is compared."""
    theirs = [f for f in theirs if not Versions.parse(f["versions"]).within(versions).empty()]
    fields = [f for f in ours.fields if not (f.name.startswith(OWN_FIELDS) and f.tag >= OWN_TAGS)]
    expect(where, "list of fields", [f.name for f in fields], [snake(f["name"]) for f in theirs])
    for f, k in zip(fields, theirs):
        at = f"{where}.{f.name}"
        live = Versions.parse(k["versions"]).within(versions)
        kind = k["type"]
        expect(at, "array", f.array, kind.startswith("[]"))
        kind = kind.removeprefix("[]")
        part = kind if kind[0].isupper() else None
        expect(at, "plain type", f.type if f.struct is None else None, None if part else kind)
        expect(at, "versions", repr(f.versions), repr(live))
        nullable = Versions.parse(k.get("nullableVersions", "none")).within(live)
        expect(at, "nullable versions", repr(f.nullable), repr(nullable))
        tagged = Versions.parse(k.get("taggedVersions", "none")).within(live)
        expect(at, "tagged versions", repr(f.versions if f.tag is not None else Versions(1, 0)), repr(tagged))
        expect(at, "tag", f.tag, k.get("tag"))
        # Whether a value may be dropped matters only if some version lacks the field.
        if live != versions or "ignorable" in k:
            expect(at, "ignorable", f.ignorable, k.get("ignorable", False))
        else:
            expect(at, "ignorable", f.ignorable, False)
        expect(at, "map key", f.key, k.get("mapKey", False))
        expect(at, "default", our_default(f), kafka_default(k))
        entity = snake(k["entityType"]) if "entityType" in k else None
        expect(at, "entity type", f.entity, entity)
        if part and f.struct:
            compare_struct(at, f.struct, k.get("fields") or common[part], common, live)


def compare_api(api, folder):
    for message in api.messages:
        camel = "".join(w.capitalize() for w in message.name.split("_"))
        k = read_json(os.path.join(folder, camel + ".json"))
        expect(message.name, "key", api.key, k["apiKey"])
        expect(message.name, "kind", message.kind, k["type"])
        valid = Versions.parse(k["validVersions"])
        expect(message.name, "lowest version", api.versions.low, valid.low)
        if api.versions.high > valid.high:
            expect(message.name, "highest version", api.versions.high, valid.high)
        flexible = Versions.parse(k["flexibleVersions"])
        expect(message.name, "flexible versions", repr(api.flexible.within(api.versions)),
               repr(flexible.within(api.versions)))
        if message.kind == "request":
            expect(message.name, "listeners", api.listeners, k["listeners"])
            if k.get("latestVersionUnstable") and api.versions.high == valid.high:
                faults.append(f"{message.name}: version {valid.high} is unstable and must be left out")
        common = {s["name"]: s["fields"] for s in k.get("commonStructs", [])}
        collect(k["fields"], common)
        compare_struct(message.name, message, k["fields"], common, api.versions)


# Tagged fields that are ours alone; Kafka counts its own from 0.
OWN_FIELDS, OWN_TAGS = "millrace_", 10000
# Keys of topics other than __consumer_offsets, which count their types for themselves.
OTHER_TOPICS = ("ShareSnapshotKey", "ShareUpdateKey", "TransactionLogKey")
# Kafka describes the records of its metadata log elsewhere; a folder need not have them.
METADATA_RECORDS = ("config_record",)


def compare_record(record, root):
    """A stored key stands for as many of Kafka's as it has versions: the version is the type of the record."""
    message = record.messages[0]
    if record.name.endswith("_key"):
        found = [k for k in map(read_json, glob.glob(os.path.join(root, "records", "*.json")))
                 if k["type"] == "coordinator-key" and k["name"] not in OTHER_TOPICS]
        for version in record.versions:
            of_type = [k for k in found if k["apiKey"] == version]
            expect(record.name, f"number of definitions of type {version}", len(of_type), 1)
            for k in of_type:
                if version == record.versions.high:
                    expect(record.name, "name", record.name, snake(k["name"]))
                compare_body(record.name, message, k, Versions(version, version))
        return
    camel = "".join(w.capitalize() for w in record.name.split("_"))
    path = os.path.join(root, "records", camel + ".json")
    if not os.path.exists(path):
        path = os.path.join(root, "messages-trunk", camel + ".json")
    if record.name in METADATA_RECORDS and not os.path.exists(path):
        return
    k = read_json(path)
    expect(record.name, "kind", k["type"] in ("coordinator-value", "data", "metadata"), True)
    expect(record.name, "versions", repr(record.versions), repr(Versions.parse(k["validVersions"])))
    expect(record.name, "newer versions are readable", record.newer_readable, k["type"] == "data")
    compare_body(record.name, message, k, record.versions)


def compare_body(name, message, k, versions):
    """A key's fields are compared in Kafka's only version 0, whatever the type of the record."""
    is_key = k["type"] == "coordinator-key"
    if is_key:
        expect(name, "version in Kafka", k["validVersions"], "0")
        for f in k["fields"]:
            f["versions"] = repr(message.versions)
    expect(name, "flexible versions", repr(message.flexible.within(versions)),
           repr(Versions.parse(k["flexibleVersions"]).within(versions)))
    common = {s["name"]: s["fields"] for s in k.get("commonStructs", [])}
    collect(k["fields"], common)
    compare_struct(name, message, k["fields"], common, message.versions)


def collect(fields, common):
    """A struct that is described inside one field may be used by name in another."""
    for f in fields:
        if "fields" in f:
            common.setdefault(f["type"].removeprefix("[]"), f["fields"])
            collect(f["fields"], common)


def compare_advertised(apis, path):
    ranges = {}
    for line in open(path, encoding="utf-8"):
        m = re.match(r"\w+\((\d+)\): (\d+)(?: to (\d+))?", line)
        if m:
            ranges[int(m[1])] = Versions(int(m[2]), int(m[3] or m[2]))
    for api in apis:
        expect(api.name, "advertised range", repr(api.advertised), repr(ranges.get(api.key)))
        expect(api.name, "advertised and decoded top", api.advertised.high, api.versions.high)


def compare_errors(path):
    source = open(os.path.join(KAFKA, "error_code.cc"), encoding="utf-8").read()
    header = open(os.path.join(KAFKA, "error_code.h"), encoding="utf-8").read()
    ours = {int(c): (n, r == "retry") for c, r, n in re.findall(r'\{(-?\d+), (retry|final_), "(\w+)"', source)}
    theirs = {}
    for line in open(path, encoding="utf-8").read().splitlines()[1:]:
        code, name, retriable = line.split("\t")[:3]
        theirs[int(code)] = (name.lower(), retriable == "yes")
    for code in sorted(ours | theirs):
        expect(f"error {code}", "name and retriable", ours.get(code), theirs.get(code))
    values = {n: int(v) for n, v in re.findall(r"^    (\w+) = (-?\d+),$", header, flags=re.M)}
    expect("error_code.h", "values", values, {n: c for c, (n, _) in theirs.items()})


def main():
    root = os.environ.get("KAFKA_SCHEMAS")
    if not root:
        print("skipped: KAFKA_SCHEMAS is not set; it names a folder with Kafka's messages-trunk/*.json")
        return 77
    folder = os.path.join(root, "messages-trunk")
    if not os.path.isdir(folder):
        print(f"KAFKA_SCHEMAS={root}: there is no folder messages-trunk in it")
        return 1
    apis = [schema_file.parse(p) for p in sorted(glob.glob(os.path.join(KAFKA, "schema", "*.schema")))]
    for api in apis:
        compare_api(api, folder)
    records = [schema_file.parse(p) for p in sorted(glob.glob(os.path.join(KAFKA, "schema", "records", "*.schema")))]
    if os.path.isdir(os.path.join(root, "records")):
        for record in records:
            compare_record(record, root)
    else:
        faults.append(f"KAFKA_SCHEMAS={root}: there is no folder records in it")
    for path in glob.glob(os.path.join(root, "advertised-by-kafka-*.txt")):
        compare_advertised(apis, path)
    errors = os.path.join(root, "errors.tsv")
    if os.path.exists(errors):
        compare_errors(errors)
    for fault in faults:
        print(fault)
    print(f"{len(apis)} APIs, {len(records)} records, {compared} facts compared, {len(faults)} differ")
    return 1 if faults else 0


sys.exit(main())
