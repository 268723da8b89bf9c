// What of a partition goes, when and why: the rules of retention applied to what any Kafka broker tells of a partition.
// Owner: pure functions.
// Invariant: nothing goes before `earliest`; what is said to go is gone at `latest`, if the broker runs. Brokers do not tell where their
// segments end, and whole segments go: hence the span.
#pragma once

#include "base/ids.h"

#include <optional>
#include <string>
#include <vector>

namespace millrace::tool {

struct retention_facts { // of a topic and its brokers
    std::string policy = "delete";
    std::int64_t retention_ms = -1, retention_bytes = -1; // -1: none
    std::int64_t segment_ms = 0, segment_bytes = 0;
    std::int64_t file_delay_ms = 0;
    std::int64_t check_ms = 300'000;
    bool deletes() const { return policy.find("delete") != policy.npos; }
    bool compacts() const { return policy.find("compact") != policy.npos; }
};

struct retained_partition {
    log_offset start{0}, end{0};
    log_offset young = no_offset;       // the first record that is not older than retention.ms; no_offset: there is none
    timestamp_ms young_time = no_timestamp;
    timestamp_ms newest = no_timestamp; // the largest timestamp
    std::optional<std::int64_t> bytes;
};

struct going {
    log_offset from{0}, until = no_offset; // no_offset: only the broker knows
    timestamp_ms earliest = no_timestamp, latest = no_timestamp;
    std::string why;
};

std::vector<going> explain_retention(const retention_facts& rules, const retained_partition& of, timestamp_ms now);

} // namespace millrace::tool
