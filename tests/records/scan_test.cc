#include "records/scan.h"
#include "samples.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::records;
using samples::byte_vector;

namespace {

// Five batches of three records, at offsets 0, 3, 6, 9, 12.
byte_vector segment() {
    byte_vector out;
    for (int i = 0; i < 5; ++i) {
        auto batch = samples::batch({.codec = samples::all[i], .records = 3, .seed = static_cast<std::uint64_t>(i)});
        set_base_offset(batch, log_offset{i * 3});
        out.insert(out.end(), batch.begin(), batch.end());
    }
    return out;
}

struct walk {
    std::vector<scanned_batch> batches;
    scan_step last;
};

walk scan_all(bytes_view bytes, scan_limits limits = {}) {
    walk out;
    std::size_t position = 0;
    for (;;) {
        out.last = scan_next(bytes, position, limits);
        if (out.last.outcome != scan_outcome::whole) return out;
        out.batches.push_back(out.last.batch);
        position = out.last.batch.position + out.last.batch.size_bytes;
        limits.base_offset_min = out.last.batch.last_offset + 1;
    }
}

} // namespace

TEST_CASE("scan: every batch of a whole segment is found, in order and without gaps") {
    auto bytes = segment();
    auto seen = scan_all(bytes);
    CHECK(seen.last.outcome == scan_outcome::end);
    REQUIRE(seen.batches.size() == 5);
    std::size_t position = 0;
    for (std::size_t i = 0; i < 5; ++i) {
        CHECK(seen.batches[i].base_offset == log_offset{static_cast<std::int64_t>(i) * 3});
        CHECK(seen.batches[i].last_offset == log_offset{static_cast<std::int64_t>(i) * 3 + 2});
        CHECK(seen.batches[i].max_timestamp == samples::base_time + 7);
        CHECK(seen.batches[i].position == position);
        position += seen.batches[i].size_bytes;
    }
    CHECK(position == bytes.size());
}

TEST_CASE("scan: wherever a segment is cut, the whole batches before the cut are found and the rest is short") {
    auto bytes = segment();
    auto whole = scan_all(bytes).batches;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        CAPTURE(size);
        auto seen = scan_all(bytes_view{bytes}.first(size));
        std::size_t expected = 0, end = 0;
        while (expected < whole.size() && whole[expected].position + whole[expected].size_bytes <= size) {
            end = whole[expected].position + whole[expected].size_bytes;
            ++expected;
        }
        CHECK(seen.batches.size() == expected);
        CHECK(seen.last.outcome == (end == size ? scan_outcome::end : scan_outcome::short_));
        if (end != size) CHECK(seen.last.bytes_wanted > size - end);
    }
}

TEST_CASE("scan: zeros, a damaged length, an impossible size and a base offset that goes back are corruption") {
    auto bytes = segment();
    auto second = scan_all(bytes).batches[1].position;
    CHECK(scan_next(byte_vector(200), 0, {}).outcome == scan_outcome::corrupt);

    auto damaged = bytes;
    store_be<std::int32_t>(damaged.data() + second + at::length, -5);
    CHECK(scan_all(damaged).batches.size() == 1);
    CHECK(scan_all(damaged).last.outcome == scan_outcome::corrupt);

    damaged = bytes;
    store_be<std::int32_t>(damaged.data() + second + at::length, 0x7ffffff0);
    CHECK(scan_all(damaged, {.batch_size_max = 1 << 20}).last.outcome == scan_outcome::corrupt);

    damaged = bytes;
    store_be<std::int64_t>(damaged.data() + second, 2);
    CHECK(scan_all(damaged).batches.size() == 1);
    CHECK(scan_all(damaged).last.outcome == scan_outcome::corrupt);
    CHECK(scan_all(damaged).last.why == errc::bad_offset_delta);
}
