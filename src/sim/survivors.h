// Which of the changes that nobody synced are found after a power cut: drawn from one seed, change by change.
// Owner: whoever cuts; values; no shard.
// Invariant: one seed and mode make the same draws for the same disk.
#pragma once

#include "sim/seeds.h"

#include <cstdint>

namespace millrace::sim {

// What a file system and a device may do with what they were not asked to keep.
enum class survival : std::uint8_t {
    nothing,       // it never left the page cache
    everything,    // the kernel had just written all of it by itself
    any,           // each change by itself, some writes in sectors: written back in any order
    ordered,       // all up to a moment: written back in the order of the changes, the last write in sectors
    ordered_names, // names and sizes up to a moment, as in a journal; the bytes of each write by themselves
};
inline constexpr std::uint64_t survivals = 5;

class survivors {
  public:
    // What a write leaves.
    enum class part : std::uint8_t { none, all, sectors, size_only };

    // Changes before number `oldest` are durable already; `next` will be that of the next change.
    survivors(survival mode, std::uint64_t seed, std::uint64_t oldest, std::uint64_t next, bool torn = true)
        : random_{seed}, mode_{mode}, torn_{torn}, moment_{oldest + below(next - oldest + 1)}, eighths_{1 + below(7)} {}

    // A name, or a truncation.
    bool keeps_name(std::uint64_t number) {
        switch (mode_) {
        case survival::nothing: return false;
        case survival::everything: return true;
        case survival::any: return drawn();
        case survival::ordered:
        case survival::ordered_names: return number < moment_;
        }
        return false;
    }
    part keeps_write(std::uint64_t number) {
        switch (mode_) {
        case survival::nothing: return part::none;
        case survival::everything: return part::all;
        case survival::ordered:
            if (number + 1 == moment_ && torn_) return part::sectors;
            return number < moment_ ? part::all : part::none;
        case survival::any:
        case survival::ordered_names:
            if (!drawn()) return torn_ && below(8) == 0 ? part::size_only : part::none;
            return torn_ && below(2) == 0 ? part::sectors : part::all;
        }
        return part::none;
    }
    bool keeps_sector() { return below(2) == 0; }

  private:
    std::uint64_t below(std::uint64_t n) { return random_.next() % n; }
    bool drawn() { return below(8) < eighths_; }

    seeded_random random_;
    survival mode_;
    bool torn_;
    std::uint64_t moment_;  // of the ordered modes: a change number
    std::uint64_t eighths_; // of the others: how likely a change survives
};

} // namespace millrace::sim
