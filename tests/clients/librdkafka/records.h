// The records of the client suite, each a pure function of its index; ../python/records.py states the rules.
// Owner: the librdkafka driver, one thread.
// Invariant: equal to the other languages' records, byte for byte.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace records {

using bytes = std::optional<std::string>;

struct record {
    bytes key;
    bytes value;
    std::vector<std::pair<std::string, bytes>> headers;
    bool operator==(const record&) const = default;
};

inline constexpr int64_t base_ms = 1'700'000'000'000;
inline constexpr int64_t step_ms = 7;

inline int64_t time_ms(int64_t i) { return base_ms + step_ms * i; }
inline int64_t count_in(int64_t partition, int64_t partitions, int64_t count) {
    return (count - partition + partitions - 1) / partitions;
}

inline record make(bool full, int64_t i) {
    record made;
    char key[32];
    std::snprintf(key, sizeof key, "key-%08lld", static_cast<long long>(i));
    std::string value;
    int64_t length = i * 7919 % 300 + (full ? 0 : 1);
    for (int64_t j = 0; j < length; ++j) {
        int64_t byte = (i * 31 + j / 8 * 7) & 255;
        value.push_back(static_cast<char>(full ? byte : 'a' + byte % 26));
    }
    if (!full) {
        made.key = key;
        made.value = value;
        made.headers.emplace_back("origin", "kcat");
        return made;
    }
    if (i % 10 != 9) made.key = std::string(key) + static_cast<char>(i & 255);
    if (i % 100 != 57) made.value = value;
    if (i % 4 > 0) made.headers.emplace_back("h0", "v" + std::to_string(i));
    if (i % 4 > 1) made.headers.emplace_back("h0", "w" + std::to_string(i));
    if (i % 4 > 2) made.headers.emplace_back("h1", "");
    return made;
}

struct time_probe {
    int64_t stamp_ms;
    int64_t offset;  // -1: past the last record
};

inline std::vector<time_probe> time_probes(int64_t p, int64_t partitions, int64_t count) {
    int64_t n = count_in(p, partitions, count);
    auto at = [&](int64_t offset) { return time_ms(offset * partitions + p); };
    return {{base_ms - 100'000, 0}, {at(0), 0},         {at(n / 3), n / 3},
            {at(n / 3) + 1, n / 3 + 1}, {at(n - 1), n - 1}, {at(n - 1) + 1, -1}};
}

inline std::vector<int64_t> offset_probes(int64_t p, int64_t partitions, int64_t count) {
    int64_t n = count_in(p, partitions, count);
    return {n / 2, n - 1, 0, n / 7};
}

}  // namespace records
