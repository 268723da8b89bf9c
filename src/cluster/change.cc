// Frame: u32 payload length, u32 CRC32C of the payload, payload = u8 type, u8 version, fields. Big-endian.
// Text: u32 length, bytes. Map: u32 count, then name and value each as text, sorted by name.
#include "cluster/change.h"

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/reader.h"

namespace millrace::cluster {

namespace {

constexpr std::uint8_t version = 0;

struct output {
    std::vector<std::byte>& to;

    template <class T> void be(T value) {
        to.resize(to.size() + sizeof(T));
        store_be<T>(to.data() + to.size() - sizeof(T), value);
    }
    void u8(std::uint8_t value) { to.push_back(static_cast<std::byte>(value)); }
    void id(const topic_id& value) {
        auto* from = reinterpret_cast<const std::byte*>(value.bytes.data());
        to.insert(to.end(), from, from + 16);
    }
    void text(std::string_view value) {
        be<std::uint32_t>(static_cast<std::uint32_t>(value.size()));
        auto bytes = as_bytes(value);
        to.insert(to.end(), bytes.begin(), bytes.end());
    }
    void map(const config_map& values) {
        be<std::uint32_t>(static_cast<std::uint32_t>(values.size()));
        for (const auto& [name, value] : values) {
            text(name);
            text(value);
        }
    }

    void operator()(const topic_created& c) {
        text(c.name);
        id(c.id);
        be<std::int32_t>(c.partition_count);
        u8(c.internal ? 1 : 0);
        map(c.overrides);
    }
    void operator()(const topic_deleted& c) { id(c.id); }
    void operator()(const partitions_added& c) {
        id(c.id);
        be<std::int32_t>(c.partition_count);
    }
    void operator()(const topic_config_altered& c) {
        id(c.id);
        map(c.overrides);
    }
    void operator()(const leader_epoch_taken& c) { be<std::int32_t>(c.epoch); }
    void operator()(const producer_ids_reserved& c) { be<std::int64_t>(c.below); }
};

std::string text_of(reader& in) {
    auto size = in.u32();
    return std::string{as_text(in.take(size))};
}
config_map map_of(reader& in) {
    config_map out;
    auto count = in.u32();
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
        auto name = text_of(in);
        out.insert_or_assign(std::move(name), text_of(in));
    }
    return out;
}

std::optional<change> decode_fields(std::uint8_t type, reader& in) {
    switch (type) {
    case 0: {
        topic_created c;
        c.name = text_of(in);
        c.id = in.uuid();
        c.partition_count = in.i32();
        c.internal = in.boolean();
        c.overrides = map_of(in);
        return c;
    }
    case 1: return topic_deleted{in.uuid()};
    case 2: {
        partitions_added c;
        c.id = in.uuid();
        c.partition_count = in.i32();
        return c;
    }
    case 3: {
        topic_config_altered c;
        c.id = in.uuid();
        c.overrides = map_of(in);
        return c;
    }
    case 4: return leader_epoch_taken{in.i32()};
    case 5: return producer_ids_reserved{in.i64()};
    }
    return std::nullopt;
}

// The payload, if length and checksum fit.
std::optional<bytes_view> payload_of(bytes_view from) {
    if (from.size() < frame_header_size) return std::nullopt;
    auto size = load_be<std::uint32_t>(from.data());
    if (size < 2 || size > frame_payload_max || size > from.size() - frame_header_size) return std::nullopt;
    auto payload = from.subspan(frame_header_size, size);
    if (crc32c(payload) != load_be<std::uint32_t>(from.data() + 4)) return std::nullopt;
    return payload;
}

} // namespace

topic_created created_from(const topic& t) { return {t.name, t.id, t.partition_count, t.internal, t.overrides}; }

void append_frame(std::vector<std::byte>& to, const change& c) {
    auto begin = to.size();
    to.resize(begin + frame_header_size);
    output out{to};
    out.u8(static_cast<std::uint8_t>(c.index()));
    out.u8(version);
    std::visit(out, c);
    bytes_view payload{to.data() + begin + frame_header_size, to.size() - begin - frame_header_size};
    store_be<std::uint32_t>(to.data() + begin, static_cast<std::uint32_t>(payload.size()));
    store_be<std::uint32_t>(to.data() + begin + 4, crc32c(payload));
}

std::vector<std::byte> encode_frame(const change& c) {
    std::vector<std::byte> out;
    append_frame(out, c);
    return out;
}

std::expected<decoded_frame, frame_error> decode_frame(bytes_view from) {
    auto payload = payload_of(from);
    if (!payload) return std::unexpected{frame_error::cut_or_damaged};
    reader in{*payload};
    auto type = static_cast<std::uint8_t>(in.i8());
    auto written_as = static_cast<std::uint8_t>(in.i8());
    if (written_as != version) return std::unexpected{frame_error::unsupported};
    auto what = decode_fields(type, in);
    if (!what || !in.ok() || in.remaining() != 0) return std::unexpected{frame_error::unsupported};
    return decoded_frame{std::move(*what), frame_header_size + payload->size()};
}

bool intact_frame_follows(bytes_view from) {
    for (std::size_t at = 1; at + frame_header_size < from.size(); ++at)
        if (payload_of(from.subspan(at))) return true;
    return false;
}

} // namespace millrace::cluster
