// What compaction keeps of one batch, and how it is written anew: Kafka's rules, batch by batch.
// Owner: one compaction; used by one thread at a time (the offload pool's).
// Invariant: offsets, sequences, headers, codec and leader epoch stay as they were; the last batch of each producer that is
// still known stays, empty if need be, and so does the last one before `upper_bound`: with them the last sequence and the
// last offset.
//
// A deletion marker goes `delete_retention_ms` after it was first met by a compaction: that time is written into its batch
// (attribute bit 6, base timestamp; KIP-534).
#pragma once

#include "log/cleaned_transactions.h"
#include "log/key_offsets.h"
#include "records/compression.h"
#include "records/record_iterator.h"

#include <array>
#include <memory>
#include <unordered_map>

namespace millrace::log {

struct filter_rules {
    timestamp_ms now{0};
    std::int64_t delete_retention_ms = 86'400'000;
    log_offset upper_bound{0}; // what is compacted in this round ends here
};

struct last_record {
    log_offset offset = no_offset; // of its last data; none: only a marker is known
    producer_epoch epoch{-1};
};
using last_records = std::unordered_map<producer_id, last_record>;

// What a batch's records are judged by.
struct record_facts {
    log_offset offset;
    bool has_key = false, has_value = false;
    log_offset newest = no_offset; // of its key, among those that were looked at
};
struct judged_by {
    log_offset looked_at = no_offset; // the last offset that was looked at for newer records
    std::optional<timestamp_ms> delete_horizon; // of the batch
    timestamp_ms now{0};
};
bool keeps(const record_facts& record, const judged_by& by);

class compaction_filter {
  public:
    static constexpr std::size_t decompressed_bytes_max = 256 << 20;

    compaction_filter(const key_offsets& newest, const filter_rules& rules, const last_records& producers,
                      cleaned_transactions& transactions);

    struct counts {
        std::uint64_t records_in = 0, records_kept = 0, without_key = 0;
    };
    // Appends what is left of `batch`, if anything, to `out`. REQUIRES: batches come in offset order.
    result<void> take(const records::batch_view& batch, records::byte_buffer& out);
    const counts& counted() const { return counts_; }

  private:
    void write_empty(const records::batch_view& batch, records::byte_buffer& out);
    void write_kept(const records::batch_view& batch, std::optional<timestamp_ms> new_horizon, records::byte_buffer& out);
    records::compressor& compressor_for(records::codec which);

    const key_offsets& newest_;
    const filter_rules rules_;
    const last_records& producers_;
    cleaned_transactions& transactions_;
    counts counts_;
    records::decompressor unpack_;
    std::array<std::unique_ptr<records::compressor>, records::codec_count> pack_;
    records::byte_buffer plain_, rewritten_;
    std::vector<records::record_view> kept_; // of the batch at hand; views into it or `plain_`
};

// Puts the keys of one batch into `newest`. False: it is full, and looked at no further than its latest().
result<bool> note_keys(const records::batch_view& batch, log_offset from, key_offsets& newest, cleaned_transactions& transactions,
                       records::decompressor& unpack, records::byte_buffer& plain);

} // namespace millrace::log
