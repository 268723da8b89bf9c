// A client's incremental fetch session (KIP-227): the partitions it reads, so that requests and answers carry changes only.
// Owner: the connection it was opened on, one at most, on that connection's shard. Kafka keeps sessions in a table of
// 1,000 slots for the whole broker and evicts; one per connection needs neither the table nor an eviction.
// Invariant: a request is applied whole or not at all, and the epoch moves on by exactly one with each that is.
#pragma once

#include "base/ids.h"
#include "base/intrusive_list.h"
#include "kafka/messages/fetch.h"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

namespace millrace::server {

// One partition of a session, or of a single fetch without one.
struct fetched_partition : hook_of<struct fetch_order_tag> {
    std::string topic; // empty where the client names topics by id (Fetch 13 and later)
    topic_id id;
    partition_index partition;

    log_offset fetch_offset;
    std::int32_t bytes_max = 0;
    leader_epoch current_leader_epoch = no_epoch;
    leader_epoch last_fetched_epoch = no_epoch;

    // What the client was told last; -1: nothing yet.
    log_offset told_high_watermark = no_offset;
    log_offset told_log_start = no_offset;
};

class fetch_session {
  public:
    // Beyond it a session is refused (id 0 in the answer) and the client goes on with full fetches.
    static constexpr std::size_t session_partitions_max = 100'000;

    using order = intrusive_list<fetched_partition, fetch_order_tag>;

    // Takes in the request. On an error nothing has changed and the answer carries the error alone, with session id 0.
    // `fresh_id` is used if the request opens a session; it must not be 0.
    kafka::error_code begin(const kafka::fetch_request& request, std::int16_t version, std::int32_t fresh_id);

    // The partitions to read now, in the order to read them.
    order& partitions() { return order_; }
    std::size_t size() const { return entries_.size(); }

    // True: the answer names only partitions that have something to tell.
    bool incremental() const { return incremental_; }
    // For the answer; 0: no session.
    std::int32_t id() const { return id_; }

    // Whether `p` belongs in the answer. Notes what it tells the client, and moves a partition that carries records
    // behind the others, so that a busy one does not starve the rest under max_bytes.
    bool include(fetched_partition& p, const kafka::fetch_response::partition_entry& answer);

  private:
    struct key {
        std::string topic;
        topic_id id;
        partition_index partition;
        bool operator==(const key&) const = default;
    };
    struct key_hash {
        std::size_t operator()(const key& k) const {
            return std::hash<std::string>{}(k.topic) ^ std::hash<uuid>{}(k.id) ^
                   static_cast<std::size_t>(k.partition.value) * 0x9e3779b97f4a7c15ull;
        }
    };

    void clear();
    bool add(const kafka::fetch_request& request);
    void forget(const kafka::fetch_request& request);

    std::unordered_map<key, std::unique_ptr<fetched_partition>, key_hash> entries_;
    order order_;
    std::int32_t id_ = 0;
    std::int32_t next_epoch_ = 0;
    bool by_id_ = false;
    bool incremental_ = false;
};

} // namespace millrace::server
