// Batches for the tests of this room.
#pragma once

#include "base/crc32c.h"
#include "records/batch_builder.h"

#include <random>
#include <string>
#include <vector>

namespace millrace::records::samples {

using byte_vector = std::vector<std::byte>;

struct shape {
    records::codec codec = codec::none;
    int records = 5;
    std::uint64_t seed = 1;
    bool keys = true;
    batch_identity identity{};
};

inline constexpr timestamp_ms base_time{1'700'000'000'000};
inline constexpr codec all[] = {codec::none, codec::gzip, codec::snappy, codec::lz4, codec::zstd};

// Values of every size from empty to a few hundred bytes, nulls, headers with and without a value.
inline byte_vector batch(const shape& wanted) {
    std::mt19937_64 random{wanted.seed};
    batch_builder builder{{.codec = wanted.codec}};
    for (int i = 0; i < wanted.records; ++i) {
        auto key = "key-" + std::to_string(i);
        std::string value(random() % 300, static_cast<char>('a' + i % 26));
        std::vector<record_header> headers;
        for (auto n = random() % 3; n > 0; --n)
            headers.push_back({as_bytes("header"), n % 2 ? std::optional{as_bytes("x")} : std::nullopt});
        builder.append(base_time + (i * 7) % 11, wanted.keys ? std::optional{as_bytes(key)} : std::nullopt,
                       i % 4 == 3 ? std::nullopt : std::optional{as_bytes(value)}, headers);
    }
    auto made = builder.finish(wanted.identity);
    return {made.begin(), made.end()};
}

inline void fix_crc(byte_vector& batch) {
    store_be<std::uint32_t>(batch.data() + at::crc, crc32c(bytes_view{batch}.subspan(at::attributes)));
}

// Puts a header field to another value and makes the CRC right again.
template <class T> byte_vector with_field(byte_vector batch, std::size_t position, T value) {
    store_be<T>(batch.data() + position, value);
    fix_crc(batch);
    return batch;
}

} // namespace millrace::records::samples
