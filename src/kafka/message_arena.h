// Memory for the arrays of messages: a bump allocator, because a fetch of 100 partitions must not be 100 mallocs.
// Owner: one per connection or handler, on its shard; the owner calls `reset` once no message made from it lives.
// Invariant: one decode takes no more than `decode_budget(received)`; after `reset` at most `kept_max` bytes stay.
#pragma once

#include "base/assert.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

namespace millrace::kafka {

// A message that people send decodes to at most about four times its bytes; the smallest elements (an empty string
// is one byte on the wire and a 16-byte view here) to more, so small messages have room that does not depend on it.
inline constexpr std::size_t decode_multiple_max = 8;
inline constexpr std::size_t decode_base_bytes_max = 64 * 1024;
inline constexpr std::size_t decode_bytes_max = 64 * 1024 * 1024;

class message_arena {
  public:
    static constexpr std::size_t kept_max = 64 * 1024;

    message_arena() = default;
    explicit message_arena(std::size_t decode_bytes_max_of_owner) : decode_max_{decode_bytes_max_of_owner} {}
    message_arena(const message_arena&) = delete;
    message_arena& operator=(const message_arena&) = delete;
    message_arena(message_arena&&) = default;
    message_arena& operator=(message_arena&&) = default;

    // Makes every message decoded into or built in this arena invalid.
    void reset();

    // For those who build messages: `count` elements with their default values. Bounded by the caller's own counts.
    template <class T> std::span<T> make_array(std::size_t count) {
        if (count == 0) return {};
        MR_ASSERT(count <= SIZE_MAX / sizeof(T), "array size overflows");
        T* items = static_cast<T*>(take(count * sizeof(T), alignof(T)));
        static_assert(std::is_trivially_destructible_v<T>, "the arena runs no destructors");
        for (std::size_t i = 0; i < count; ++i) new (items + i) T{};
        return {items, count};
    }

    // For generated decoders. `begin_decode` opens the budget of one message; `try_allocate` gives raw memory for
    // `count` elements, or null once the budget is used up.
    void begin_decode(std::size_t received);
    template <class T> T* try_allocate(std::size_t count) {
        static_assert(std::is_trivially_destructible_v<T>, "the arena runs no destructors");
        if (count > budget_left_ / sizeof(T)) return nullptr;
        budget_left_ -= count * sizeof(T);
        return static_cast<T*>(take(count * sizeof(T), alignof(T)));
    }

    // Bytes of chunks held now, for accounting and tests.
    std::size_t held_bytes() const { return held_; }

  private:
    struct chunk {
        std::unique_ptr<std::byte[]> bytes;
        std::size_t size;
    };

    void* take(std::size_t size, std::size_t alignment) {
        std::size_t at = (used_ + alignment - 1) & ~(alignment - 1);
        if (at + size <= chunk_size_) [[likely]] {
            used_ = at + size;
            return chunk_ + at;
        }
        return take_from_new_chunk(size);
    }
    void* take_from_new_chunk(std::size_t size);

    std::byte* chunk_ = nullptr;
    std::size_t chunk_size_ = 0;
    std::size_t used_ = 0;
    std::size_t held_ = 0;
    std::size_t budget_left_ = 0;
    std::size_t decode_max_ = decode_bytes_max;
    std::vector<chunk> chunks_;
};

} // namespace millrace::kafka
