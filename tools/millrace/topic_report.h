// What `topic describe` shows: each partition with its leader, offsets, size and the times of its records; the configs.
// Owner: a command; on its thread.
// Invariant: what a broker cannot tell is missing, and no reason to fail.
#pragma once

#include "client/configs.h"

namespace millrace::tool {

struct partition_row {
    client::partition_info about;
    std::optional<std::int64_t> start, end, bytes;
    std::optional<std::int64_t> shard; // of the leader; only Millrace tells
    timestamp_ms first = no_timestamp; // of the first record
    timestamp_ms last = no_timestamp;  // the largest of all records
};

struct topic_report {
    std::shared_ptr<const client::topic_info> about;
    std::vector<partition_row> rows;
    std::vector<client::config_value> configs;
};

runtime::task<client::result<topic_report>> report_topic(client::cluster_link& link, std::string topic);

void append_text(std::string& out, const topic_report& report);
void append_json(std::string& out, const topic_report& report);

} // namespace millrace::tool
