// Where the frames of coroutines come from: lists of this thread, the last one given back is the first one taken.
// Owner: the thread; a frame that ends on another thread joins that thread's lists.
// Invariant: at most `idle_max` frames of each size wait; larger and further ones come from the allocator.
//
// An allocator hands out its blocks in turn, so that each frame of a request is memory that the cache forgot long ago. The
// frames of one request are those of the last one here.
#pragma once

#include <cstddef>

namespace millrace::runtime::frame_memory {

inline constexpr std::size_t step_bytes = 64;
inline constexpr std::size_t pooled_bytes_max = 2048;
inline constexpr unsigned idle_max = 64;

void* take(std::size_t bytes);
void give_back(void* frame, std::size_t bytes) noexcept;

// A base of promise types.
struct pooled {
    static void* operator new(std::size_t bytes) { return take(bytes); }
    static void operator delete(void* frame, std::size_t bytes) noexcept { give_back(frame, bytes); }
};

} // namespace millrace::runtime::frame_memory
