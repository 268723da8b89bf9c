#include "runtime/frame_memory.h"

#include <array>
#include <new>

namespace millrace::runtime::frame_memory {

// The address sanitizer tells a frame that is used after its end from a live one only if the memory really goes back.
#if defined(__SANITIZE_ADDRESS__)
#define MR_FRAMES_POOLED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MR_FRAMES_POOLED 0
#endif
#endif
#ifndef MR_FRAMES_POOLED
#define MR_FRAMES_POOLED 1
#endif

namespace {

constexpr std::size_t sizes = pooled_bytes_max / step_bytes;
constexpr std::size_t size_of(std::size_t bytes) { return (bytes + step_bytes - 1) / step_bytes - 1; }
constexpr std::size_t bytes_of(std::size_t size) { return (size + 1) * step_bytes; }

struct idle_frame {
    idle_frame* next;
};
struct idle_list {
    idle_frame* first;
    unsigned count;
};

thread_local constinit std::array<idle_list, sizes> idle{};

// Apart from the lists: those are looked at for each frame, and what has a destructor is guarded on each look.
struct thread_end {
    bool awaited = false;
    ~thread_end() {
        for (std::size_t size = 0; size < sizes; ++size)
            while (auto* f = idle[size].first) {
                idle[size].first = f->next;
                ::operator delete(f, bytes_of(size));
            }
    }
};
thread_local thread_end at_thread_end;

} // namespace

void* take(std::size_t bytes) {
    if (!MR_FRAMES_POOLED || bytes > pooled_bytes_max) return ::operator new(bytes);
    auto& list = idle[size_of(bytes)];
    if (auto* f = list.first) [[likely]] {
        list.first = f->next;
        --list.count;
        return f;
    }
    at_thread_end.awaited = true; // it exists from its first use on
    return ::operator new(bytes_of(size_of(bytes)));
}

void give_back(void* frame, std::size_t bytes) noexcept {
    if (!MR_FRAMES_POOLED || bytes > pooled_bytes_max) return ::operator delete(frame, bytes);
    auto& list = idle[size_of(bytes)];
    if (list.count == idle_max) return ::operator delete(frame, bytes_of(size_of(bytes)));
    ++list.count;
    list.first = new (frame) idle_frame{list.first};
}

} // namespace millrace::runtime::frame_memory
