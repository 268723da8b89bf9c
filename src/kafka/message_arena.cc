#include "kafka/message_arena.h"

#include <algorithm>

namespace millrace::kafka {

void message_arena::reset() {
    // Keep the largest chunk that is small enough: the next message of the connection is likely as large.
    auto best = chunks_.end();
    for (auto it = chunks_.begin(); it != chunks_.end(); ++it)
        if (it->size <= kept_max && (best == chunks_.end() || it->size > best->size)) best = it;
    if (best == chunks_.end()) {
        chunks_.clear();
        chunk_ = nullptr;
        chunk_size_ = 0;
    } else {
        std::swap(*best, chunks_.front());
        chunks_.erase(chunks_.begin() + 1, chunks_.end());
        chunk_ = chunks_.front().bytes.get();
        chunk_size_ = chunks_.front().size;
    }
    held_ = chunk_size_;
    used_ = 0;
    budget_left_ = 0;
}

void message_arena::begin_decode(std::size_t received) {
    // No overflow: frames are far below SIZE_MAX / decode_multiple_max.
    budget_left_ = std::min(decode_max_, decode_base_bytes_max + decode_multiple_max * received);
}

void* message_arena::take_from_new_chunk(std::size_t size) {
    constexpr std::size_t first = 512; // a long poll of few partitions fits, and there may be a hundred thousand of them
    std::size_t want = std::max(size, std::clamp(chunk_size_ * 2, first, kept_max));
    // Uninitialised on purpose: an array that a peer claims touches pages only as its elements really arrive.
    chunks_.push_back({std::unique_ptr<std::byte[]>{new std::byte[want]}, want});
    chunk_ = chunks_.back().bytes.get();
    chunk_size_ = want;
    held_ += want;
    used_ = size;
    return chunk_;
}

} // namespace millrace::kafka
