// A bounds-checked cursor over bytes that someone else owns.
// Owner: a local variable; what it returns are views into the bytes it was given.
// Invariant: after the first short or malformed read `ok()` is false for good, every later read gives zero or
// empty, and nothing outside the range was touched; so a decoder checks once, at its end.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"

namespace millrace {

class reader {
  public:
    explicit reader(bytes_view bytes) : at_{bytes.data()}, end_{bytes.data() + bytes.size()} {}

    bool ok() const { return ok_; }
    std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
    const std::byte* position() const { return at_; }
    void fail() {
        ok_ = false;
        at_ = end_;
    }

    template <class T> T be() {
        if (remaining() < sizeof(T)) [[unlikely]] {
            fail();
            return T{};
        }
        T value = load_be<T>(at_);
        at_ += sizeof(T);
        return value;
    }
    std::int8_t i8() { return be<std::int8_t>(); }
    std::int16_t i16() { return be<std::int16_t>(); }
    std::uint16_t u16() { return be<std::uint16_t>(); }
    std::int32_t i32() { return be<std::int32_t>(); }
    std::uint32_t u32() { return be<std::uint32_t>(); }
    std::int64_t i64() { return be<std::int64_t>(); }
    double f64() { return std::bit_cast<double>(be<std::uint64_t>()); }
    bool boolean() { return be<std::uint8_t>() != 0; }

    // The next `count` bytes as a view; fails if fewer are left.
    bytes_view take(std::size_t count) {
        if (remaining() < count) [[unlikely]] {
            fail();
            return {};
        }
        bytes_view out{at_, count};
        at_ += count;
        return out;
    }
    void skip(std::size_t count) { (void)take(count); }

    // Unsigned LEB128, at most 5 (32 bit) or 10 (64 bit) bytes, as in protobuf and Kafka's compact types.
    std::uint32_t uvarint() {
        std::uint32_t value = 0;
        for (int shift = 0; shift < 35; shift += 7) {
            auto byte = be<std::uint8_t>();
            value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
            if (!(byte & 0x80)) return value;
        }
        fail();
        return 0;
    }
    std::uint64_t uvarlong() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 70; shift += 7) {
            auto byte = be<std::uint8_t>();
            value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if (!(byte & 0x80)) return value;
        }
        fail();
        return 0;
    }
    // Zigzag forms, as in records.
    std::int32_t varint() {
        auto raw = uvarint();
        return static_cast<std::int32_t>((raw >> 1) ^ (~(raw & 1) + 1));
    }
    std::int64_t varlong() {
        auto raw = uvarlong();
        return static_cast<std::int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
    }

    millrace::uuid uuid() {
        millrace::uuid out;
        auto raw = take(16);
        if (raw.size() == 16) std::memcpy(out.bytes.data(), raw.data(), 16);
        return out;
    }

  private:
    const std::byte* at_;
    const std::byte* end_;
    bool ok_ = true;
};

} // namespace millrace
