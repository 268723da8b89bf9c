// Which transactions of a partition are open, and which were aborted: what readers with read_committed may see.
// Owner: the replica; its shard.
// Invariant: state built from a snapshot, the files and the log's end equals state built from the whole log.
// Sources: KIP-98; Kafka's ProducerStateManager and TransactionIndex.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "log/aborted_transaction.h"
#include "records/batch.h"

#include <map>
#include <vector>

namespace millrace::partition {

using log::aborted_transaction;

class transactions {
  public:
    // Of a snapshot: open since `first`.
    void set_open(producer_id producer, log_offset first) { open_.emplace(producer, first); }
    // A stored batch, in the order of the log.
    void apply(const records::batch_view& batch);
    // False: not entries of a `.txnindex` file, up to where they stop to be. Those that end at or behind `end` are of a log that was cut.
    bool load(bytes_view file, log_offset end);

    // What compaction left of the aborted ones that end in [from, until); in order.
    void keep_aborted(log_offset from, log_offset until, const std::vector<log_offset>& last_offsets);

    // The first offset of the oldest open one; no_offset if there is none.
    log_offset first_open() const;
    bool is_open(producer_id producer) const { return open_.contains(producer); }
    log_offset open_since(producer_id producer) const {
        auto at = open_.find(producer);
        return at == open_.end() ? no_offset : at->second;
    }
    // Those with records in [from, until).
    std::vector<aborted_transaction> aborted_in(log_offset from, log_offset until) const;
    bool any_aborted() const { return !aborted_.empty(); }
    // Found in the log, and not in the files that were loaded.
    const std::vector<aborted_transaction>& unsaved() const { return unsaved_; }

  private:
    std::map<producer_id, log_offset> open_;
    std::map<log_offset, aborted_transaction> aborted_; // by last offset
    std::vector<aborted_transaction> unsaved_;
};

} // namespace millrace::partition
