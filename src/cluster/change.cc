// Frame: u32 payload length, u32 CRC32C of the payload, payload = u8 type, u8 version, fields. Big-endian.
// Text: u32 length, bytes. Map: u32 count, then name and value each as text, sorted by name.
// Configs of brokers and groups: u32 count, then each as u32 length and one of Kafka's metadata records: frame version 1, record
// type 4, version 0, as varints, and ConfigRecord.
#include "cluster/change.h"

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/reader.h"
#include "kafka/message_arena.h"
#include "kafka/messages/config_record.h"

#include <array>

namespace millrace::cluster {

namespace {

constexpr std::uint8_t version = 0;
constexpr std::array<std::byte, 3> config_record_prefix{std::byte{1}, std::byte{4}, std::byte{0}};
constexpr std::int16_t config_record_version = 0;

kafka::config_record record_of(const config_change& c) {
    kafka::config_record r;
    r.resource_type = c.of.type;
    r.resource_name = c.of.name;
    r.name = c.name;
    r.value = std::nullopt;
    if (c.value) r.value = std::string_view{*c.value};
    return r;
}

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
    void operator()(const changes_made& c) { be<std::int64_t>(c.count); }
    void operator()(const configs_altered& c) {
        be<std::uint32_t>(static_cast<std::uint32_t>(c.changes.size()));
        for (const auto& one : c.changes) {
            auto record = record_of(one);
            auto size = kafka::encoded_size(record, config_record_version);
            be<std::uint32_t>(static_cast<std::uint32_t>(config_record_prefix.size() + size));
            to.insert(to.end(), config_record_prefix.begin(), config_record_prefix.end());
            to.resize(to.size() + size);
            writer body{std::span{to}.last(size)};
            kafka::encode(body, record, config_record_version);
        }
    }
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

std::optional<configs_altered> configs_of(reader& in) {
    configs_altered out;
    auto count = in.u32();
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
        auto bytes = in.take(in.u32());
        if (!in.ok() || bytes.size() < config_record_prefix.size()) return std::nullopt;
        if (!std::equal(config_record_prefix.begin(), config_record_prefix.end(), bytes.begin())) return std::nullopt;
        reader body{bytes.subspan(config_record_prefix.size())};
        kafka::message_arena arena;
        kafka::config_record record;
        if (!kafka::decode(body, config_record_version, arena, record)) return std::nullopt;
        auto& one = out.changes.emplace_back();
        one.of = {record.resource_type, std::string{record.resource_name}};
        one.name = record.name;
        if (!record.value.is_null()) one.value = std::string{record.value.value()};
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
    case 6:
        if (auto c = configs_of(in)) return std::move(*c);
        return std::nullopt;
    case 7: return changes_made{in.i64()};
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

configs_altered difference(const config_resource& of, const config_map& before, const config_map& after) {
    configs_altered out;
    for (const auto& [name, value] : before)
        if (!after.contains(name)) out.changes.push_back({of, name, std::nullopt});
    for (const auto& [name, value] : after)
        if (auto at = before.find(name); at == before.end() || at->second != value) out.changes.push_back({of, name, value});
    return out;
}

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
