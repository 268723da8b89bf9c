// Walks the records of an uncompressed, or already decompressed, batch payload.
// Owner: a local variable; keys, values and headers are views into the payload it was given.
// Invariant: nothing outside the payload is touched, whatever the bytes say; a record that does not fit exactly
// into its declared length ends the walk with `failed()`.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"

#include <optional>

namespace millrace::records {

// Checked varint reading: a record's few small numbers dominate the walk, so the one-byte case comes first.
class varint_cursor {
  public:
    explicit varint_cursor(bytes_view bytes) : at_{bytes.data()}, end_{bytes.data() + bytes.size()} {}

    bool ok() const { return ok_; }
    std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }

    std::int32_t varint() { return unzigzag<std::int32_t>(raw<std::uint32_t, 5>()); }
    std::int64_t varlong() { return unzigzag<std::int64_t>(raw<std::uint64_t, 10>()); }

    std::int8_t i8() {
        if (at_ == end_) return fail(), std::int8_t{0};
        return static_cast<std::int8_t>(*at_++);
    }
    // REQUIRES: count >= 0.
    bytes_view take(std::int32_t count) {
        if (remaining() < static_cast<std::size_t>(count)) return fail(), bytes_view{};
        bytes_view out{at_, static_cast<std::size_t>(count)};
        at_ += count;
        return out;
    }
    // A length and that many bytes; a negative length stands for null.
    std::optional<bytes_view> nullable_bytes() {
        auto length = varint();
        if (length < 0) return std::nullopt;
        return take(length);
    }
    void fail() {
        ok_ = false;
        at_ = end_;
    }

  private:
    template <class Signed, class Unsigned> static Signed unzigzag(Unsigned value) {
        return static_cast<Signed>((value >> 1) ^ (~(value & 1) + 1));
    }
    template <class Unsigned, int bytes_max> Unsigned raw() {
        if (at_ != end_ && static_cast<std::int8_t>(*at_) >= 0) [[likely]]
            return std::to_integer<Unsigned>(*at_++);
        Unsigned value = 0;
        for (int i = 0; i < bytes_max && at_ != end_; ++i) {
            auto byte = std::to_integer<Unsigned>(*at_++);
            value |= (byte & 0x7f) << (7 * i);
            if (!(byte & 0x80)) return value;
        }
        fail();
        return 0;
    }

    const std::byte* at_;
    const std::byte* end_;
    bool ok_ = true;
};

struct record_header {
    bytes_view key;
    std::optional<bytes_view> value;
};

// The headers of one record, in order. The record iterator has checked them already.
class header_iterator {
  public:
    header_iterator() : cursor_{bytes_view{}} {}
    header_iterator(bytes_view bytes, std::int32_t count) : cursor_{bytes}, left_{count} {}

    // False at the end, and for bytes that do not parse.
    bool next(record_header& out) {
        if (left_ == 0) return false;
        --left_;
        auto key = cursor_.nullable_bytes();
        if (!key) cursor_.fail(); // a header key is never null
        out.value = cursor_.nullable_bytes();
        if (!cursor_.ok()) return false;
        out.key = *key;
        return true;
    }
    bool ok() const { return cursor_.ok(); }
    std::size_t remaining() const { return cursor_.remaining(); }

  private:
    varint_cursor cursor_;
    std::int32_t left_ = 0;
};

struct record_view {
    std::int64_t timestamp_delta = 0;
    std::int32_t offset_delta = 0;
    std::optional<bytes_view> key;
    std::optional<bytes_view> value;
    std::int32_t header_count = 0;
    bytes_view header_bytes;

    header_iterator headers() const { return {header_bytes, header_count}; }
    // Wraps instead of overflowing: both numbers come from outside.
    timestamp_ms timestamp(timestamp_ms base) const {
        return {static_cast<std::int64_t>(static_cast<std::uint64_t>(base.value) +
                                          static_cast<std::uint64_t>(timestamp_delta))};
    }
};

class record_iterator {
  public:
    record_iterator(bytes_view payload, std::int32_t record_count) : cursor_{payload}, left_{record_count} {}

    // False at the end and at the first malformed record; `failed()` tells which.
    bool next(record_view& out) {
        if (left_ <= 0) return false;
        --left_;
        auto length = cursor_.varint();
        if (length < 0 || !cursor_.ok()) return failed_ = true, false;
        varint_cursor body{cursor_.take(length)};
        if (!cursor_.ok()) return failed_ = true, false;
        body.i8(); // attributes: unused
        out.timestamp_delta = body.varlong();
        out.offset_delta = body.varint();
        out.key = body.nullable_bytes();
        out.value = body.nullable_bytes();
        out.header_count = body.varint();
        // A header takes two bytes at least.
        if (!body.ok() || out.header_count < 0 ||
            static_cast<std::size_t>(out.header_count) * 2 > body.remaining())
            return failed_ = true, false;
        out.header_bytes = body.take(static_cast<std::int32_t>(body.remaining()));
        if (out.header_count == 0) return out.header_bytes.empty() || (failed_ = true, false);
        auto headers = out.headers();
        record_header header;
        while (headers.next(header)) {
        }
        return (headers.ok() && headers.remaining() == 0) || (failed_ = true, false);
    }

    bool failed() const { return failed_; }
    // Bytes behind the last record that was read.
    std::size_t remaining() const { return cursor_.remaining(); }

  private:
    varint_cursor cursor_;
    std::int32_t left_;
    bool failed_ = false;
};

} // namespace millrace::records
