#!/usr/bin/env python3
"""Turns schema files into C++: one header and one source per API or record, and the table of all APIs.

    generate.py api SCHEMA HEADER SOURCE
    generate.py table OUTPUT SCHEMA...
    generate.py random SOURCE SCHEMA...           random messages of these schemas for the round-trip test
    generate.py kinds OUTPUT SOURCE...            the list of what those sources make
"""
import os
import sys

import schema_file
from schema_file import ENTITIES, ENUMS, NUMBERS, PRIMITIVES

NS = "millrace::kafka"


def number_type(f):
    """The strong or enum type of a field, or None."""
    if f.number:
        return NUMBERS[f.number][1]
    return ENTITIES[f.entity][1] if f.entity else None


def element_type(f):
    """C++ type of one element (of the field itself if it is no array), null left out."""
    return number_type(f) or (PRIMITIVES[f.type][0] if f.type in PRIMITIVES else f.type)


def member_type(f):
    if f.array:
        return f"{NS}::array_view<{element_type(f)}>"
    if not f.nullable.empty() and f.type in ("string", "bytes"):
        return f"{NS}::nullable_{f.type}"
    if not f.nullable.empty() and f.type not in PRIMITIVES:
        return f"{NS}::nullable_part<{f.type}>"
    return element_type(f)


def int_literal(text, type_name):
    value = int(text)
    if type_name == "int64":
        return f"{value}ll"
    return "-2147483647 - 1" if value == -2147483648 else str(value)


def default_value(f):
    """What stands between the braces of the member's initialiser."""
    if f.array:
        return f"{NS}::array_view<{element_type(f)}>::null()" if f.default == "null" else ""
    if f.type == "string":
        return "" if f.default == "null" else '""' if not f.nullable.empty() else ""
    if f.type == "bytes":
        return "" if f.default == "null" or f.nullable.empty() else "millrace::bytes_view{}"
    if f.type not in PRIMITIVES:
        if not f.nullable.empty() and f.default != "null":
            raise schema_file.SchemaError(f"{f.name}: a nullable part needs 'default null'")
        return ""
    if f.type in ("uuid", "records") or f.default is None:
        return ""
    return f.default if f.type in ("bool", "float64") else int_literal(f.default, f.type)


def condition(inner, outer):
    """C++ test that `version` is in `inner`, given that it is in `outer`; '' if always."""
    parts = []
    if inner.low > outer.low:
        parts.append(f"version >= {inner.low}")
    if inner.high < outer.high:
        parts.append(f"version <= {inner.high}")
    return " && ".join(parts)


def flag(inner, outer):
    return "false" if inner.within(outer).empty() else condition(inner, outer) or "true"


class Out:
    def __init__(self):
        self.lines, self.depth = [], 0

    def __call__(self, text=""):
        if text.startswith("}"):
            self.depth -= 1
        self.lines.append("    " * self.depth + text if text else "")
        if text.endswith("{"):
            self.depth += 1

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(self.lines) + "\n")


# What differs from the default, as a C++ test.
def differs(f, s):
    at = f"in.{f.name}"
    if f.array:
        return f"!{at}.is_null()" if f.default == "null" else f"({at}.is_null() || !{at}.empty())"
    if f.type == "records":
        return f"!{at}.is_null()"
    if f.type == "string" and f.nullable.empty():
        return f"!{at}.empty()"
    if f.type == "bytes":
        if f.nullable.empty():
            return f"!{at}.empty()"
        return f"!{at}.is_null()" if f.default == "null" else f"({at}.is_null() || !{at}.value().empty())"
    if f.type not in PRIMITIVES and not f.nullable.empty() and f.default == "null":
        return f"{at}.has_value()"
    value = default_value(f)
    kind = member_type(f)
    if f.type not in PRIMITIVES:
        kind = kind.replace(f.type, f"{s.scope}::{f.type}") if kind == f.type else kind
    return f"!({at} == {kind}{{{value}}})"


def min_size(f, version, flexible):
    """Fewest bytes that the field can take in a version, tags left out."""
    if f.array or f.type in ("string", "bytes", "records"):
        return 1 if flexible else 2 if f.type == "string" and not f.array else 4
    if f.type in PRIMITIVES:
        return PRIMITIVES[f.type][1]
    if version in f.nullable:
        return 1
    return struct_min(f.struct, version, flexible)


def struct_min(s, version, flexible):
    return sum(min_size(f, version, flexible) for f in s.fields if f.tag is None and version in f.versions) + flexible


def has_records(s):
    return any(f.type == "records" or (f.struct and has_records(f.struct)) for f in s.fields)


def misfits(s, message, within=None):
    """Whether a message can hold something that some version cannot carry."""
    for f in s.fields:
        if not f.ignorable and f.versions.within(s.versions) != s.versions:
            return True
        if f.struct and misfits(f.struct, message):
            return True
    return False


class MessageWriter:
    def __init__(self, message, out):
        self.m, self.out = message, out
        self.parts = message.structs + [message]
        for s in self.parts:
            s.scope = message.name

    def cpp(self, s):
        return s.name if s is self.m else f"{self.m.name}::{s.name}"

    def each(self, s):
        """Fields outside the tagged section with the test of their version."""
        for f in s.fields:
            if f.tag is None:
                yield f, condition(f.versions, s.versions)

    def tagged(self, s):
        return sorted((f for f in s.fields if f.tag is not None), key=lambda f: f.tag)

    def flex(self, s):
        value = flag(self.m.flexible.within(s.versions), s.versions)
        self.out(f"[[maybe_unused]] {'constexpr' if value in ('true', 'false') else 'const'} bool flex = {value};")
        return value

    def block(self, test, lines):
        if not test:
            for line in lines:
                self.out(line)
            return
        if len(lines) == 1:
            self.out(f"if ({test}) {lines[0]}")
            return
        self.out(f"if ({test}) {{")
        for line in lines:
            self.out(line)
        self.out("}")

    # ---- header
    def declare(self, api):
        m, out = self.m, self.out
        out(f"struct {m.name} {{")
        if api.key is not None:
            out(f"static constexpr millrace::kafka::api_key api = millrace::kafka::api_key::{api.name};")
        else:
            out(f"static constexpr bool newer_readable = {'true' if api.newer_readable else 'false'};")
        out(f"static constexpr std::int16_t version_min = {m.versions.low};")
        out(f"static constexpr std::int16_t version_max = {m.versions.high};")
        low = "never_flexible" if m.flexible.empty() else str(m.flexible.low)
        out(f"static constexpr std::int16_t flexible_version_min = {low};")
        for s in self.parts:
            out()
            if s is not m:
                out(f"struct {s.name} {{")
            for f in s.fields:
                out(f"{member_type(f)} {f.name}{{{default_value(f)}}};")
            self.declare_equality(s)
            if s is not m:
                out("};")
        out("};")
        name = m.name
        out()
        out(f"bool decode(reader& in, std::int16_t version, message_arena& arena, {name}& out);")
        out(f"std::size_t encoded_size(const {name}& in, std::int16_t version);")
        out(f"void encode(writer& out, const {name}& in, std::int16_t version);")
        if has_records(m):
            out(f"std::size_t records_size(const {name}& in);")
            out(f"void encode_split(writer& out, const {name}& in, std::int16_t version, "
                "std::vector<splice_point>& points);")
        out(f"const char* unencodable_field(const {name}& in, std::int16_t version);")
        out(f"void print(std::string& out, const {name}& in, std::int16_t version);")
        out()

    def declare_equality(self, s):
        out = self.out
        plain_bytes = {f.name for f in s.fields if f.type == "bytes" and f.nullable.empty() and not f.array}
        if not plain_bytes:
            out(f"friend bool operator==(const {s.name}&, const {s.name}&) = default;")
            return
        # A view on bytes has no equality of its own.
        tests = [f"as_text(a.{f.name}) == as_text(b.{f.name})" if f.name in plain_bytes else f"a.{f.name} == b.{f.name}"
                 for f in s.fields]
        out(f"friend bool operator==(const {s.name}& a, const {s.name}& b) {{")
        out("return " + " && ".join(tests) + ";")
        out("}")

    # ---- decode
    def get_one(self, f, target, s, element):
        """Statements that decode one value (an element if `element`)."""
        null = "false" if element else flag(f.nullable, f.versions)
        if f.type == "string":
            return f"{target} = get_string(in, flex);" if null == "false" and (element or f.nullable.empty()) \
                else f"{target} = get_nullable_string(in, flex, {null});"
        if f.type == "bytes":
            return f"{target} = get_bytes(in, flex);" if null == "false" and (element or f.nullable.empty()) \
                else f"{target} = get_nullable_bytes(in, flex, {null});"
        if f.type == "records":
            return f"{target} = get_records(in, flex, {null});"
        if f.type not in PRIMITIVES:
            return f"get(in, version, arena, {target});"
        read = {"bool": "boolean", "float64": "f64", "uuid": "uuid"}.get(f.type, f.type.replace("uint", "u").replace("int", "i"))
        strong = number_type(f)
        if strong and f.number in ENUMS:
            return f"{target} = static_cast<{strong}>(in.{read}());"
        return f"{target} = {strong}{{in.{read}()}};" if strong else f"{target} = in.{read}();"

    def qualified(self, f):
        kind = element_type(f)
        return kind if f.type in PRIMITIVES else f"{self.m.name}::{kind}"

    def element_min(self, f):
        """Per version table of an element's fewest bytes, as an expression."""
        sizes = []
        for v in self.m.versions:
            if v not in f.versions:
                sizes.append(0)
                continue
            flexible = v in self.m.flexible
            if f.type in PRIMITIVES:
                size = PRIMITIVES[f.type][1] or (1 if flexible else 2 if f.type == "string" else 4)
            else:
                size = struct_min(f.struct, v, flexible)
            if size == 0:
                raise schema_file.SchemaError(f"{self.m.name}.{f.name}: an element takes no byte in version {v}")
            sizes.append(size)
        used = sorted({x for x in sizes if x})
        if len(used) == 1:
            return str(used[0])
        # A chain of tests from the top version down: versions differ in few steps.
        expr, last, first_version = None, None, self.m.versions.low
        for v, size in zip(self.m.versions, sizes):
            if size == 0 or size == last:
                continue
            expr = str(size) if expr is None else f"version >= {v} ? {size} : {expr}"
            last = size
        return expr

    def get_field(self, f, s):
        target = f"out.{f.name}"
        if f.array:
            null = flag(f.nullable, f.versions)
            one = self.get_one(f, "item", s, True)
            kind = self.qualified(f)
            return [f"{target} = get_array<{kind}>(in, flex, {null}, {self.element_min(f)}, arena, "
                    f"[&]({kind}& item) {{ {one} }});"]
        if f.type not in PRIMITIVES and not f.nullable.empty():
            # Kafka writes a nullable struct as one byte (-1: null) in front of it.
            kind = self.qualified(f)
            null = flag(f.nullable, f.versions)
            inner = "in.i8() < 0" if null == "true" else f"({null}) && in.i8() < 0"
            return [f"if ({inner}) {{", f"{target}.reset();", "} else {", f"get(in, version, arena, {target}.emplace());",
                    "}"]
        return [self.get_one(f, target, s, False)]

    def decoder(self, s):
        out = self.out
        out(f"void get(reader& in, [[maybe_unused]] std::int16_t version, [[maybe_unused]] message_arena& arena, "
            f"[[maybe_unused]] {self.cpp(s)}& out) {{")
        value = self.flex(s)
        for f, test in self.each(s):
            self.block(test, self.get_field(f, s))
        if value != "false":
            tags = self.tagged(s)
            guard = "" if value == "true" else "if (flex) "
            if not tags:
                out(f"{guard}skip_tags(in);")
            else:
                out(f"{guard}get_tags(in, [&](std::uint32_t tag, reader& in) {{")
                out("switch (tag) {")
                for f in tags:
                    out(f"case {f.tag}: {{")
                    test = condition(f.versions, self.m.flexible.within(s.versions))
                    if test:
                        out(f"if (!({test})) return false;")
                    for line in self.get_field(f, s):
                        out(line)
                    out("return true;")
                    out("}")
                out("default: return false;")
                out("}")
                out("});")
        out("}")
        out()

    # ---- size
    def one_size(self, f, at):
        if f.type == "string":
            return f"string_size({at}, flex)"
        if f.type in ("bytes", "records"):
            return f"bytes_size({at}, flex)"
        return f"measure({at}, version)"

    def size_lines(self, f, into):
        at = f"in.{f.name}"
        fixed = PRIMITIVES.get(f.type, (None, None))[1]
        if f.array:
            lines = [f"{into} += count_size({at}, flex);"]
            if fixed:
                lines[0] = f"{into} += count_size({at}, flex) + {at}.size() * {fixed};"
            else:
                lines.append(f"for (const auto& item : {at}) {into} += {self.one_size(f, 'item')};")
            return lines
        if fixed:
            return [f"{into} += {fixed};"]
        if f.type not in PRIMITIVES and not f.nullable.empty():
            null = flag(f.nullable, f.versions)
            marker = "1" if null == "true" else f"({null} ? 1 : 0)"
            return [f"{into} += {marker} + ({at} ? measure(*{at}, version) : 0);"]
        return [f"{into} += {self.one_size(f, at)};"]

    def sizer(self, s):
        out = self.out
        out(f"std::size_t measure([[maybe_unused]] const {self.cpp(s)}& in, [[maybe_unused]] std::int16_t version) {{")
        value = self.flex(s)
        fixed = sum(PRIMITIVES[f.type][1] for f, test in self.each(s)
                    if not test and not f.array and f.type in PRIMITIVES and PRIMITIVES[f.type][1])
        out(f"std::size_t n = {fixed};")
        for f, test in self.each(s):
            if not test and not f.array and f.type in PRIMITIVES and PRIMITIVES[f.type][1]:
                continue
            self.block(test, self.size_lines(f, "n"))
        if value != "false":
            tags = self.tagged(s)
            if not tags:
                out("n += 1;" if value == "true" else "if (flex) n += 1;")
            else:
                if value != "true":
                    out("if (flex) {")
                out("std::uint32_t tags = 0;")
                for f in tags:
                    test = condition(f.versions, self.m.flexible.within(s.versions))
                    out(f"if ({test + ' && ' if test else ''}{differs(f, s)}) {{")
                    out("std::size_t t = 0;")
                    for line in self.size_lines(f, "t"):
                        out(line)
                    out(f"n += tag_size({f.tag}, t);")
                    out("++tags;")
                    out("}")
                out("n += uvarint_size(tags);")
                if value != "true":
                    out("}")
        out("return n;")
        out("}")
        out()

    # ---- encode
    def put_one(self, f, at, element):
        null = "false" if element else flag(f.nullable, f.versions)
        plain = element or f.nullable.empty()
        if f.type in ("string", "bytes"):
            return f"put_{f.type}(out, {at}, flex);" if plain else f"put_{f.type}(out, {at}, flex, {null});"
        if f.type == "records":
            return f"put_records(out, {at}, flex, {null}, points);"
        if f.type not in PRIMITIVES:
            return f"put(out, {at}, version, points);"
        call = {"bool": "boolean", "float64": "f64", "uuid": "uuid"}.get(f.type, f.type.replace("uint", "u").replace("int", "i"))
        if number_type(f):
            at = f"static_cast<{PRIMITIVES[f.type][0]}>({at})" if f.number in ENUMS else f"{at}.value"
        return f"out.{call}({at});"

    def put_lines(self, f):
        at = f"in.{f.name}"
        if f.array:
            return [f"put_count(out, {at}, flex, {flag(f.nullable, f.versions)});",
                    f"for (const auto& item : {at}) {self.put_one(f, 'item', True)}"]
        if f.type not in PRIMITIVES and not f.nullable.empty():
            null = flag(f.nullable, f.versions)
            lines = [f"MR_ASSERT({at} || ({null}), \"null in a field that this version does not let be null\");"]
            lines.append(f"{'' if null == 'true' else f'if ({null}) '}out.i8({at} ? 1 : -1);")
            lines.append(f"if ({at}) put(out, *{at}, version, points);")
            return lines
        return [self.put_one(f, at, False)]

    def encoder(self, s):
        out = self.out
        out(f"void put(writer& out, [[maybe_unused]] const {self.cpp(s)}& in, [[maybe_unused]] std::int16_t version, "
            "[[maybe_unused]] std::vector<splice_point>* points) {")
        value = self.flex(s)
        for f, test in self.each(s):
            self.block(test, self.put_lines(f))
        if value != "false":
            tags = self.tagged(s)
            if not tags:
                out("out.uvarint(0);" if value == "true" else "if (flex) out.uvarint(0);")
            else:
                if value != "true":
                    out("if (flex) {")
                for f in tags:
                    test = condition(f.versions, self.m.flexible.within(s.versions))
                    out(f"const bool tag_{f.tag} = {test + ' && ' if test else ''}{differs(f, s)};")
                out("out.uvarint(" + " + ".join(f"(tag_{f.tag} ? 1u : 0u)" for f in tags) + ");")
                for f in tags:
                    out(f"if (tag_{f.tag}) {{")
                    out("std::size_t t = 0;")
                    for line in self.size_lines(f, "t"):
                        out(line)
                    out(f"put_tag(out, {f.tag}, t);")
                    for line in self.put_lines(f):
                        out(line)
                    out("}")
                if value != "true":
                    out("}")
        out("}")
        out()

    # ---- fields that a version lacks
    def misfit(self, s):
        out = self.out
        out(f"[[maybe_unused]] const char* find_misfit([[maybe_unused]] const {self.cpp(s)}& in, "
            "[[maybe_unused]] std::int16_t version) {")
        for f in s.fields:
            test = condition(f.versions, s.versions)
            if test and not f.ignorable:
                out(f'if (!({test}) && {differs(f, s)}) return "{f.name}";')
            if f.struct and misfits(f.struct, self.m):
                guard = f"if ({test}) " if test else ""
                at = f"in.{f.name}"
                if f.array:
                    out(f"{guard}for (const auto& item : {at})")
                    out("    if (auto* name = find_misfit(item, version)) return name;")
                else:
                    both = f"({test}) && " if test else ""
                    value = at if f.nullable.empty() else f"*{at}"
                    present = "" if f.nullable.empty() else f"{at} && "
                    if present or both:
                        out(f"if ({both}{present}find_misfit({value}, version)) return find_misfit({value}, version);")
                    else:
                        out(f"if (auto* name = find_misfit({value}, version)) return name;")
        out("return nullptr;")
        out("}")
        out()

    # ---- records
    def records(self, s):
        out = self.out
        out(f"std::size_t sum_records(const {self.cpp(s)}& in) {{")
        out("std::size_t n = 0;")
        for f in s.fields:
            if f.type == "records":
                out(f"n += in.{f.name}.size();")
            elif f.struct and has_records(f.struct):
                if not f.array:
                    raise schema_file.SchemaError(f"{self.m.name}.{f.name}: records in a single struct")
                out(f"for (const auto& item : in.{f.name}) n += sum_records(item);")
        out("return n;")
        out("}")
        out()

    # ---- print
    def show_one(self, f, at):
        if f.type not in PRIMITIVES:
            return f"show_fields(text, {at}, version);"
        if number_type(f):
            return f"show(text, {at});" if f.number in ENUMS else f"show(text, std::int64_t{{{at}.value}});"
        if f.type.startswith(("int", "uint")):
            return f"show(text, std::int64_t{{{at}}});"
        return f"show(text, {at});"

    def printer(self, s):
        out = self.out
        out(f"void show_fields(std::string& text, [[maybe_unused]] const {self.cpp(s)}& in, "
            "[[maybe_unused]] std::int16_t version) {")
        first = True
        for f in s.fields:
            test = condition(f.versions, s.versions)
            at = f"in.{f.name}"
            lines = [f'begin_field(text, "{f.name}");']
            if f.secret:
                null = f"{at}.is_null()" if f.array or not f.nullable.empty() else "false"
                lines.append(f"show_secret(text, {null});")
            elif f.array:
                lines.append(f"show_array(text, {at}, [&](const auto& item) {{ {self.show_one(f, 'item')} }});")
            elif f.type not in PRIMITIVES and not f.nullable.empty():
                lines += [f"if ({at}) {{", f"show_fields(text, *{at}, version);", "} else {", 'text += "null";', "}"]
            else:
                lines.append(self.show_one(f, at))
            if first:
                out("text += '{';")
                first = False
            self.block(test, lines)
        if first:
            out("text += '{';")
        out("text += '}';")
        out("}")
        out()

    def define(self):
        m, out, name = self.m, self.out, self.m.name
        out("namespace {")
        out.depth = 0
        out()
        for s in self.parts:
            self.decoder(s)
        for s in self.parts:
            self.sizer(s)
        for s in self.parts:
            self.encoder(s)
        for s in self.parts:
            if s is m or misfits(s, m):
                self.misfit(s)
        for s in self.parts:
            if has_records(s):
                self.records(s)
        for s in self.parts:
            self.printer(s)
        out.depth = 1
        out("} // namespace")
        out()
        known = f"version >= {name}::version_min && version <= {name}::version_max"
        out(f"bool decode(reader& in, std::int16_t version, message_arena& arena, {name}& out) {{")
        out(f"out = {name}{{}};")
        out(f"if (!({known})) return false;")
        out("arena.begin_decode(in.remaining());")
        out("get(in, version, arena, out);")
        out("return in.ok();")
        out("}")
        out()
        out(f"std::size_t encoded_size(const {name}& in, std::int16_t version) {{")
        out(f'MR_ASSERT({known}, "no such version of {name}");')
        out(f'MR_ASSERT(!find_misfit(in, version), "{name} holds a value that this version cannot carry");')
        out("return measure(in, version);")
        out("}")
        out()
        out(f"void encode(writer& out, const {name}& in, std::int16_t version) {{ put(out, in, version, nullptr); }}")
        out()
        if has_records(m):
            out(f"std::size_t records_size(const {name}& in) {{ return sum_records(in); }}")
            out()
            out(f"void encode_split(writer& out, const {name}& in, std::int16_t version, "
                "std::vector<splice_point>& points) {")
            out("put(out, in, version, &points);")
            out("}")
            out()
        out(f"const char* unencodable_field(const {name}& in, std::int16_t version) {{ "
            "return find_misfit(in, version); }")
        out()
        out(f"void print(std::string& out, const {name}& in, std::int16_t version) {{")
        out(f'out += "{name} v";')
        out("show(out, std::int64_t{version});")
        out("out += ' ';")
        out("show_fields(out, in, version);")
        out("}")
        out()


def generate_api(schema, header, source):
    api = schema_file.parse(schema)
    out = Out()
    base = os.path.basename(schema)
    if api.key is None:
        base = "records/" + base
        out(f"// The record {api.name}, made from schema/{base} by generate.py; see kafka/message.h and kafka/stored.h.")
    else:
        out(f"// Messages of {api.name} (key {api.key}), made from schema/{base} by generate.py; see kafka/message.h.")
    out("// Owner: values; strings, arrays and records are views on what their maker keeps alive.")
    out("// Invariant: `encoded_size` and `encode` agree; a decoded message fits its version.")
    out("#pragma once")
    out()
    out('#include "kafka/message.h"')
    out()
    out("namespace millrace::kafka {")
    out.depth = 0
    out()
    for m in api.messages:
        MessageWriter(m, out).declare(api)
    out.depth = 1
    out("} // namespace millrace::kafka")
    out.write(header)

    out = Out()
    out(f"// Made from schema/{base} by generate.py.")
    out(f'#include "kafka/messages/{api.name}.h"')
    out()
    out('#include "kafka/codec.h"')
    out()
    out("namespace millrace::kafka {")
    out.depth = 0
    out()
    out("using namespace codec;")
    out()
    for m in api.messages:
        MessageWriter(m, out).define()
    out.depth = 1
    out("} // namespace millrace::kafka")
    out.write(source)


def generate_table(output, schemas):
    apis = sorted((schema_file.parse(s) for s in schemas), key=lambda a: a.key)
    out = Out()
    out("// Made from the schema files by generate.py.")
    out('#include "kafka/api_key.h"')
    out()
    out("namespace millrace::kafka {")
    out.depth = 0
    out()
    out("namespace {")
    out.depth = 0
    out("constexpr api_description table[] = {")
    for a in apis:
        flexible = "never_flexible" if a.flexible.empty() else a.flexible.low
        out(f'{{api_key::{a.name}, "{a.name}", {a.versions.low}, {a.versions.high}, {a.advertised.low}, {flexible}}},')
    out("};")
    for a in apis:
        out(f"static_assert(static_cast<int>(api_key::{a.name}) == {a.key});")
    out.depth = 1
    out("} // namespace")
    out()
    out("std::span<const api_description> described_apis() { return table; }")
    out()
    out.depth = 1
    out("} // namespace millrace::kafka")
    out.write(output)


class FillWriter:
    """Random messages for the tests: each field that the version has, null where it may be, tagged ones included."""

    def __init__(self, message, out):
        self.m, self.out = message, out
        self.parts = message.structs + [message]

    def one(self, f, target, null, element):
        plain = element or f.nullable.empty()
        if f.type in ("string", "bytes", "records"):
            secret = "secret_" if f.secret else ""
            call = f"from.{secret}{f.type}()"
            if f.type == "records" or not plain:
                kind = "records_field" if f.type == "records" else f"nullable_{f.type}"
                return f"if ({null} && from.chance()) {target} = {kind}{{}}; else {target} = {kind}{{{call}}};"
            return f"{target} = {call};"
        if f.type not in PRIMITIVES:
            if not plain:
                return (f"if ({null} && from.chance()) {target}.reset(); "
                        f"else fill(from, version, {target}.emplace());")
            return f"fill(from, version, {target});"
        strong = number_type(f)
        raw = f"from.number<{PRIMITIVES[f.type][0]}>()" if f.type != "uuid" else "from.id()"
        if strong:
            raw = f"static_cast<{strong}>({raw})" if f.number in ENUMS else f"{strong}{{{raw}}}"
        return f"{target} = {raw};"

    def define(self):
        out, m = self.out, self.m
        for s in self.parts:
            cpp = s.name if s is m else f"{m.name}::{s.name}"
            out(f"void fill(message_source& from, std::int16_t version, {cpp}& out) {{")
            for f in s.fields:
                test = condition(f.versions, s.versions)
                null = flag(f.nullable, f.versions)
                null = null if null in ("true", "false") else f"({null})"
                out(f"if ({test or 'version >= 0'}) {{")
                if f.array:
                    kind = element_type(f) if f.type in PRIMITIVES else f"{m.name}::{element_type(f)}"
                    out(f"if ({null} && from.chance()) {{")
                    out(f"out.{f.name} = array_view<{kind}>::null();")
                    out("} else {")
                    out(f"auto items = from.arena.make_array<{kind}>(from.count());")
                    out(f"for ([[maybe_unused]] auto& item : items) {{ {self.one(f, 'item', 'false', True)} }}")
                    out(f"out.{f.name} = items;")
                    out("}")
                else:
                    out(self.one(f, f"out.{f.name}", null, False))
                out("}")
            out("}")
            out()


def part_name(path):
    """`random_messages_2.cc` registers its kinds with add_random_messages_2."""
    return os.path.splitext(os.path.basename(path))[0]


def generate_random(source, schemas):
    apis = [schema_file.parse(s) for s in schemas]
    messages = [m for a in apis for m in a.messages]
    out = Out()
    out("// Made from the schema files by generate.py.")
    out('#include "message_kind.h"')
    out()
    for a in apis:
        out(f'#include "kafka/messages/{a.name}.h"')
    out()
    out("namespace millrace::kafka {")
    out.depth = 0
    out()
    out("namespace {")
    out.depth = 0
    for m in messages:
        FillWriter(m, out).define()
    out.depth = 1
    out("} // namespace")
    out()
    out(f"void add_{part_name(source)}(std::vector<std::unique_ptr<message_kind>>& kinds) {{")
    for m in messages:
        out(f'kinds.push_back(std::make_unique<kind_of<{m.name}>>("{m.name}", '
            f"[](message_source& from, std::int16_t version, {m.name}& out) {{ fill(from, version, out); }}));")
    out("}")
    out()
    out.depth = 1
    out("} // namespace millrace::kafka")
    out.write(source)


def generate_kinds(output, sources):
    out = Out()
    out("// Made by generate.py.")
    out('#include "message_kind.h"')
    out()
    out("namespace millrace::kafka {")
    out.depth = 0
    out()
    for s in sources:
        out(f"void add_{part_name(s)}(std::vector<std::unique_ptr<message_kind>>& kinds);")
    out()
    out("std::vector<std::unique_ptr<message_kind>> message_kinds() {")
    out("std::vector<std::unique_ptr<message_kind>> kinds;")
    for s in sources:
        out(f"add_{part_name(s)}(kinds);")
    out("return kinds;")
    out("}")
    out()
    out.depth = 1
    out("} // namespace millrace::kafka")
    out.write(output)


def main(argv):
    try:
        if argv[1] == "api":
            generate_api(*argv[2:5])
        elif argv[1] == "table":
            generate_table(argv[2], argv[3:])
        elif argv[1] == "random":
            generate_random(argv[2], argv[3:])
        elif argv[1] == "kinds":
            generate_kinds(argv[2], argv[3:])
        else:
            sys.exit(__doc__)
    except schema_file.SchemaError as error:
        sys.exit(f"generate.py: {error}")


if __name__ == "__main__":
    main(sys.argv)
