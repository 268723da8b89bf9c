// Random values for messages, from a seed.
// Owner: one test case; the strings and arrays of the messages it fills live in its arena.
// Invariant: the same seed gives the same message.
#pragma once

#include "kafka/message.h"

#include <limits>

namespace millrace::kafka {

struct message_source {
    explicit message_source(std::uint64_t seed) : state{seed} {}

    std::uint64_t state;
    message_arena arena;

    std::uint64_t next() { // splitmix64
        std::uint64_t z = (state += 0x9e3779b97f4a7c15ull);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }
    bool chance() { return next() % 4 == 0; }
    std::size_t count() { return next() % 4; }
    template <class T> T number() {
        if constexpr (std::is_same_v<T, bool>) {
            return next() % 2 == 0;
        } else if constexpr (std::is_same_v<T, double>) {
            return static_cast<double>(next() % 1000) / 8;
        } else {
            switch (next() % 4) {
            case 0: return std::numeric_limits<T>::min();
            case 1: return std::numeric_limits<T>::max();
            case 2: return static_cast<T>(next() % 100);
            default: return static_cast<T>(next());
            }
        }
    }
    millrace::uuid id() {
        millrace::uuid out;
        if (chance()) return out;
        for (auto& byte : out.bytes) byte = static_cast<std::uint8_t>(next());
        return out;
    }
    std::string_view text_of(std::size_t size, char first, int letters) {
        auto letters_out = arena.make_array<char>(size);
        for (auto& c : letters_out) c = static_cast<char>(first + static_cast<int>(next() % static_cast<unsigned>(letters)));
        return size ? std::string_view{letters_out.data(), size} : std::string_view{""};
    }
    // Now and then long enough for a compact length of two bytes.
    std::string_view string() { return text_of(chance() ? next() % 200 : next() % 12, 'a', 26); }
    // What print must never show.
    std::string_view secret_string() { return text_of(8 + next() % 8, 'Q', 1); }
    bytes_view bytes() { return as_bytes(text_of(next() % 300, 'A', 16)); }
    bytes_view records() { return bytes(); }
};

} // namespace millrace::kafka
