// Reads a closed segment piece by piece, each piece a run of whole batches.
// Owner: a coroutine's frame.
// Invariant: a piece is valid until the next one; it is `chunk_bytes` long at most, or one batch that is larger.
#pragma once

#include "log/errc.h"
#include "records/batch.h"
#include "runtime/disk.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace millrace::log {

class batch_chunks {
  public:
    static constexpr std::size_t chunk_bytes = 256 << 10;
    static constexpr std::size_t batch_bytes_max = 256 << 20; // what is believed of a length field

    // `begin` is the start of a batch, `end` the end of one.
    batch_chunks(std::shared_ptr<runtime::file> file, std::uint64_t begin, std::uint64_t end)
        : file_{std::move(file)}, position_{begin}, end_{end} {}

    // Empty at the end.
    runtime::task<result<bytes_view>> next() {
        std::size_t wanted = chunk_bytes;
        while (position_ < end_) {
            const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, end_ - position_));
            if (buffer_.size() < size) buffer_.resize(size);
            mutable_bytes into{buffer_.data(), size};
            auto got = co_await runtime::read(*file_, position_, into);
            if (!got) co_return storage_failed();
            if (*got < size) break;
            std::size_t whole = 0;
            while (whole + records::log_overhead <= size) {
                auto length = load_be<std::int32_t>(buffer_.data() + whole + records::at::length);
                if (length < records::length_field_min) co_return std::unexpected{errc::corrupt};
                wanted = static_cast<std::size_t>(length) + records::log_overhead;
                if (whole + wanted > size) break;
                whole += wanted;
            }
            if (whole > 0) {
                position_ += whole;
                co_return bytes_view{buffer_.data(), whole};
            }
            if (wanted <= size || wanted > batch_bytes_max || position_ + wanted > end_) break;
        }
        if (position_ < end_) co_return std::unexpected{errc::corrupt};
        co_return bytes_view{};
    }

  private:
    std::shared_ptr<runtime::file> file_;
    std::uint64_t position_, end_;
    std::vector<std::byte> buffer_;
};

// The batches of such a piece, one after the other. False: `each` said so.
template <class Each> bool each_batch(bytes_view piece, Each each) {
    while (!piece.empty()) {
        records::batch_view batch{piece};
        if (!each(batch)) return false;
        piece = piece.subspan(batch.size_bytes());
    }
    return true;
}

} // namespace millrace::log
