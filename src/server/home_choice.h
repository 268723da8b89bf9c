// On which shard a connection had better live: the one that owns most of what it writes and reads.
// Owner: the connection; goes with it when it moves.
// Invariant: no table and no allocation: one candidate and its lead, counted in bytes (Boyer and Moore's majority vote).
// After each decision the next needs twice the work, so that a client whose interest wanders moves a few times at most.
#pragma once

#include "base/ids.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace millrace::server {

class home_choice {
  public:
    static constexpr std::uint64_t window_bytes_max = std::uint64_t{1} << 40;

    // `window_bytes`: work before the first decision; 0: never decides.
    explicit home_choice(std::uint64_t window_bytes) : window_bytes_{window_bytes} {}

    void worked(shard_id owner, std::uint64_t bytes) {
        total_ += bytes;
        if (owner == candidate_) {
            lead_ += bytes;
        } else if (lead_ >= bytes) {
            lead_ -= bytes;
        } else {
            lead_ = bytes - lead_;
            candidate_ = owner;
        }
    }

    // A shard with at least three quarters of the work since the last decision is found; one that is found did at least half
    // of it (of two shards: three quarters). Nothing while there was too little work.
    std::optional<shard_id> home() {
        if (window_bytes_ == 0 || total_ < window_bytes_) return std::nullopt;
        if (lead_ >= total_ / 2) return candidate_;
        decided();
        return std::nullopt;
    }
    void decided() {
        window_bytes_ = std::min(2 * window_bytes_, window_bytes_max);
        put_off();
    }
    // The shard that was chosen had no time: the same again after as much work.
    void put_off() { total_ = lead_ = 0; }

  private:
    std::uint64_t window_bytes_;
    std::uint64_t total_ = 0;
    std::uint64_t lead_ = 0;
    shard_id candidate_{};
};

} // namespace millrace::server
