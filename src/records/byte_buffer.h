// A growing run of bytes that is never zero-filled and keeps its capacity when cleared.
// Owner: one builder or codec, on one shard.
// Invariant: a view is valid until the next call that may grow the buffer.
#pragma once

#include "base/assert.h"
#include "base/bytes.h"

#include <algorithm>
#include <memory>

namespace millrace::records {

class byte_buffer {
  public:
    std::size_t size() const { return size_; }
    std::size_t capacity() const { return capacity_; }
    bytes_view view() const { return {data_.get(), size_}; }
    mutable_bytes bytes() { return {data_.get(), size_}; }
    std::byte* data() { return data_.get(); }
    void clear() { size_ = 0; }

    // At least `count` writable bytes behind the end; `commit` what was written of them.
    std::byte* spare(std::size_t count) {
        if (capacity_ - size_ < count) grow(count);
        return data_.get() + size_;
    }
    std::size_t spare_size() const { return capacity_ - size_; }
    void commit(std::size_t count) {
        MR_ASSERT(count <= capacity_ - size_, "more bytes committed than were asked for");
        size_ += count;
    }
    void append(bytes_view bytes) {
        auto* to = spare(bytes.size());
        if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
        size_ += bytes.size();
    }

  private:
    void grow(std::size_t count) {
        auto capacity = std::max(size_ + count, capacity_ * 2);
        auto bigger = std::make_unique_for_overwrite<std::byte[]>(capacity);
        if (size_ > 0) std::memcpy(bigger.get(), data_.get(), size_);
        data_ = std::move(bigger);
        capacity_ = capacity;
    }

    std::unique_ptr<std::byte[]> data_;
    std::size_t size_ = 0, capacity_ = 0;
};

} // namespace millrace::records
