// What only members understand: made once where a request is read, and shared by the state, the answers and the records that tell of it,
// because the end of a rebalance tells one member of what all the others said.
// Owner: whoever holds one; counted, so that the last may let go of it on any shard and in the pool.
// Invariant: the bytes never change.
#pragma once

#include "base/bytes.h"

#include <memory>
#include <vector>

namespace millrace::coord {

class shared_bytes {
  public:
    shared_bytes() = default;
    shared_bytes(bytes_view from) : size_{from.size()} {
        if (from.empty()) return;
        auto made = std::make_shared_for_overwrite<std::byte[]>(size_);
        std::memcpy(made.get(), from.data(), size_);
        kept_ = std::move(made);
    }
    shared_bytes(const std::vector<std::byte>& from) : shared_bytes{bytes_view{from}} {}

    operator bytes_view() const { return {kept_.get(), size_}; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

    friend bool operator==(const shared_bytes& a, const shared_bytes& b) {
        if (a.size_ != b.size_) return false;
        return a.kept_ == b.kept_ || std::memcmp(a.kept_.get(), b.kept_.get(), a.size_) == 0;
    }

  private:
    std::shared_ptr<const std::byte[]> kept_;
    std::size_t size_ = 0;
};

} // namespace millrace::coord
