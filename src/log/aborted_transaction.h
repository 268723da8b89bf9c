// An entry of a segment's `.txnindex`: a transaction that ended by abortion.
// Owner: values and pure functions; no shard.
// Source: Kafka's AbortedTxn.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "base/reader.h"

#include <optional>
#include <span>
#include <vector>

namespace millrace::log {

struct aborted_transaction {
    static constexpr std::size_t entry_bytes = 2 + 8 + 8 + 8 + 8;

    producer_id producer;
    log_offset first, last; // of its records; the abort marker is the last
    log_offset last_stable; // when it was aborted
    friend bool operator==(const aborted_transaction&, const aborted_transaction&) = default;
};

std::vector<std::byte> encode_aborted(std::span<const aborted_transaction> all);
// The next entry. Nothing: it is none. REQUIRES: entry_bytes are left.
std::optional<aborted_transaction> read_aborted(reader& from);
// A whole file. Nothing if the bytes are no such index.
std::optional<std::vector<aborted_transaction>> decode_aborted(bytes_view bytes);

} // namespace millrace::log
