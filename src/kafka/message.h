// The types that generated messages are made of: views that tell null from empty, and records by reference.
// Owner: none; a message only points at bytes and arrays that its maker keeps alive (receive buffer, message_arena).
// Invariant: a message is trivially destructible, and copying one copies views, never bytes.
#pragma once

#include "base/assert.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "base/reader.h"
#include "base/writer.h"
#include "kafka/api_key.h"
#include "kafka/error_code.h"
#include "kafka/message_arena.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::kafka {

// A string that may be null. Default: null. Made from any string, even an empty one: not null.
class nullable_string {
  public:
    constexpr nullable_string() = default;
    constexpr nullable_string(std::nullopt_t) {}
    constexpr nullable_string(std::string_view text) : data_{text.data() ? text.data() : ""}, size_{text.size()} {}
    constexpr nullable_string(const char* text) : nullable_string{std::string_view{text}} {}
    nullable_string(const std::string& text) : nullable_string{std::string_view{text}} {}

    constexpr bool is_null() const { return data_ == nullptr; }
    constexpr explicit operator bool() const { return !is_null(); }
    // Null reads as the empty string.
    constexpr std::string_view value() const { return {data_, size_}; }
    constexpr std::string_view operator*() const { return value(); }

    friend constexpr bool operator==(const nullable_string& a, const nullable_string& b) {
        return a.is_null() == b.is_null() && a.value() == b.value();
    }

  private:
    const char* data_ = nullptr;
    std::size_t size_ = 0;
};

// Bytes that may be null. Default: null.
class nullable_bytes {
  public:
    constexpr nullable_bytes() = default;
    constexpr nullable_bytes(std::nullopt_t) {}
    constexpr nullable_bytes(bytes_view bytes) : bytes_{bytes}, null_{false} {}

    constexpr bool is_null() const { return null_; }
    constexpr bytes_view value() const { return bytes_; }
    friend bool operator==(const nullable_bytes& a, const nullable_bytes& b) {
        return a.null_ == b.null_ && as_text(a.bytes_) == as_text(b.bytes_);
    }

  private:
    bytes_view bytes_;
    bool null_ = true;
};

// Record batches. Decoded: a view into the receive buffer. To be sent: either a view, or only a size, when the
// bytes come from elsewhere (a file slice) and `encode_split` leaves a gap for them. Default: null.
class records_field {
  public:
    constexpr records_field() = default;
    constexpr records_field(bytes_view bytes)
        : data_{bytes.data()}, size_{static_cast<std::uint32_t>(bytes.size())}, null_{false} {
        // An int32 length on the wire.
        MR_ASSERT(bytes.size() <= 0x7ffffffe, "records field is too long");
    }
    static constexpr records_field by_size(std::uint32_t size) {
        MR_ASSERT(size <= 0x7ffffffe, "records field is too long");
        records_field out;
        out.size_ = size;
        out.null_ = false;
        return out;
    }

    constexpr bool is_null() const { return null_; }
    constexpr std::uint32_t size() const { return size_; }
    constexpr bool has_bytes() const { return data_ != nullptr || size_ == 0; }
    constexpr bytes_view bytes() const { return data_ ? bytes_view{data_, size_} : bytes_view{}; }
    friend bool operator==(const records_field& a, const records_field& b) {
        return a.null_ == b.null_ && a.size_ == b.size_ && as_text(a.bytes()) == as_text(b.bytes());
    }

  private:
    const std::byte* data_ = nullptr;
    std::uint32_t size_ = 0;
    bool null_ = true;
};

// Elements that someone else owns: an arena, a vector, the cluster image. Default: empty; `null()` is apart.
template <class T> class array_view {
  public:
    using value_type = T;
    constexpr array_view() = default;
    constexpr array_view(const T* data, std::size_t size) : data_{data}, size_{static_cast<std::uint32_t>(size)} {}
    constexpr array_view(std::span<const T> items) : array_view{items.data(), items.size()} {}
    constexpr array_view(std::span<T> items) : array_view{items.data(), items.size()} {}
    array_view(const std::vector<T>& items) : array_view{items.data(), items.size()} {}
    // A view on a dying vector is a bug.
    array_view(std::vector<T>&&) = delete;
    static constexpr array_view null() {
        array_view out;
        out.null_ = true;
        return out;
    }

    constexpr bool is_null() const { return null_; }
    constexpr bool empty() const { return size_ == 0; }
    constexpr std::size_t size() const { return size_; }
    constexpr const T* begin() const { return data_; }
    constexpr const T* end() const { return data_ + size_; }
    constexpr const T& operator[](std::size_t i) const { return data_[i]; }
    constexpr operator std::span<const T>() const { return {data_, size_}; }

    friend bool operator==(const array_view& a, const array_view& b) {
        if (a.null_ != b.null_ || a.size_ != b.size_) return false;
        for (std::size_t i = 0; i < a.size_; ++i)
            if (!(a[i] == b[i])) return false;
        return true;
    }

  private:
    const T* data_ = nullptr;
    std::uint32_t size_ = 0;
    bool null_ = false;
};

// A part of a message that may be null. Default: null. Not std::optional: its constraints look at the part while the
// message around it is incomplete, and clang then finds no way to construct it.
template <class T> class nullable_part {
  public:
    bool has_value() const { return present_; }
    explicit operator bool() const { return present_; }
    const T& operator*() const { return part_; }
    const T* operator->() const { return &part_; }
    T& operator*() { return part_; }
    T* operator->() { return &part_; }
    T& emplace() {
        part_ = T{};
        present_ = true;
        return part_;
    }
    void reset() { *this = {}; }
    friend bool operator==(const nullable_part& a, const nullable_part& b) {
        return a.present_ == b.present_ && (!a.present_ || a.part_ == b.part_);
    }

  private:
    T part_{};
    bool present_ = false;
};

// Where the bytes of one records field belong: after `at` bytes of what the writer wrote, `size` bytes follow that
// are not in the writer's range. `data` is what the message pointed at, null for `records_field::by_size`.
// Points come in the order of the records fields in the message; null and empty fields have none.
struct splice_point {
    std::size_t at = 0;
    std::uint32_t size = 0;
    const std::byte* data = nullptr;
};

} // namespace millrace::kafka
