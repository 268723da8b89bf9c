// Why a metadata change was refused or failed, with the text that the client is shown.
// Owner: values; no shard.
// Invariant: a code exists only if a caller answers it in its own way; the message follows Kafka's wording.
#pragma once

#include <expected>
#include <string>

namespace millrace::cluster {

enum class errc {
    topic_exists,
    unknown_topic,
    invalid_name,               // name rule, or '.' and '_' collide
    invalid_partitions,
    invalid_replication_factor,
    invalid_config,             // unknown key or bad value
    invalid_request,            // the same of a broker, which Kafka answers with another code
    limit_reached,              // topics_max, partitions_max, configured_resources_max
    overloaded,                 // too many changes wait
    foreign_directory,          // the data directory holds things that are not ours
    wrong_identity,             // another node or cluster owns the directory
    unsupported_format,         // written by a later release
    corrupt,                    // damage in front of the last change: acknowledged changes would be lost
    storage_failed,             // the disk refused; no further change is taken
};

struct failure {
    errc code;
    std::string message;
};

template <class T> using outcome = std::expected<T, failure>;

inline std::unexpected<failure> refuse(errc code, std::string message) {
    return std::unexpected{failure{code, std::move(message)}};
}

} // namespace millrace::cluster
