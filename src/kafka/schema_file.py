"""Reads the schema files of this folder's `schema/`; docs/protocol-schemas.md describes the format."""
import re

PRIMITIVES = {
    # name: (C++ type, fixed size on the wire or None)
    "bool": ("bool", 1), "int8": ("std::int8_t", 1), "int16": ("std::int16_t", 2), "uint16": ("std::uint16_t", 2),
    "int32": ("std::int32_t", 4), "uint32": ("std::uint32_t", 4), "int64": ("std::int64_t", 8),
    "float64": ("double", 8), "uuid": ("millrace::uuid", 16),
    "string": ("std::string_view", None), "bytes": ("millrace::bytes_view", None),
    "records": ("millrace::kafka::records_field", None),
}
# Entity types (the word `is`) and our own number types (the word `as`): C++ type by name, checked against the base type.
ENTITIES = {
    "topic_name": ("string", None), "transactional_id": ("string", None), "group_id": ("string", None),
    "broker_id": ("int32", "millrace::broker_id"), "producer_id": ("int64", "millrace::producer_id"),
}
NUMBERS = {
    "log_offset": ("int64", "millrace::log_offset"), "leader_epoch": ("int32", "millrace::leader_epoch"),
    "partition_index": ("int32", "millrace::partition_index"), "producer_epoch": ("int16", "millrace::producer_epoch"),
    "sequence_number": ("int32", "millrace::sequence_number"), "timestamp_ms": ("int64", "millrace::timestamp_ms"),
    "broker_id": ("int32", "millrace::broker_id"), "producer_id": ("int64", "millrace::producer_id"),
    "error_code": ("int16", "millrace::kafka::error_code"), "api_key": ("int16", "millrace::kafka::api_key"),
}
ENUMS = {"error_code", "api_key"}
VERSION_TOP = 0x7ffe


class SchemaError(Exception):
    pass


class Versions:
    """A closed range; empty if low > high."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    @staticmethod
    def parse(text):
        if text in ("none", ""):
            return Versions(1, 0)
        m = re.fullmatch(r"(\d+)(\+|-(\d+))?", text)
        if not m:
            raise SchemaError(f"bad versions '{text}'")
        low = int(m[1])
        return Versions(low, VERSION_TOP if m[2] == "+" else int(m[3]) if m[3] else low)

    def within(self, other):
        return Versions(max(self.low, other.low), min(self.high, other.high))

    def empty(self):
        return self.low > self.high

    def __contains__(self, v):
        return self.low <= v <= self.high

    def __iter__(self):
        return iter(range(self.low, self.high + 1))

    def __eq__(self, other):
        return (self.empty() and other.empty()) or (self.low, self.high) == (other.low, other.high)

    def __repr__(self):
        return "none" if self.empty() else str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


class Field:
    name = type = default = tag = entity = number = struct = None
    array = ignorable = key = secret = False
    versions = nullable = None


class Struct:
    """A message or one of its parts: fields in order, versions in which it occurs."""

    def __init__(self, name, versions):
        self.name, self.versions, self.fields = name, versions, []


class Message(Struct):
    def __init__(self, name, kind, versions, flexible):
        super().__init__(name, versions)
        self.kind, self.flexible, self.listeners = kind, flexible, []
        self.structs = []  # in the order C++ needs: a part before what holds it


class Api:
    """An API with its request and response, or a record (`key` is None then) with its one message."""
    name = key = versions = advertised = flexible = None
    newer_readable = False

    def __init__(self):
        self.listeners, self.messages = [], []


def parse_field(words, where, message, parent):
    f = Field()
    f.name, kind, rest = words[0], words[1], words[2:]
    m = re.fullmatch(r"\[(\w+)\]", kind)
    f.array, f.type = bool(m), m[1] if m else kind
    f.versions, f.nullable = parent.versions, Versions(1, 0)
    if rest and re.fullmatch(r"\d+(\+|-\d+)?", rest[0]):
        f.versions = Versions.parse(rest.pop(0)).within(parent.versions)
    if f.versions.empty():
        raise SchemaError(f"{where}: {f.name} is in no version")
    while rest:
        word = rest.pop(0)
        if word in ("ignorable", "key", "secret"):
            setattr(f, word, True)
        elif word == "nullable":
            f.nullable = f.versions
            if rest and re.fullmatch(r"\d+(\+|-\d+)?", rest[0]):
                f.nullable = Versions.parse(rest.pop(0)).within(f.versions)
        elif word == "default":
            f.default = rest.pop(0)
        elif word == "tag":
            f.tag = int(rest.pop(0))
        elif word == "is":
            f.entity = rest.pop(0)
            if f.entity not in ENTITIES or ENTITIES[f.entity][0] != f.type:
                raise SchemaError(f"{where}: entity {f.entity} does not fit {f.type}")
        elif word == "as":
            f.number = rest.pop(0)
            if f.number not in NUMBERS or NUMBERS[f.number][0] != f.type:
                raise SchemaError(f"{where}: number {f.number} does not fit {f.type}")
        else:
            raise SchemaError(f"{where}: unknown word '{word}'")
    if f.tag is not None and f.versions.low < message.flexible.low:
        raise SchemaError(f"{where}: tagged field in an inflexible version")
    if f.default == "null" and f.nullable != f.versions:
        raise SchemaError(f"{where}: null default, but not nullable in each version")
    return f


def parse(path):
    api, message, stack = Api(), None, []
    lines = [(n, l.rstrip()) for n, l in enumerate(open(path, encoding="utf-8"), 1)]
    lines = [(n, l) for n, l in lines if l.strip() and not l.lstrip().startswith("#")]
    for number, line in lines:
        where, words, depth = f"{path}:{number}", line.split(), (len(line) - len(line.lstrip())) // 2
        if depth == 0:
            stack = []
            if words[0] == "api":
                api.name, api.key = words[1], int(words[2])
            elif words[0] == "record":
                api.name = words[1]
            elif words[0] == "newer" and words[1:] == ["readable"]:
                api.newer_readable = True
            elif words[0] in ("versions", "flexible", "advertised"):
                setattr(api, words[0], Versions.parse(words[1]))
            elif words[0] == "listeners":
                api.listeners = words[1:]
            elif words[0] == "fields":
                message = Message(api.name, "record", api.versions, api.flexible)
                api.messages.append(message)
            elif words[0] in ("request", "response"):
                message = Message(f"{api.name}_{words[0]}", words[0], api.versions, api.flexible)
                api.messages.append(message)
            else:
                raise SchemaError(f"{where}: unknown directive '{words[0]}'")
            continue
        if message is None or depth > len(stack) + 1:
            raise SchemaError(f"{where}: indented too far")
        del stack[depth - 1:]
        if stack:
            owner = stack[-1]
            if owner.type in PRIMITIVES:
                raise SchemaError(f"{where}: {owner.name} has a plain type and cannot hold fields")
            if owner.struct is None:
                if any(s.name == owner.type for s in message.structs):
                    raise SchemaError(f"{where}: {owner.type} is described twice")
                owner.struct = Struct(owner.type, owner.versions)
            parent = owner.struct
        else:
            parent = message
        field = parse_field(words, where, message, parent)
        if any(f.name == field.name for f in parent.fields):
            raise SchemaError(f"{where}: {field.name} is there twice")
        parent.fields.append(field)
        stack.append(field)
    if [m.kind for m in api.messages] != (["record"] if api.key is None else ["request", "response"]):
        raise SchemaError(f"{path}: an API has a request and a response, a record has fields")
    for m in api.messages:
        finish(m, path)
    api.advertised = api.advertised or api.versions
    return api


def finish(message, path):
    def visit(struct):
        for f in struct.fields:
            if f.type in PRIMITIVES:
                continue
            if f.struct is None:  # described before, used again
                f.struct = next((s for s in message.structs if s.name == f.type), None)
                if f.struct is None:
                    raise SchemaError(f"{path}: {f.name} has the unknown type {f.type}")
            elif f.struct not in message.structs:
                visit(f.struct)
                message.structs.append(f.struct)
    visit(message)
    names = {f.name for s in [message] + message.structs for f in s.fields}
    for s in message.structs:
        if s.name in names:
            raise SchemaError(f"{path}: {s.name} names a type and a field")
