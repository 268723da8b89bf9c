// What compaction may discard of transactions: batches of aborted ones, and markers of which nothing is left.
// Owner: one compaction pass; used by one thread at a time.
// Invariant: batches are told in offset order, and the aborted transactions of a segment before its batches; a marker is
// discarded only when no batch of its transaction was met.
// Source: Kafka's CleanedTransactionMetadata.
#pragma once

#include "log/aborted_transaction.h"
#include "log/errc.h"
#include "records/batch.h"

#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace millrace::log {

class cleaned_transactions {
  public:
    void add(const std::vector<aborted_transaction>& aborted);
    // Of the next batch; `control_key`: of its first record, if it is a control batch and has one.
    bool may_discard(const records::batch_view& batch, std::optional<bytes_view> control_key);
    // Those whose records are still there, for the new segment's index.
    std::vector<aborted_transaction> take_kept() { return std::move(kept_); }

  private:
    struct ongoing {
        aborted_transaction what;
        bool met = false; // one of its batches was there
    };
    void begin_up_to(log_offset offset);

    std::vector<aborted_transaction> later_; // by first offset, last one first
    std::unordered_map<producer_id, ongoing> aborted_;
    std::unordered_set<producer_id> committed_;
    std::vector<aborted_transaction> kept_;
};

} // namespace millrace::log
