// The highest rate that holds: doubled until one does not, then halved between.
// Owner: a saturate run; pure.
// Invariant: `best` was held; what was missed was higher. At most `tries_max` rates are tried.
#pragma once

#include <cstdint>

namespace millrace::bench {

class rate_search {
  public:
    static constexpr int tries_max = 40;
    static constexpr double precision = 0.05;

    rate_search(std::uint64_t first, std::uint64_t highest) : highest_{highest}, next_{first < highest ? first : highest} {}

    // The rate to try now; 0: it is found.
    std::uint64_t next() const { return next_; }
    std::uint64_t best() const { return held_; }
    void told(bool held) {
        (held ? held_ : missed_) = next_;
        ++tries_;
        if (tries_ >= tries_max || held_ == highest_) {
            next_ = 0;
        } else if (missed_ == 0) {
            next_ = held_ > highest_ / 2 ? highest_ : held_ * 2;
        } else if (held_ == 0) {
            next_ = missed_ / 2;
        } else {
            bool close = static_cast<double>(missed_ - held_) <= precision * static_cast<double>(held_);
            next_ = close || missed_ - held_ < 2 ? 0 : held_ + (missed_ - held_) / 2;
        }
    }

  private:
    std::uint64_t highest_, next_, held_ = 0, missed_ = 0;
    int tries_ = 0;
};

} // namespace millrace::bench
