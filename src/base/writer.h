// An appending cursor over a range of known size: the size pass comes first, so there is nothing to grow.
// Owner: a local variable; writes into memory that the caller owns.
// Invariant: a write past the end aborts: it means that the size pass and the write pass disagree.
#pragma once

#include "base/assert.h"
#include "base/bytes.h"
#include "base/ids.h"

namespace millrace {

class writer {
  public:
    explicit writer(mutable_bytes into) : begin_{into.data()}, at_{into.data()}, end_{into.data() + into.size()} {}

    std::size_t written() const { return static_cast<std::size_t>(at_ - begin_); }
    std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
    std::byte* position() { return at_; }

    template <class T> void be(T value) {
        MR_ASSERT(remaining() >= sizeof(T), "encoded message is larger than its computed size");
        store_be<T>(at_, value);
        at_ += sizeof(T);
    }
    void i8(std::int8_t v) { be(v); }
    void i16(std::int16_t v) { be(v); }
    void u16(std::uint16_t v) { be(v); }
    void i32(std::int32_t v) { be(v); }
    void u32(std::uint32_t v) { be(v); }
    void i64(std::int64_t v) { be(v); }
    void f64(double v) { be(std::bit_cast<std::uint64_t>(v)); }
    void boolean(bool v) { be<std::uint8_t>(v ? 1 : 0); }
    void uuid(const millrace::uuid& id) { raw({reinterpret_cast<const std::byte*>(id.bytes.data()), 16}); }

    void raw(bytes_view bytes) {
        MR_ASSERT(remaining() >= bytes.size(), "encoded message is larger than its computed size");
        if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
        at_ += bytes.size();
    }
    void uvarint(std::uint32_t value) {
        while (value >= 0x80) {
            be<std::uint8_t>(static_cast<std::uint8_t>(value | 0x80));
            value >>= 7;
        }
        be<std::uint8_t>(static_cast<std::uint8_t>(value));
    }
    void uvarlong(std::uint64_t value) {
        while (value >= 0x80) {
            be<std::uint8_t>(static_cast<std::uint8_t>(value | 0x80));
            value >>= 7;
        }
        be<std::uint8_t>(static_cast<std::uint8_t>(value));
    }
    void varint(std::int32_t v) { uvarint((static_cast<std::uint32_t>(v) << 1) ^ static_cast<std::uint32_t>(v >> 31)); }
    void varlong(std::int64_t v) { uvarlong((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63)); }

  private:
    std::byte* begin_;
    std::byte* at_;
    std::byte* end_;
};

// Encoded lengths, for the size pass.
constexpr std::size_t uvarint_size(std::uint32_t value) {
    std::size_t n = 1;
    while (value >= 0x80) {
        value >>= 7;
        ++n;
    }
    return n;
}
constexpr std::size_t uvarlong_size(std::uint64_t value) {
    std::size_t n = 1;
    while (value >= 0x80) {
        value >>= 7;
        ++n;
    }
    return n;
}
constexpr std::size_t varint_size(std::int32_t v) {
    return uvarint_size((static_cast<std::uint32_t>(v) << 1) ^ static_cast<std::uint32_t>(v >> 31));
}
constexpr std::size_t varlong_size(std::int64_t v) {
    return uvarlong_size((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
}

} // namespace millrace
