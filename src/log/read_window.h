// A piece of a file in memory that slides forward: for scans, which look at one batch after the other.
// Owner: a coroutine's frame.
// Invariant: `view` is only asked for what `has` confirmed.
#pragma once

#include "log/errc.h"
#include "runtime/disk.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace millrace::log {

class read_window {
  public:
    read_window(std::shared_ptr<runtime::file> file, std::uint64_t end, std::size_t chunk_bytes)
        : file_{std::move(file)}, end_{end}, chunk_bytes_{chunk_bytes} {}

    std::uint64_t end() const { return end_; }
    bool has(std::uint64_t position, std::size_t size) const {
        return position >= begin_ && position + size <= begin_ + filled_;
    }
    bytes_view view(std::uint64_t position, std::size_t size) const {
        return bytes_view{buffer_}.subspan(position - begin_, size);
    }
    // All that is here from `position` on.
    bytes_view rest(std::uint64_t position) const {
        return bytes_view{buffer_}.first(filled_).subspan(position - begin_);
    }
    // After success has(position, size). REQUIRES: position + size <= end().
    runtime::task<result<void>> fill(std::uint64_t position, std::size_t size) {
        std::size_t wanted = static_cast<std::size_t>(
            std::min<std::uint64_t>(end_ - position, std::max(size, chunk_bytes_)));
        if (buffer_.size() < wanted) buffer_.resize(wanted);
        begin_ = position;
        filled_ = 0;
        mutable_bytes into{buffer_.data(), wanted};
        auto got = co_await runtime::read(*file_, position, into);
        if (!got) co_return storage_failed();
        filled_ = *got;
        if (filled_ < size) co_return std::unexpected{errc::corrupt};
        co_return result<void>{};
    }

  private:
    std::shared_ptr<runtime::file> file_;
    std::uint64_t end_;
    std::size_t chunk_bytes_;
    std::vector<std::byte> buffer_;
    std::uint64_t begin_ = 0;
    std::size_t filled_ = 0;
};

} // namespace millrace::log
