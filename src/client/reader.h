// Reads partitions of one topic by assignment, without a group and without fetch sessions.
// Owner: the caller, on one shard.
// Invariant: the records of a partition are handed out once, in order of offset, from its start position on; control
// batches and records before the position are left out.
#pragma once

#include "client/offsets.h"
#include "records/compression.h"
#include "records/record_iterator.h"

#include <map>

namespace millrace::client {

struct reader_options {
    std::int32_t min_bytes = 1;
    std::int32_t max_wait_ms = 500;
    std::int32_t partition_bytes_max = 4 << 20;
    std::int32_t fetch_bytes_max = 32 << 20;
    std::size_t batch_plain_bytes_max = 256 << 20; // one batch, decompressed
    runtime::nanoseconds retry_backoff = runtime::milliseconds{100};
    int failures_max = 50; // in a row, of errors that may pass
};

struct read_record {
    partition_index partition{};
    log_offset offset = no_offset;
    timestamp_ms timestamp = no_timestamp;
    std::optional<bytes_view> key;
    std::optional<bytes_view> value;
    records::header_iterator headers;
};

class record_sink {
  public:
    // The views end with the call. False: enough, stop behind this record.
    virtual bool record(const read_record& r) = 0;

  protected:
    ~record_sink() = default;
};

class partition_reader {
  public:
    partition_reader(cluster_link& link, std::string topic, const reader_options& options);

    void assign(partition_index partition, log_offset from) { at_[partition] = {from, no_offset}; }
    // Where the next record of the partition is looked for, and the end as the last fetch saw it (or no_offset).
    log_offset position(partition_index partition) const { return at_.at(partition).next; }
    log_offset high_watermark(partition_index partition) const { return at_.at(partition).high_watermark; }

    // One fetch from each leader in turn; returns how many records were handed out: zero after an empty wait.
    runtime::task<result<std::size_t>> poll(record_sink& sink);
    // No more from this partition.
    void unassign(partition_index partition) { at_.erase(partition); }
    bool assigned() const { return !at_.empty(); }
    bool has(partition_index partition) const { return at_.contains(partition); }

  private:
    struct place {
        log_offset next;
        log_offset high_watermark;
    };
    runtime::task<result<std::size_t>> fetch(connection& over, std::vector<partition_index> from, bool alone, record_sink& sink);
    result<std::size_t> hand_out(partition_index partition, bytes_view batches, record_sink& sink);

    cluster_link& link_;
    std::string topic_;
    reader_options options_;
    std::map<partition_index, place> at_;
    records::decompressor decompressor_;
    records::byte_buffer plain_;
    int failures_ = 0;
    bool stopped_ = false;
};

} // namespace millrace::client
