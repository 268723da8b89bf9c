// Builds one v2 batch after another: for the client, the tools, the coordinators and the tests.
// Owner: one producer, on one shard.
// Invariant: a finished batch passes `validate` with producer rules; buffers are kept from batch to batch, so a
// builder at work allocates nothing.
#pragma once

#include "records/batch.h"
#include "records/compression.h"
#include "records/record_iterator.h"

#include <span>

namespace millrace::records {

struct builder_options {
    records::codec codec = codec::none;
    int level = codec_level_default;
    std::size_t payload_size_hint = 16 << 10;
};

// What the header says besides the records. Base offset and epoch are the broker's to set.
struct batch_identity {
    millrace::producer_id producer_id = no_producer;
    millrace::producer_epoch producer_epoch{-1};
    sequence_number base_sequence{-1};
    bool transactional = false;
    bool control = false;
    records::timestamp_type timestamp_type = timestamp_type::create_time;
    log_offset base_offset{0};
    millrace::leader_epoch partition_leader_epoch = no_epoch;
};

class batch_builder {
  public:
    explicit batch_builder(const builder_options& options);

    void append(timestamp_ms timestamp, std::optional<bytes_view> key, std::optional<bytes_view> value,
                std::span<const record_header> headers = {});

    bool empty() const { return record_count_ == 0; }
    std::int32_t record_count() const { return record_count_; }
    // Header and records before compression: what batch.size is compared with.
    std::size_t size_bytes() const { return plain_.size(); }

    // The whole batch with its CRC; valid until the next `append` or `reset`. REQUIRES: not empty.
    mutable_bytes finish(const batch_identity& identity);
    // Ready for the next batch.
    void reset();

  private:
    compressor compressor_;
    byte_buffer plain_;      // header space, then records
    byte_buffer compressed_; // header space, then the compressed block
    std::int32_t record_count_ = 0;
    timestamp_ms base_timestamp_ = no_timestamp;
    timestamp_ms max_timestamp_ = no_timestamp;
};

} // namespace millrace::records
