// What a partition remembers of each idempotent producer: its epoch and its last five batches.
// Owner: the partition's leader, on its owner shard.
// Invariant: `check` changes nothing; `apply` is the only mutator, and recovery calls nothing else, so state rebuilt from
// the log equals state built by appends.
// Sources: KIP-98 (idempotence), KAFKA-5494 (five batches), Kafka's ProducerStateManager for the snapshot format.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "partition/errc.h"
#include "records/validate.h"

#include <array>
#include <optional>
#include <unordered_map>
#include <vector>

namespace millrace::partition {

inline constexpr std::size_t batches_remembered_max = 5;

struct batch_memory {
    sequence_number base_sequence, last_sequence;
    log_offset base_offset, last_offset;
    timestamp_ms timestamp;
};

struct known_producer {
    producer_id id;
    producer_epoch epoch;
    sequence_number last_sequence{-1};
    timestamp_ms last_timestamp = no_timestamp;
    std::int32_t coordinator_epoch = -1;
    log_offset transaction_began = no_offset;
    log_offset last_offset = no_offset; // of its last batch
};

class producer_states {
  public:
    // Accepted: nullopt. A duplicate of a remembered batch: that batch. Otherwise out_of_order_sequence or
    // invalid_producer_epoch. Batches without a producer id are always accepted.
    result<std::optional<batch_memory>> check(const records::batch_info& batch) const;

    // Takes in a batch that has its final offsets. Never fails: it is in the log.
    void apply(const records::batch_info& batch);
    // Where its open transaction began, for the snapshot; no_offset: it ended.
    void set_transaction(producer_id who, log_offset began);

    // Forgets producers whose last batch is older than `now - expiration_ms` (producer.id.expiration.ms).
    void expire(timestamp_ms now, std::int64_t expiration_ms);

    std::size_t size() const { return entries_.size(); }
    std::vector<known_producer> known() const; // by id
    void clear() { entries_.clear(); }

    // Kafka's `.snapshot` format, version 1: int16 version, uint32 crc, array of entries; behind them, where Kafka does not
    // read, the batches before the last, so that what is sent again after a restart is recognised whole.
    std::vector<std::byte> snapshot() const;
    // False if the bytes are no snapshot; the state is then unchanged.
    bool load(bytes_view snapshot);

  private:
    struct entry {
        producer_epoch epoch{-1};
        std::array<batch_memory, batches_remembered_max> batches{}; // oldest first
        std::size_t count = 0;
        timestamp_ms last_timestamp = no_timestamp;
        std::int32_t coordinator_epoch = -1;
        log_offset transaction_began = no_offset;
        const batch_memory* last() const { return count ? &batches[count - 1] : nullptr; }
    };
    std::unordered_map<producer_id, entry> entries_;
};

} // namespace millrace::partition
