// Sends records to one topic: batches per partition, several on the wire, repeated where that may help.
// Owner: the caller, on one shard; `flush` and `close` are awaited before it is destroyed.
// Invariant: the records of a partition are stored in the order appended as long as nothing is repeated, and always so
// with idempotence; at most `buffer_bytes_max` wait, and `append` refuses more until `room` completes.
#pragma once

#include "client/cluster_link.h"
#include "client/delivery.h"
#include "client/partitioner.h"
#include "client/producer_lane.h"
#include "records/record_iterator.h"

#include <coroutine>
#include <optional>
#include <span>

namespace millrace::client {

struct producer_options {
    std::int16_t acks = -1; // 0, 1, or -1: all
    bool idempotent = false;
    records::codec codec = records::codec::none;
    int codec_level = records::codec_level_default;
    std::size_t batch_bytes = 512 << 10;
    std::size_t buffer_bytes_max = 16 << 20;
    std::size_t in_flight_max = 5; // per partition; brokers remember the last five batches of a producer
    runtime::nanoseconds linger = runtime::milliseconds{5};
    runtime::nanoseconds retry_backoff = runtime::milliseconds{100};
    runtime::nanoseconds delivery_timeout = runtime::seconds{120};
    std::int32_t request_timeout_ms = 30000;
    bool create_topic = true;
};

class producer {
  public:
    producer(cluster_link& link, std::string topic, const producer_options& options, delivery_listener& listener);
    producer(const producer&) = delete;

    // Learns the partitions and, for idempotence, gets a producer id.
    runtime::task<result<void>> start();

    std::int32_t partition_count() const { return static_cast<std::int32_t>(lanes_.size()); }
    partition_index choose(std::optional<bytes_view> key) const;
    // False if the buffer is full: await `room` and append again. REQUIRES: started, a partition that exists.
    bool append(partition_index to, timestamp_ms timestamp, std::optional<bytes_view> key,
                std::optional<bytes_view> value, std::span<const records::record_header> headers, std::int64_t tag);

    // Completes when the buffer has room again. One waiter at a time.
    auto room() { return wait_until(false); }
    // Sends what is open and completes when everything has been told of. One waiter at a time.
    auto flush() {
        seal_all();
        return wait_until(true);
    }
    runtime::task<void> close();

  private:
    struct waiting {
        producer& owner;
        bool for_all;
        bool await_ready() const noexcept { return owner.satisfied(for_all); }
        void await_suspend(std::coroutine_handle<> h) noexcept {
            MR_ASSERT(!owner.waiter_, "two waiters on one producer");
            owner.waiter_ = h;
            owner.waiter_wants_all_ = for_all;
        }
        void await_resume() const noexcept {}
    };
    struct owned_timer : runtime::timer {
        producer* owner = nullptr;
    };
    struct owned_completion : runtime::completion {
        producer* owner = nullptr;
        bool posted = false;
    };

    waiting wait_until(bool all) { return waiting{*this, all}; }
    bool satisfied(bool all) const { return all ? undelivered_ == 0 : buffered_ < options_.buffer_bytes_max; }
    void wake_if_satisfied();
    void seal_all();
    void seal(producer_lane& lane);
    void kick(producer_lane& lane);
    runtime::task<void> pump(producer_lane& lane);
    runtime::task<void> send_one(producer_lane& lane, connection& over, std::unique_ptr<producer_batch> batch);
    runtime::task<result<log_offset>> produce(partition_index partition, connection& over, bytes_view batch);
    void settle(producer_lane& lane, std::unique_ptr<producer_batch> batch, const result<log_offset>& outcome);
    std::unique_ptr<producer_batch> fresh_batch();

    cluster_link& link_;
    std::string topic_;
    uuid topic_id_;
    producer_options options_;
    delivery_listener& listener_;
    producer_identity identity_;
    sticky_choice sticky_{0};
    std::vector<std::unique_ptr<producer_lane>> lanes_;
    std::vector<std::unique_ptr<producer_batch>> spare_; // their buffers are used again
    std::size_t buffered_ = 0;
    std::size_t undelivered_ = 0; // records
    owned_timer linger_;
    owned_completion wake_;
    std::coroutine_handle<> waiter_{};
    bool waiter_wants_all_ = false;
    runtime::scope tasks_;
};

} // namespace millrace::client
