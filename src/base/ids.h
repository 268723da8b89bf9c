// The field's own numbers: offsets, epochs, producers, brokers, shards, topics.
// Owner: values; no shard.
// Invariant: -1 means "none" in each type, as on the wire.
#pragma once

#include "base/strong.h"

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

using log_offset = strong<struct log_offset_tag, std::int64_t>;
using leader_epoch = strong<struct leader_epoch_tag, std::int32_t>;
using partition_index = strong<struct partition_index_tag, std::int32_t>;
using producer_id = strong<struct producer_id_tag, std::int64_t>;
using producer_epoch = strong<struct producer_epoch_tag, std::int16_t>;
using sequence_number = strong<struct sequence_number_tag, std::int32_t>;
using broker_id = strong<struct broker_id_tag, std::int32_t>;
using shard_id = strong<struct shard_id_tag, std::uint32_t>;

// Milliseconds since the Unix epoch, as in records and on the wire. -1: none.
using timestamp_ms = strong<struct timestamp_ms_tag, std::int64_t>;

inline constexpr log_offset no_offset{-1};
inline constexpr leader_epoch no_epoch{-1};
inline constexpr producer_id no_producer{-1};
inline constexpr timestamp_ms no_timestamp{-1};

// 16 bytes; all zero means "none". Printed as Kafka prints it: base64url without padding, 22 characters.
struct uuid {
    std::array<std::uint8_t, 16> bytes{};

    friend constexpr auto operator<=>(const uuid&, const uuid&) = default;
    constexpr bool is_zero() const { return *this == uuid{}; }
    std::string to_string() const;
    static std::optional<uuid> parse(std::string_view text);
};

using topic_id = uuid;

// A topic name and a partition number: what log directories and clients call a partition.
struct topic_partition {
    std::string topic;
    partition_index partition;

    friend auto operator<=>(const topic_partition&, const topic_partition&) = default;
};

} // namespace millrace

template <> struct std::hash<millrace::uuid> {
    std::size_t operator()(const millrace::uuid& id) const noexcept {
        std::uint64_t a, b;
        std::memcpy(&a, id.bytes.data(), 8);
        std::memcpy(&b, id.bytes.data() + 8, 8);
        return a ^ (b * 0x9e3779b97f4a7c15ull);
    }
};
