// Where a reset puts the committed offset of one partition.
// Owner: pure functions.
// Invariant: the answer lies between the start and the end of the log.
#pragma once

#include "client/offsets.h"

#include <expected>
#include <optional>

namespace millrace::client {

enum class reset_kind { to_earliest, to_latest, to_offset, shift_by, to_time };

struct reset_wish {
    reset_kind kind = reset_kind::to_earliest;
    std::int64_t number = 0; // to_offset, shift_by
    timestamp_ms at{};       // to_time
};

// What is known of the partition.
struct reset_place {
    std::optional<log_offset> committed;
    log_offset start{};
    log_offset end{};
    log_offset at_time = no_offset; // to_time: the first record at or after it
};

struct reset_step {
    log_offset to{};
    bool moved = false; // the wish lay outside of the log and was moved to its nearest offset
};

// Error: one sentence about what is missing.
std::expected<reset_step, std::string> decide_reset(const reset_wish& wish, const reset_place& place);

} // namespace millrace::client
