// What generated codecs are written in: strings, arrays, records and tagged fields in both wire forms.
// Owner: pure functions; included by generated sources only.
// Invariant: nothing is allocated by a claimed count: a count is first held against the bytes that are left.
#pragma once

#include "kafka/message.h"

namespace millrace::kafka::codec {

inline constexpr std::int64_t string_bytes_max = 0x7fff;

// A length or count as it stands on the wire: -1 for null. Fails the reader where null is not allowed.
inline std::int64_t get_length(reader& in, bool flex, bool nullable, bool two_bytes) {
    std::int64_t length;
    if (flex)
        length = static_cast<std::int64_t>(in.uvarint()) - 1;
    else
        length = two_bytes ? in.i16() : in.i32();
    if (length < 0) {
        if (!nullable) in.fail();
        return -1;
    }
    // As in Kafka, a compact string is no longer than a plain one can be: what came in by one version can go out by
    // any other.
    if (two_bytes && length > string_bytes_max) {
        in.fail();
        return -1;
    }
    return length;
}

inline bytes_view get_span(reader& in, std::int64_t length) {
    return length < 0 ? bytes_view{} : in.take(static_cast<std::size_t>(length));
}

inline std::string_view get_string(reader& in, bool flex) {
    return as_text(get_span(in, get_length(in, flex, false, true)));
}
inline nullable_string get_nullable_string(reader& in, bool flex, bool nullable) {
    auto length = get_length(in, flex, nullable, true);
    if (length < 0) return {};
    return nullable_string{as_text(get_span(in, length))};
}
inline bytes_view get_bytes(reader& in, bool flex) { return get_span(in, get_length(in, flex, false, false)); }
inline nullable_bytes get_nullable_bytes(reader& in, bool flex, bool nullable) {
    auto length = get_length(in, flex, nullable, false);
    if (length < 0) return {};
    return nullable_bytes{get_span(in, length)};
}
inline records_field get_records(reader& in, bool flex, bool nullable) {
    auto length = get_length(in, flex, nullable, false);
    if (length < 0) return {};
    auto bytes = get_span(in, length);
    if (!in.ok()) return {};
    return records_field{bytes};
}

template <class T, class Get>
array_view<T> get_array(reader& in, bool flex, bool nullable, std::size_t element_bytes_min, message_arena& arena,
                        Get get_one) {
    auto claimed = get_length(in, flex, nullable, false);
    if (claimed < 0) return array_view<T>::null();
    if (claimed == 0) return {};
    auto count = static_cast<std::size_t>(claimed);
    if (count > in.remaining() / element_bytes_min) {
        in.fail();
        return {};
    }
    T* items = arena.try_allocate<T>(count);
    if (!items) {
        in.fail();
        return {};
    }
    for (std::size_t i = 0; i < count && in.ok(); ++i) get_one(*new (items + i) T{});
    if (!in.ok()) return {};
    return {items, count};
}

// `known(tag, field)` returns true if it decoded the tag; the others are skipped, as a newer peer may send them.
template <class Known> void get_tags(reader& in, Known known) {
    // Each tag takes at least two bytes, so the loop is bounded by what was received.
    for (auto count = in.uvarint(); count > 0 && in.ok(); --count) {
        auto tag = in.uvarint();
        reader field{in.take(in.uvarint())};
        if (!in.ok()) return;
        if (known(tag, field) && (!field.ok() || field.remaining() != 0)) in.fail();
    }
}
inline void skip_tags(reader& in) {
    get_tags(in, [](std::uint32_t, reader&) { return false; });
}

inline std::size_t length_size(std::size_t length, bool flex, bool two_bytes) {
    return flex ? uvarint_size(static_cast<std::uint32_t>(length + 1)) : two_bytes ? 2 : 4;
}
inline std::size_t string_size(std::string_view s, bool flex) { return length_size(s.size(), flex, true) + s.size(); }
inline std::size_t string_size(const nullable_string& s, bool flex) {
    return s.is_null() ? (flex ? 1 : 2) : string_size(s.value(), flex);
}
inline std::size_t bytes_size(bytes_view b, bool flex) { return length_size(b.size(), flex, false) + b.size(); }
inline std::size_t bytes_size(const nullable_bytes& b, bool flex) {
    return b.is_null() ? (flex ? 1 : 4) : bytes_size(b.value(), flex);
}
inline std::size_t bytes_size(const records_field& r, bool flex) {
    return r.is_null() ? (flex ? 1 : 4) : length_size(r.size(), flex, false) + r.size();
}
template <class T> std::size_t count_size(const array_view<T>& a, bool flex) {
    return a.is_null() ? (flex ? 1 : 4) : length_size(a.size(), flex, false);
}
inline std::size_t tag_size(std::uint32_t tag, std::size_t size) {
    return uvarint_size(tag) + uvarint_size(static_cast<std::uint32_t>(size)) + size;
}

inline void put_length(writer& out, std::size_t length, bool flex, bool two_bytes) {
    MR_ASSERT(length <= (two_bytes ? 0x7fff : 0x7ffffffe), "string, array or bytes are too long for the wire");
    if (flex) {
        out.uvarint(static_cast<std::uint32_t>(length + 1));
    } else if (two_bytes) {
        out.i16(static_cast<std::int16_t>(length));
    } else {
        out.i32(static_cast<std::int32_t>(length));
    }
}
inline void put_null(writer& out, bool flex, bool nullable, bool two_bytes) {
    MR_ASSERT(nullable, "null in a field that this version does not let be null");
    if (flex)
        out.uvarint(0);
    else if (two_bytes)
        out.i16(-1);
    else
        out.i32(-1);
}
inline void put_string(writer& out, std::string_view s, bool flex) {
    put_length(out, s.size(), flex, true);
    out.raw(as_bytes(s));
}
inline void put_string(writer& out, const nullable_string& s, bool flex, bool nullable) {
    if (s.is_null()) return put_null(out, flex, nullable, true);
    put_string(out, s.value(), flex);
}
inline void put_bytes(writer& out, bytes_view b, bool flex) {
    put_length(out, b.size(), flex, false);
    out.raw(b);
}
inline void put_bytes(writer& out, const nullable_bytes& b, bool flex, bool nullable) {
    if (b.is_null()) return put_null(out, flex, nullable, false);
    put_bytes(out, b.value(), flex);
}
// With `points` the bytes are left out and their place is noted; without, they are copied.
inline void put_records(writer& out, const records_field& r, bool flex, bool nullable, std::vector<splice_point>* points) {
    if (r.is_null()) return put_null(out, flex, nullable, false);
    put_length(out, r.size(), flex, false);
    if (points) {
        if (r.size()) points->push_back({out.written(), r.size(), r.bytes().data()});
        return;
    }
    MR_ASSERT(r.has_bytes(), "records given by size alone need encode_split");
    out.raw(r.bytes());
}
template <class T> void put_count(writer& out, const array_view<T>& a, bool flex, bool nullable) {
    if (a.is_null()) return put_null(out, flex, nullable, false);
    put_length(out, a.size(), flex, false);
}
inline void put_tag(writer& out, std::uint32_t tag, std::size_t size) {
    out.uvarint(tag);
    out.uvarint(static_cast<std::uint32_t>(size));
}

// Printing: bytes and records as lengths, strings quoted, escaped and cut, secret values hidden.
void show(std::string& out, std::string_view text);
void show(std::string& out, const nullable_string& text);
void show(std::string& out, bytes_view bytes);
void show(std::string& out, const nullable_bytes& bytes);
void show(std::string& out, const records_field& records);
void show(std::string& out, const uuid& id);
void show(std::string& out, std::int64_t number);
void show(std::string& out, double number);
void show(std::string& out, bool flag);
void show(std::string& out, error_code code);
void show(std::string& out, api_key key);
void show_secret(std::string& out, bool null);
// ", name: ", or "name: " right after an opening brace.
void begin_field(std::string& out, std::string_view name);
template <class T, class Show> void show_array(std::string& out, const array_view<T>& items, Show show_one) {
    // A log line is not a dump.
    constexpr std::size_t shown_max = 32;
    if (items.is_null()) {
        out += "null";
        return;
    }
    out += '[';
    for (std::size_t i = 0; i < items.size() && i < shown_max; ++i) {
        if (i) out += ", ";
        show_one(items[i]);
    }
    if (items.size() > shown_max) {
        out += ", and ";
        show(out, static_cast<std::int64_t>(items.size() - shown_max));
        out += " more";
    }
    out += ']';
}

} // namespace millrace::kafka::codec
