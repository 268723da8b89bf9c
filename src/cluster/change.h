// The changes that the metadata log holds, and their bytes.
// Owner: pure functions and values; no shard.
// Invariant: decode(encode(x)) == x for every change; a frame that was cut or damaged never decodes.
#pragma once

#include "base/bytes.h"
#include "cluster/image.h"

#include <optional>
#include <variant>
#include <vector>

namespace millrace::cluster {

struct topic_created {
    std::string name;
    topic_id id;
    std::int32_t partition_count = 0;
    bool internal = false;
    config_map overrides;
    bool operator==(const topic_created&) const = default;
};
struct topic_deleted {
    topic_id id;
    bool operator==(const topic_deleted&) const = default;
};
struct partitions_added {
    topic_id id;
    std::int32_t partition_count = 0; // the new total
    bool operator==(const partitions_added&) const = default;
};
struct topic_config_altered {
    topic_id id;
    config_map overrides; // the full new set
    bool operator==(const topic_config_altered&) const = default;
};
struct leader_epoch_taken {
    std::int32_t epoch = 0;
    bool operator==(const leader_epoch_taken&) const = default;
};
struct producer_ids_reserved {
    std::int64_t below = 0; // every id below is given or lost
    bool operator==(const producer_ids_reserved&) const = default;
};
// Of brokers and groups. In the log each of them is Kafka's ConfigRecord (type 4 of its metadata records).
struct config_change {
    config_resource of;
    std::string name;
    std::optional<std::string> value; // none: unset
    bool operator==(const config_change&) const = default;
};
struct configs_altered {
    std::vector<config_change> changes;
    bool operator==(const configs_altered&) const = default;
};
// Ends the part of a log that was rewritten: how many changes made it what it says.
struct changes_made {
    std::int64_t count = 0;
    bool operator==(const changes_made&) const = default;
};
using change = std::variant<topic_created, topic_deleted, partitions_added, topic_config_altered, leader_epoch_taken,
                            producer_ids_reserved, configs_altered, changes_made>;

// What the first bytes of the log are, and how many.
inline constexpr std::string_view log_magic{"MRMETA\0\1", 8};
inline constexpr std::size_t log_magic_size = 8;
inline constexpr std::size_t frame_header_size = 8;
inline constexpr std::uint32_t frame_payload_max = 16u << 20;

// What makes a topic as it is now.
topic_created created_from(const topic& t);
// What makes one set of configs of the other.
configs_altered difference(const config_resource& of, const config_map& before, const config_map& after);

std::vector<std::byte> encode_frame(const change& c);
void append_frame(std::vector<std::byte>& to, const change& c);

enum class frame_error {
    cut_or_damaged, // length or checksum does not fit
    unsupported,    // intact, but of a type or version that this release does not know
};
struct decoded_frame {
    change what;
    std::size_t size; // of the whole frame
};
std::expected<decoded_frame, frame_error> decode_frame(bytes_view from);

// Whether an intact frame begins anywhere behind the first byte: what tells a torn tail from damage inside the log.
bool intact_frame_follows(bytes_view from);

} // namespace millrace::cluster
