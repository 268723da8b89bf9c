// The format file of a data directory: proof that the directory is ours, and whose.
// Owner: the store; shard 0, at start only.
// Invariant: the format file is written last, so a directory that has one is complete; everything else is foreign.
#pragma once

#include "cluster/errc.h"

#include "base/ids.h"
#include "runtime/disk.h"

#include <optional>

namespace millrace::cluster {

inline constexpr const char* format_file_name = "millrace.format";
inline constexpr const char* metadata_directory_name = "metadata";
inline constexpr const char* changes_file_name = "changes";
inline constexpr const char* closed_file_name = "closed"; // beside the changes: the last process ended as it should

struct identity {
    std::string cluster_id;
    broker_id node_id{1};
    bool operator==(const identity&) const = default;
};

std::string format_text(const identity& who);
outcome<identity> parse_format(std::string_view text, std::string_view path);

// Who owns `directory`; nothing: it is missing or empty and may be formatted. foreign_directory names the first entry.
// `adopt`: one that Kafka formatted may be, too.
runtime::task<outcome<std::optional<identity>>> identify_directory(runtime::disk& disk, std::string directory, bool adopt = false);
// The cluster id in Kafka's meta.properties; empty if there is none.
runtime::task<std::string> kafka_cluster_id(runtime::disk& disk, std::string directory);
// Makes directory, empty metadata log and, last, the format file; may be repeated after a crash at any point.
runtime::task<outcome<void>> format_directory(runtime::disk& disk, std::string directory, identity who);

std::unexpected<failure> disk_failure(std::string_view doing, std::string_view path, runtime::errc why);

} // namespace millrace::cluster
