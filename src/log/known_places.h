// Where readers that are behind the recent batches go on: the offset after what they were given, and where it lies.
// Owner: the partition log; one shard.
// Invariant: at the place of an offset begins the first batch of its segment that ends at or after that offset.
//
// A place moves on with its reader, so that readers at one offset have a place each. One that comes without is looked up by the index.
#pragma once

#include "base/ids.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace millrace::log {

class known_places {
  public:
    // Readers of one partition that go on without a look-up; with more of them, some are looked up.
    static constexpr std::size_t places_max = 64;

    struct place {
        log_offset segment_base = no_offset;
        std::uint64_t position = 0;
    };

    known_places() { clear(); }
    // places_max if it is not known.
    std::size_t find(log_offset next) const {
        std::size_t i = 0;
        while (i < places_max && next_[i] != next) ++i;
        return i;
    }
    const place& operator[](std::size_t i) const { return places_[i]; }
    void move(std::size_t i, log_offset next, const place& p) {
        next_[i] = next;
        places_[i] = p;
    }
    // Takes the room of the one that was added first.
    void add(log_offset next, const place& p) {
        move(turn_, next, p);
        turn_ = (turn_ + 1) % places_max;
    }
    void clear() { next_.fill(no_offset); }

  private:
    std::array<log_offset, places_max> next_; // apart from the places, so that a search reads little
    std::array<place, places_max> places_;
    std::size_t turn_ = 0;
};

} // namespace millrace::log
