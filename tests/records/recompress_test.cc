#include "records/recompress.h"
#include "samples.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::records;

namespace {

constexpr std::size_t plain_max = 1 << 20;

batch_rules producers() { return producer_rules(1 << 20, 9, false); }

std::string plain_of(const batch_view& batch) {
    decompressor unpack;
    byte_buffer plain;
    REQUIRE(unpack.run(*batch.codec(), batch.payload(), plain_max, plain));
    return std::string{as_text(plain.view())};
}

} // namespace

TEST_CASE("recompress: from each codec to each, the records and all of the header but codec, size and CRC stay") {
    batch_identity who;
    who.producer_id = {77};
    who.producer_epoch = {3};
    who.base_sequence = {12};
    for (auto from : samples::all)
        for (auto to : samples::all) {
            CAPTURE(name_of(from));
            CAPTURE(name_of(to));
            auto bytes = samples::batch({.codec = from, .records = 40, .identity = who});
            byte_buffer out;
            auto found = recompress(bytes, producers(), to, codec_level_default, plain_max, out);
            REQUIRE(found);
            CHECK(found->max_timestamp == samples::base_time + 10);
            batch_view before{bytes}, after{out.view()};
            auto checked = validate_produced(out.view(), producers());
            REQUIRE(checked);
            CHECK(checked->size_bytes == out.size());
            CHECK(after.codec() == to);
            CHECK(plain_of(after) == plain_of(before));
            CHECK((after.attributes() >> 3) == (before.attributes() >> 3));
            auto rest = [](const batch_view& b) { return b.bytes().subspan(at::attributes + 2, at::records - at::attributes - 2); };
            CHECK(std::ranges::equal(rest(after), rest(before)));
        }
}

TEST_CASE("recompress: levels are the codec's, and a higher one is not larger") {
    auto bytes = samples::batch({.records = 400});
    for (auto [to, low, high] : {std::tuple{codec::gzip, 1, 9}, std::tuple{codec::zstd, 1, 19}, std::tuple{codec::lz4, 1, 12}}) {
        byte_buffer fast, small;
        REQUIRE(recompress(bytes, producers(), to, low, plain_max, fast));
        REQUIRE(recompress(bytes, producers(), to, high, plain_max, small));
        CHECK(small.size() <= fast.size());
    }
}

TEST_CASE("recompress: what breaks a rule inside, does not decode or becomes too large is refused by name") {
    byte_buffer out;
    auto keyless = samples::batch({.codec = codec::lz4, .keys = false});
    auto rules = producers();
    rules.keys_required = true;
    CHECK(recompress(keyless, rules, codec::none, codec_level_default, plain_max, out).error() == errc::key_missing);

    auto torn = samples::batch({.codec = codec::gzip, .records = 40});
    torn[torn.size() / 2] ^= std::byte{0xff};
    samples::fix_crc(torn);
    CHECK_FALSE(recompress(torn, producers(), codec::zstd, codec_level_default, plain_max, out));

    auto good = samples::batch({.codec = codec::zstd, .records = 100});
    auto small = producers();
    small.batch_size_max = good.size() + 10;
    CHECK(recompress(good, small, codec::none, codec_level_default, plain_max, out).error() == errc::batch_too_large);
    CHECK(recompress(good, producers(), codec::none, codec_level_default, 100, out).error() == errc::decompressed_too_large);
}
