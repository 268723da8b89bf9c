#include "log/key_offsets.h"

#include "base/assert.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace millrace::log {

std::array<std::uint64_t, 2> siphash128(bytes_view bytes, const key_seed& seed) {
    std::uint64_t v0 = seed.a ^ 0x736f6d6570736575ull, v1 = seed.b ^ 0x646f72616e646f6dull ^ 0xee;
    std::uint64_t v2 = seed.a ^ 0x6c7967656e657261ull, v3 = seed.b ^ 0x7465646279746573ull;
    auto rounds = [&](int n) {
        while (n-- > 0) {
            v0 += v1, v1 = std::rotl(v1, 13), v1 ^= v0, v0 = std::rotl(v0, 32);
            v2 += v3, v3 = std::rotl(v3, 16), v3 ^= v2;
            v0 += v3, v3 = std::rotl(v3, 21), v3 ^= v0;
            v2 += v1, v1 = std::rotl(v1, 17), v1 ^= v2, v2 = std::rotl(v2, 32);
        }
    };
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; at += 8, left -= 8) {
        std::uint64_t word;
        std::memcpy(&word, at, 8);
        v3 ^= word;
        rounds(2);
        v0 ^= word;
    }
    std::uint64_t last = static_cast<std::uint64_t>(bytes.size()) << 56;
    for (std::size_t i = 0; i < left; ++i) last |= std::to_integer<std::uint64_t>(at[i]) << (8 * i);
    v3 ^= last;
    rounds(2);
    v0 ^= last;
    v2 ^= 0xee;
    rounds(4);
    std::array<std::uint64_t, 2> out{v0 ^ v1 ^ v2 ^ v3, 0};
    v1 ^= 0xdd;
    rounds(4);
    out[1] = v0 ^ v1 ^ v2 ^ v3;
    return out;
}

key_offsets::key_offsets(std::size_t bytes_max, std::uint64_t keys_max, key_seed seed) : seed_{seed} {
    const std::size_t most = std::max<std::size_t>(bytes_max / slot_bytes, 2);
    const double wanted = static_cast<double>(keys_max) / load_max + 2;
    slot_count_ = wanted < static_cast<double>(most) ? static_cast<std::size_t>(wanted) : most;
    limit_ = std::max<std::size_t>(static_cast<std::size_t>(static_cast<double>(slot_count_) * load_max), 1);
}

void key_offsets::prepare() { slots_.assign(slot_count_, slot{0, 0, -1}); }

std::size_t key_offsets::place_of(const std::array<std::uint64_t, 2>& hash) const {
    std::size_t i = static_cast<std::size_t>(hash[0] % slots_.size());
    while (slots_[i].offset >= 0 && (slots_[i].a != hash[0] || slots_[i].b != hash[1]))
        if (++i == slots_.size()) i = 0;
    return i;
}

void key_offsets::put(bytes_view key, log_offset offset) {
    MR_ASSERT(!full() && !slots_.empty(), "a full map of keys takes no more");
    auto hash = siphash128(key, seed_);
    slot& s = slots_[place_of(hash)];
    if (s.offset < 0) ++used_;
    s = {hash[0], hash[1], offset.value};
    saw(offset);
}

log_offset key_offsets::newest(bytes_view key) const {
    if (slots_.empty()) return no_offset;
    return {slots_[place_of(siphash128(key, seed_))].offset};
}

} // namespace millrace::log
