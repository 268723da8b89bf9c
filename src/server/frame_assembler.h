// Cuts a connection's bytes into frames without believing what a frame claims to be.
// Owner: one per connection, on its shard.
// Invariant: memory held is at most `proof_bytes` until that much of a frame has arrived, then at most
// `growth_factor` times what has arrived or `first_allocation_bytes_max`, and never more than the frame.
//
// Three hundred connections that each announce 100 MiB and send one byte therefore cost nothing.
#pragma once

#include "base/bytes.h"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace millrace::server {

// A whole frame without its length prefix.
struct frame {
    std::unique_ptr<std::byte[]> memory;
    std::size_t size = 0;
    bytes_view bytes() const { return {memory.get(), size}; }
    mutable_bytes writable() { return {memory.get(), size}; }
};

class frame_assembler {
  public:
    static constexpr std::size_t proof_bytes = 4096;
    static constexpr std::size_t first_allocation_bytes_max = 2 << 20;
    static constexpr std::size_t growth_factor = 4;
    // From this many missing bytes on they are received straight into the frame.
    static constexpr std::size_t exact_bytes_min = 32 * 1024;

    enum class state {
        collecting, // give it what arrives
        exact,      // receive into `exact_target()`, then tell `exact_received`
        complete,   // take the frame
        refused,    // the announced size is impossible: close the connection
    };

    explicit frame_assembler(std::size_t frame_bytes_max) : frame_bytes_max_{frame_bytes_max} {}

    // Takes bytes up to the end of the current frame; returns how many. What is left belongs to the next frame.
    std::size_t take(bytes_view arrived);

    state now() const { return state_; }
    // Between two frames.
    bool is_at_start() const { return state_ == state::collecting && prefix_filled_ == 0; }
    // What `exact_target` copies before it returns: the frame so far, when it needs more room.
    std::size_t bytes_to_copy() const { return filled_ == capacity_ ? filled_ : 0; }
    mutable_bytes exact_target();
    void exact_received(std::size_t count);

    // REQUIRES: now() == complete. The assembler then waits for the next frame.
    frame take_frame();

    // What the peer announced; meaningful in `refused` for the log line.
    std::int64_t announced_bytes() const { return announced_; }
    std::size_t held_bytes() const { return capacity_; }
    std::size_t arrived_bytes() const { return filled_; } // of the current frame
    std::uint64_t copied_bytes() const { return copied_; }     // of the current frame, for the counters

  private:
    void announced();
    void grow(std::size_t here);
    void decide();

    std::size_t frame_bytes_max_;
    state state_ = state::collecting;
    std::byte prefix_[4]{};
    std::size_t prefix_filled_ = 0;
    std::int64_t announced_ = 0;
    std::unique_ptr<std::byte[]> memory_;
    std::size_t size_ = 0;     // of the frame
    std::size_t filled_ = 0;   // arrived
    std::size_t capacity_ = 0; // allocated
    std::uint64_t copied_ = 0;
};

} // namespace millrace::server
