#include "records/compression.h"
#include "samples.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace millrace;
using namespace millrace::records;
using samples::byte_vector;

namespace {

byte_vector text_like(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    byte_vector out(size);
    for (auto& byte : out) byte = static_cast<std::byte>('a' + random() % 6);
    return out;
}

byte_vector compressed(codec which, bytes_view plain, int level = codec_level_default) {
    byte_buffer out;
    compressor{which, level}.append(plain, out);
    return {out.view().begin(), out.view().end()};
}

byte_vector hex(std::string_view digits) {
    byte_vector out;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        out.push_back(static_cast<std::byte>(std::stoi(std::string{digits.substr(i, 2)}, nullptr, 16)));
    return out;
}

} // namespace

TEST_CASE("compression: every codec gives back what it was given, at sizes around its blocks") {
    decompressor with;
    byte_buffer plain_again;
    for (auto which : samples::all) {
        for (std::size_t size : {0, 1, 100, 32767, 32768, 32769, 65536, 65537, 400000}) {
            CAPTURE(name_of(which));
            CAPTURE(size);
            auto plain = text_like(size, size);
            auto packed = compressed(which, plain);
            REQUIRE(with.run(which, packed, size, plain_again).has_value());
            CHECK(std::ranges::equal(plain_again.view(), plain));
            if (which != codec::none && size >= 32767) CHECK(packed.size() < size * 3 / 4);
        }
    }
}

TEST_CASE("compression: more than the limit is an error, one byte more as well as a bomb") {
    decompressor with;
    byte_buffer out;
    for (auto which : samples::all) {
        CAPTURE(name_of(which));
        auto plain = text_like(50000, 1);
        auto packed = compressed(which, plain);
        CHECK(with.run(which, packed, 50000, out).has_value());
        CHECK(with.run(which, packed, 49999, out).error() == errc::decompressed_too_large);

        auto bomb = compressed(which, byte_vector(64 << 20));
        byte_buffer small;
        CHECK(with.run(which, bomb, 100'000, small).error() == errc::decompressed_too_large);
        CHECK(small.capacity() <= 300'000);
    }
}

TEST_CASE("compression: truncated and damaged input is an error or other bytes, never more than the limit") {
    decompressor with;
    byte_buffer out;
    for (auto which : {codec::gzip, codec::snappy, codec::lz4, codec::zstd}) {
        CAPTURE(name_of(which));
        auto packed = compressed(which, text_like(3000, 2));
        for (std::size_t size = which == codec::snappy ? 1 : 0; size < packed.size(); ++size) {
            CAPTURE(size);
            // A xerial stream that ends between chunks is whole: only its header is left.
            if (which == codec::snappy && size == 16) continue;
            byte_vector cut{packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(size)};
            CHECK_FALSE(with.run(which, cut, 10'000, out).has_value());
        }
        for (std::uint64_t seed = 0; seed < 2000; ++seed) {
            CAPTURE(seed);
            std::mt19937_64 random{seed};
            auto damaged = packed;
            for (auto flips = 1 + random() % 4; flips > 0; --flips)
                damaged[random() % damaged.size()] ^= static_cast<std::byte>(1 << (random() % 8));
            auto done = with.run(which, damaged, 10'000, out);
            if (done) CHECK(out.size() <= 10'000);
        }
        // And the contexts still work.
        CHECK(with.run(which, packed, 10'000, out).has_value());
    }
}

TEST_CASE("compression: snappy is written as Java frames it and read framed, joined or raw") {
    decompressor with;
    byte_buffer out;
    auto framed = compressed(codec::snappy, as_bytes("hello"));
    CHECK(framed == hex("82534e41505059000000000100000001" "00000007" "05" "10" "68656c6c6f"));

    REQUIRE(with.run(codec::snappy, hex("051068656c6c6f"), 100, out).has_value());
    CHECK(as_text(out.view()) == "hello");

    auto twice = framed;
    twice.insert(twice.end(), framed.begin(), framed.end());
    REQUIRE(with.run(codec::snappy, twice, 100, out).has_value());
    CHECK(as_text(out.view()) == "hellohello");
}

TEST_CASE("compression: LZ4 frames have independent blocks and a content that Java's reader takes") {
    auto packed = compressed(codec::lz4, text_like(200'000, 3));
    auto flags = std::to_integer<unsigned>(packed[4]);
    CHECK((flags >> 6) == 1);   // version
    CHECK((flags & 0x20) != 0); // independent blocks
    CHECK((flags & 0x01) == 0); // no dictionary
}

TEST_CASE("compression: joined gzip members and zstd frames are one stream") {
    decompressor with;
    byte_buffer out;
    for (auto which : {codec::gzip, codec::zstd, codec::lz4}) {
        CAPTURE(name_of(which));
        auto twice = compressed(which, as_bytes("abc"));
        auto more = compressed(which, as_bytes("def"));
        twice.insert(twice.end(), more.begin(), more.end());
        REQUIRE(with.run(which, twice, 100, out).has_value());
        CHECK(as_text(out.view()) == "abcdef");
    }
}

TEST_CASE("compression: levels are handed to the library") {
    auto plain = text_like(100'000, 4);
    CHECK(compressed(codec::gzip, plain, 9).size() < compressed(codec::gzip, plain, 1).size());
    CHECK(compressed(codec::zstd, plain, 19).size() < compressed(codec::zstd, plain, 1).size());
    CHECK(compressed(codec::lz4, plain, 12).size() < compressed(codec::lz4, plain, 1).size());
}
