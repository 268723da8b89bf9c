// A number with a meaning: two strong types never mix, so swapped arguments do not compile.
// Owner: a value; no shard.
// Invariant: the representation is public and unchecked; arithmetic is spelled out where it makes sense.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>

namespace millrace {

template <class Tag, class Rep> struct strong {
    using rep = Rep;
    Rep value{};

    friend constexpr auto operator<=>(strong, strong) = default;
    friend constexpr bool operator==(strong, strong) = default;

    // Distance and displacement in the representation's own unit.
    constexpr strong operator+(Rep distance) const { return strong{static_cast<Rep>(value + distance)}; }
    constexpr strong operator-(Rep distance) const { return strong{static_cast<Rep>(value - distance)}; }
    friend constexpr Rep operator-(strong a, strong b) { return static_cast<Rep>(a.value - b.value); }
    constexpr strong& operator++() {
        ++value;
        return *this;
    }
};

} // namespace millrace

template <class Tag, class Rep> struct std::hash<millrace::strong<Tag, Rep>> {
    std::size_t operator()(millrace::strong<Tag, Rep> s) const noexcept { return std::hash<Rep>{}(s.value); }
};
