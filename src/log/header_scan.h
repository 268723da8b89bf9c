// Walks the headers of stored batches without reading their records.
// Owner: a coroutine's frame.
// Invariant: positions come from lengths that were checked against the end of the file.
#pragma once

#include "log/read_window.h"
#include "records/batch.h"

namespace millrace::log {

class header_scan {
  public:
    struct batch {
        log_offset base, last;
        timestamp_ms max_timestamp;
        leader_epoch epoch;
        std::uint64_t position = 0;
        std::uint32_t size_bytes = 0;
    };

    // `position` is the start of a batch.
    header_scan(std::shared_ptr<runtime::file> file, std::uint64_t position, std::uint64_t end)
        : window_{std::move(file), end, chunk_bytes}, position_{position} {}

    bool at_end() const { return position_ >= window_.end(); }
    bool ready() const { return window_.has(position_, records::header_size); }
    runtime::task<result<void>> fill() {
        if (position_ + records::header_size > window_.end()) return broken();
        return window_.fill(position_, records::header_size);
    }
    // False: what is here is no batch. REQUIRES: ready().
    bool take(batch& out) {
        if (!read(window_.view(position_, records::header_size), position_, window_.end(), out)) return false;
        position_ += out.size_bytes;
        return true;
    }
    void seek(std::uint64_t position) { position_ = position; }

    // The batch at `position` of a file that ends at `end`, by its header. False: that is none.
    static bool read(bytes_view header, std::uint64_t position, std::uint64_t end, batch& out) {
        auto h = header.data();
        auto length = load_be<std::int32_t>(h + records::at::length);
        if (length < records::length_field_min) return false;
        auto size = static_cast<std::uint64_t>(length) + records::log_overhead;
        if (position + size > end) return false;
        out.base = {load_be<std::int64_t>(h + records::at::base_offset)};
        out.last = out.base + load_be<std::int32_t>(h + records::at::last_offset_delta);
        out.max_timestamp = {load_be<std::int64_t>(h + records::at::max_timestamp)};
        out.epoch = {load_be<std::int32_t>(h + records::at::leader_epoch)};
        out.position = position;
        out.size_bytes = static_cast<std::uint32_t>(size);
        return true;
    }

  private:
    static constexpr std::size_t chunk_bytes = 8 << 10; // two index intervals of small batches
    static runtime::task<result<void>> broken() { co_return std::unexpected{errc::corrupt}; }

    read_window window_;
    std::uint64_t position_;
};

} // namespace millrace::log
