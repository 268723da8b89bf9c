#include "records/record_iterator.h"
#include "samples.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::records;

TEST_CASE("record iterator: what was appended is read back: nulls, empties, headers, times before the first") {
    batch_builder builder{{}};
    record_header headers[] = {{as_bytes("trace"), as_bytes("abc")}, {as_bytes(""), std::nullopt}};
    builder.append(timestamp_ms{1000}, as_bytes("k"), as_bytes("value"), headers);
    builder.append(timestamp_ms{400}, std::nullopt, std::nullopt);
    builder.append(timestamp_ms{2000}, as_bytes(""), as_bytes(""));
    batch_view batch{builder.finish({})};
    CHECK(batch.max_timestamp() == timestamp_ms{2000});

    record_iterator records{batch.payload(), batch.record_count()};
    record_view record;
    REQUIRE(records.next(record));
    CHECK(as_text(*record.key) == "k");
    CHECK(as_text(*record.value) == "value");
    CHECK(record.header_count == 2);
    auto read = record.headers();
    record_header header;
    REQUIRE(read.next(header));
    CHECK(as_text(header.key) == "trace");
    CHECK(as_text(*header.value) == "abc");
    REQUIRE(read.next(header));
    CHECK(header.key.empty());
    CHECK_FALSE(header.value.has_value());
    CHECK_FALSE(read.next(header));

    REQUIRE(records.next(record));
    CHECK(record.offset_delta == 1);
    CHECK(record.timestamp(batch.base_timestamp()) == timestamp_ms{400});
    CHECK_FALSE(record.key.has_value());
    CHECK_FALSE(record.value.has_value());

    REQUIRE(records.next(record));
    CHECK(record.key.has_value());
    CHECK(record.key->empty());
    CHECK(record.value.has_value());
    CHECK_FALSE(records.next(record));
    CHECK_FALSE(records.failed());
    CHECK(records.remaining() == 0);
}

TEST_CASE("record iterator: a builder that is reset makes the next batch as a new one would") {
    batch_builder builder{{.codec = codec::zstd}};
    builder.append(timestamp_ms{1}, std::nullopt, as_bytes("first"));
    (void)builder.finish({});
    builder.reset();
    CHECK(builder.empty());
    builder.append(timestamp_ms{2}, std::nullopt, as_bytes("second"));
    auto again = builder.finish({});

    batch_builder fresh{{.codec = codec::zstd}};
    fresh.append(timestamp_ms{2}, std::nullopt, as_bytes("second"));
    auto expected = fresh.finish({});
    CHECK(std::equal(again.begin(), again.end(), expected.begin(), expected.end()));
}

TEST_CASE("record iterator: random bytes end the walk and never lead outside the payload") {
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random{seed};
        // Exactly sized on the heap, so that a sanitizer sees one byte too many.
        samples::byte_vector payload(random() % 60);
        for (auto& byte : payload) byte = static_cast<std::byte>(random() % 3 ? random() % 24 : random());
        record_iterator records{payload, static_cast<std::int32_t>(random())};
        record_view record;
        int walked = 0;
        while (records.next(record)) ++walked;
        CHECK(walked <= static_cast<int>(payload.size()));
    }
}
