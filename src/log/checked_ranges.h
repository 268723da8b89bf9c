// Which bytes of a segment file this process may trust: what it wrote or has checked itself. The rest came from an earlier process and
// is checked once, when it is first read.
// Owner: the segment; one shard.
// Invariant: ranges are disjoint, in order and do not touch; what lies at or behind `foreign_end` was written here.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::log {

class checked_ranges {
  public:
    // Readers that jump about: beyond it the shortest range is forgotten, and checked again when it is read again.
    static constexpr std::size_t ranges_max = 256;

    // All in front of `end` was there before this process and is not checked yet.
    void set_foreign(std::uint64_t end) {
        foreign_end_ = end;
        foreign_ = true;
        ranges_.clear();
    }
    bool foreign() const { return foreign_; } // there before this process, even if empty
    bool covers(std::uint64_t from, std::uint64_t to) const {
        if (from >= foreign_end_) return true;
        to = std::min(to, foreign_end_);
        auto above = std::upper_bound(ranges_.begin(), ranges_.end(), from, [](std::uint64_t at, const range& r) { return at < r.from; });
        return above != ranges_.begin() && (above - 1)->to >= to;
    }
    void add(std::uint64_t from, std::uint64_t to) {
        to = std::min(to, foreign_end_);
        if (from >= to) return;
        auto first = std::lower_bound(ranges_.begin(), ranges_.end(), from, [](const range& r, std::uint64_t at) { return r.to < at; });
        auto last = first;
        for (; last != ranges_.end() && last->from <= to; ++last) {
            from = std::min(from, last->from);
            to = std::max(to, last->to);
        }
        ranges_.insert(ranges_.erase(first, last), {from, to});
        if (ranges_.size() > ranges_max)
            ranges_.erase(std::min_element(ranges_.begin(), ranges_.end(), [](const range& a, const range& b) { return a.to - a.from < b.to - b.from; }));
    }
    std::size_t size() const { return ranges_.size(); }

  private:
    struct range {
        std::uint64_t from, to;
    };
    std::uint64_t foreign_end_ = 0;
    bool foreign_ = false;
    std::vector<range> ranges_;
};

} // namespace millrace::log
