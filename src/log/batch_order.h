// Whether stored batches follow each other. Kafka's CRC does not cover base offset and leader epoch: the neighbours vouch for them.
// Owner: a coroutine's frame.
// Invariant: offsets grow and epochs do not fall. A gap between offsets is what compaction leaves, and what a damaged base offset
// looks like until the next batch is seen.
#pragma once

#include "base/ids.h"

#include <cstddef>

namespace millrace::log {

class batch_order {
  public:
    enum class verdict {
        follows,
        breaks,            // this one does not belong here
        predecessor_broke, // the one before does not: it claimed more than there was room for
    };

    // `begins_at`: no batch may begin before. `exact`: one ended there, so that a first batch behind it leaves a gap.
    explicit batch_order(log_offset begins_at, bool exact = false) : next_{begins_at}, exact_{exact} {}

    verdict next(log_offset base, log_offset last, leader_epoch epoch) {
        if (base < next_ || last < base) return seen_ > 0 && gap_ && last >= base ? verdict::predecessor_broke : verdict::breaks;
        if (epoch < epoch_) return epoch >= epoch_before_ ? verdict::predecessor_broke : verdict::breaks;
        gap_ = (exact_ || seen_ > 0) && base > next_;
        gaps_ += gap_;
        next_ = last + 1;
        epoch_before_ = epoch_;
        epoch_ = epoch;
        ++seen_;
        return verdict::follows;
    }
    // At the end of a file: the last batch has the only gap, and nobody vouches for it. `dense`: where compaction has never been;
    // else it takes many batches without a gap to suspect one.
    bool last_is_suspect(bool dense = false) const { return gap_ && gaps_ == 1 && (dense || seen_ > 2); }

  private:
    log_offset next_;
    bool exact_;
    leader_epoch epoch_ = no_epoch, epoch_before_ = no_epoch;
    std::size_t seen_ = 0, gaps_ = 0;
    bool gap_ = false;
};

} // namespace millrace::log
