#include "server/frame_assembler.h"

#include "base/assert.h"
#include "kafka/header.h"

#include <algorithm>
#include <cstring>

namespace millrace::server {

std::size_t frame_assembler::take(bytes_view arrived) {
    std::size_t used = 0;
    while (prefix_filled_ < sizeof prefix_ && used < arrived.size() && state_ == state::collecting) {
        prefix_[prefix_filled_++] = arrived[used++];
        if (prefix_filled_ == sizeof prefix_) announced();
    }
    while (state_ == state::collecting && used < arrived.size()) {
        if (filled_ == capacity_) grow(arrived.size() - used);
        std::size_t n = std::min(arrived.size() - used, capacity_ - filled_);
        std::memcpy(memory_.get() + filled_, arrived.data() + used, n);
        copied_ += n;
        used += n;
        filled_ += n;
        if (filled_ == size_) state_ = state::complete;
    }
    decide();
    return used;
}

void frame_assembler::announced() {
    announced_ = load_be<std::int32_t>(prefix_);
    if (announced_ < static_cast<std::int64_t>(kafka::request_header_bytes_min) - 2 ||
        announced_ > static_cast<std::int64_t>(frame_bytes_max_)) {
        state_ = state::refused;
        return;
    }
    size_ = static_cast<std::size_t>(announced_);
}

// `here`: has arrived and is about to be taken. It counts as proof already, so that a frame whose beginning came in one
// piece is allocated once, and the beginning copied once.
void frame_assembler::grow(std::size_t here) {
    std::size_t proven = filled_ + here;
    std::size_t wanted = proven < proof_bytes ? proof_bytes : std::max(first_allocation_bytes_max, proven * growth_factor);
    wanted = std::min(wanted, size_);
    MR_ASSERT(wanted > capacity_, "a frame that is full does not grow");
    auto larger = std::make_unique_for_overwrite<std::byte[]>(wanted);
    if (filled_) std::memcpy(larger.get(), memory_.get(), filled_);
    copied_ += filled_;
    memory_ = std::move(larger);
    capacity_ = wanted;
}

// Whether the rest is worth an exact receive of its own.
void frame_assembler::decide() {
    if (state_ != state::collecting || filled_ < proof_bytes || size_ - filled_ < exact_bytes_min) return;
    state_ = state::exact;
}

mutable_bytes frame_assembler::exact_target() {
    if (filled_ == capacity_) grow(0);
    return {memory_.get() + filled_, capacity_ - filled_};
}

void frame_assembler::exact_received(std::size_t count) {
    MR_ASSERT(state_ == state::exact && count <= capacity_ - filled_, "more arrived than was asked for");
    filled_ += count;
    if (filled_ == size_) {
        state_ = state::complete;
        return;
    }
    state_ = state::collecting;
    decide();
}

frame frame_assembler::take_frame() {
    MR_ASSERT(state_ == state::complete, "no whole frame is here");
    frame out{std::move(memory_), size_};
    state_ = state::collecting;
    prefix_filled_ = size_ = filled_ = capacity_ = 0;
    copied_ = 0;
    return out;
}

} // namespace millrace::server
