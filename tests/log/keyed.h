// Batches of keyed records, and their records read back, for the tests of compaction.
// Owner: the test.
// Invariant: a null key or value is an empty optional.
#pragma once

#include "records/batch_builder.h"
#include "records/compression.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

namespace millrace::log::samples {

struct keyed {
    std::optional<std::string> key, value;
    std::int64_t offset = 0, time = 0;
    std::string header = {}; // value of the header "h"; empty: no header
    bool operator==(const keyed&) const = default;
};

struct keyed_batch {
    std::int64_t base = 0;
    records::codec codec = records::codec::none;
    records::batch_identity identity;
};

// The i-th record has offset base + i and its own time.
inline std::vector<std::byte> make_keyed(keyed_batch how, const std::vector<keyed>& records) {
    records::builder_options options;
    options.codec = how.codec;
    records::batch_builder builder{options};
    for (const auto& r : records) {
        auto view = [](const std::optional<std::string>& s) { return s ? std::optional{as_bytes(*s)} : std::nullopt; };
        records::record_header header{as_bytes("h"), as_bytes(r.header)};
        builder.append({r.time}, view(r.key), view(r.value), {&header, r.header.empty() ? 0u : 1u});
    }
    how.identity.base_offset = {how.base};
    auto made = builder.finish(how.identity);
    return {made.begin(), made.end()};
}

inline std::vector<keyed> records_in(const records::batch_view& batch) {
    std::vector<keyed> out;
    records::decompressor unpack;
    records::byte_buffer plain;
    REQUIRE(unpack.run(*batch.codec(), batch.payload(), 1 << 20, plain));
    records::record_iterator each{plain.view(), batch.record_count()};
    records::record_view r;
    while (each.next(r)) {
        auto text = [](const std::optional<bytes_view>& b) {
            return b ? std::optional{std::string{as_text(*b)}} : std::nullopt;
        };
        keyed one{text(r.key), text(r.value), (batch.base_offset() + r.offset_delta).value, r.timestamp(batch.base_timestamp()).value, ""};
        auto headers = r.headers();
        records::record_header h;
        while (headers.next(h)) one.header = as_text(*h.value);
        out.push_back(one);
    }
    CHECK_FALSE(each.failed());
    return out;
}

} // namespace millrace::log::samples
