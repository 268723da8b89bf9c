// One partition's batches on their way: the one being filled, those sealed, and how many are on the wire.
// Owner: a producer, on its shard.
// Invariant: `ready` is in the order of the ordinals; sequence numbers are given at sealing and never change, so a batch
// that is sent again is the same batch.
#pragma once

#include "base/ids.h"
#include "records/batch_builder.h"
#include "runtime/mono_time.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

namespace millrace::client {

struct producer_batch {
    explicit producer_batch(const records::builder_options& options) : builder{options} {}
    records::batch_builder builder;
    mutable_bytes sealed; // points into the builder
    std::vector<std::int64_t> tags;
    std::int64_t ordinal = 0;
    std::size_t charged_bytes = 0; // of the producer's buffer
    runtime::mono_time deadline{};
};

struct producer_identity {
    millrace::producer_id id = no_producer;
    producer_epoch epoch{-1};
};

class producer_lane {
  public:
    explicit producer_lane(partition_index partition) : partition_{partition} {}

    partition_index partition() const { return partition_; }
    producer_batch* open() { return open_.get(); }
    void begin(std::unique_ptr<producer_batch> batch) { open_ = std::move(batch); }
    // Finishes the open batch and queues it. REQUIRES: an open batch with at least one record.
    void seal(const producer_identity& identity, runtime::mono_time deadline);

    bool has_ready() const { return !ready_.empty(); }
    producer_batch& front() { return *ready_.front(); }
    // Whether the front may go out now: never past a batch that has to be sent again.
    bool may_send(std::size_t in_flight_max) const {
        return !ready_.empty() && (repeating_ ? in_flight_ == 0 : in_flight_ < in_flight_max);
    }
    std::unique_ptr<producer_batch> take();
    void put_back(std::unique_ptr<producer_batch> batch); // has failed, will be sent again
    void ended() { --in_flight_; }
    bool repeating() const { return repeating_; }
    void repeated() { repeating_ = false; }
    bool idle() const { return in_flight_ == 0 && ready_.empty() && (!open_ || open_->builder.empty()); }
    bool pumping = false;

  private:
    partition_index partition_;
    std::unique_ptr<producer_batch> open_;
    std::deque<std::unique_ptr<producer_batch>> ready_;
    std::size_t in_flight_ = 0;
    bool repeating_ = false;
    std::int64_t next_ordinal_ = 0;
    std::int32_t next_sequence_ = 0;
};

} // namespace millrace::client
