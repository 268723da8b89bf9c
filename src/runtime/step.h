// Kinds of work that a turn of the loop is made of, so that a turn that took long can say what ran in it.
// Owner: a `step_set` belongs to its shard's loop; a stored one, in `counters`, may be read anywhere.
// Invariant: to note a step takes a store and no look at the clock. So a set names what ran between two looks, most often
// one kind of request beside the completion that brought it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace millrace::runtime {

enum class step : std::uint8_t {
    other,          // a completion that is none of those below
    timer,
    message,        // from another shard
    received,       // bytes of a connection
    sent,           // an answer has left
    file_done,      // an operation on a file
    append_written, // a batch is in its log
    flushed,        // a batch is on the disk
    offloaded,      // a job of the pool has ended
    append,         // the phases' own work
    commit,
    send,
    kinds,
    request = 64,   // and from here on the requests, by API key
};

inline constexpr std::size_t step_keys_max = 128;
constexpr step request_step(std::int16_t key) {
    return static_cast<step>(static_cast<std::size_t>(step::request) + static_cast<std::size_t>(key) % step_keys_max);
}

const char* name_of(step s); // of those below `kinds`

class step_set {
  public:
    static constexpr std::size_t words = 3;

    void add(step s) { at_[static_cast<std::size_t>(s) / 64] |= std::uint64_t{1} << (static_cast<std::size_t>(s) % 64); }
    void clear() { at_ = {}; }
    bool has(step s) const { return at_[static_cast<std::size_t>(s) / 64] >> (static_cast<std::size_t>(s) % 64) & 1; }
    std::uint64_t word(std::size_t i) const { return at_[i]; }
    void set_word(std::size_t i, std::uint64_t to) { at_[i] = to; }

  private:
    std::array<std::uint64_t, words> at_{};
};
static_assert(static_cast<std::size_t>(step::request) + step_keys_max <= step_set::words * 64);

} // namespace millrace::runtime
