#include "message_kind.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>

namespace millrace::kafka {

namespace {

// Calls `check(kind, version, source)` with random messages of each kind and version.
void random_messages(int rounds, const std::function<void(message_kind&, std::int16_t, message_source&)>& check) {
    for (auto& kind : message_kinds()) {
        std::string name = kind->name();
        for (std::int16_t version = kind->version_min(); version <= kind->version_max(); ++version) {
            for (int seed = 0; seed < rounds; ++seed) {
                CAPTURE(name);
                CAPTURE(version);
                CAPTURE(seed);
                message_source source{static_cast<std::uint64_t>(seed)};
                kind->fill(source, version);
                check(*kind, version, source);
            }
        }
    }
}

// In a heap block of exactly its size, so that the address sanitizer sees each byte read beyond it.
std::vector<std::byte> encoded(const message_kind& kind, std::int16_t version) {
    std::vector<std::byte> bytes(kind.size(version));
    writer out{bytes};
    kind.encode_to(out, version);
    REQUIRE(out.remaining() == 0);
    return bytes;
}

// One decode takes chunks of at least this size beyond its budget.
constexpr std::size_t chunk_slack = 2 * message_arena::kept_max;

} // namespace

TEST_CASE("kafka: each message of each version comes back as it was sent") {
    random_messages(40, [](message_kind& kind, std::int16_t version, message_source&) {
        auto bytes = encoded(kind, version);
        message_arena arena;
        reader in{bytes};
        REQUIRE(kind.decode_back(in, version, arena));
        CHECK(in.remaining() == 0);
        CHECK(kind.same());
    });
}

TEST_CASE("kafka: a message cut short at any byte is refused") {
    random_messages(4, [](message_kind& kind, std::int16_t version, message_source&) {
        auto bytes = encoded(kind, version);
        message_arena arena;
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
            cut.shrink_to_fit();
            reader in{cut};
            if (kind.decode_back(in, version, arena)) FAIL_CHECK("decoded at ", size, " of ", bytes.size());
            arena.reset();
        }
    });
}

TEST_CASE("kafka: whatever counts a peer claims, memory stays a small multiple of what it sent") {
    random_messages(3, [](message_kind& kind, std::int16_t version, message_source& source) {
        auto bytes = encoded(kind, version);
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            auto hostile = bytes;
            switch (source.next() % 3) {
            case 0: // an int32 count of 2^31-1
                for (std::size_t i = 0; i < 4 && at + i < hostile.size(); ++i)
                    hostile[at + i] = static_cast<std::byte>(i ? 0xff : 0x7f);
                break;
            case 1: // a compact count of 2^32-2
                for (std::size_t i = 0; i < 5 && at + i < hostile.size(); ++i)
                    hostile[at + i] = static_cast<std::byte>(i == 4 ? 0x0f : 0xff);
                break;
            default: hostile[at] = static_cast<std::byte>(source.next());
            }
            message_arena arena;
            reader in{hostile};
            (void)kind.decode_back(in, version, arena);
            auto limit = decode_base_bytes_max + decode_multiple_max * hostile.size() + chunk_slack;
            if (arena.held_bytes() > limit) FAIL_CHECK("held ", arena.held_bytes(), " at ", at);
        }
    });
}

TEST_CASE("kafka: print shows each message and hides records and secrets") {
    random_messages(8, [](message_kind& kind, std::int16_t version, message_source&) {
        std::string text;
        kind.print_to(text, version);
        CHECK(text.ends_with('}'));
        CHECK(text.find("QQQQQQQQ") == std::string::npos);
    });
}

TEST_CASE("kafka: a split encoding with its records put back is the whole encoding") {
    std::vector<splice_point> points;
    int kinds_with_records = 0;
    random_messages(20, [&](message_kind& kind, std::int16_t version, message_source&) {
        if (!kind.has_records()) return;
        ++kinds_with_records;
        auto whole = encoded(kind, version);
        std::vector<std::byte> head(whole.size() - kind.size_of_records());
        writer out{head};
        points.clear();
        kind.split_to(out, version, points);
        REQUIRE(out.remaining() == 0);
        std::vector<std::byte> joined;
        std::size_t from = 0;
        auto begin = head.begin();
        for (auto& point : points) {
            joined.insert(joined.end(), begin + static_cast<std::ptrdiff_t>(from), begin + static_cast<std::ptrdiff_t>(point.at));
            joined.insert(joined.end(), point.data, point.data + point.size);
            from = point.at;
        }
        joined.insert(joined.end(), begin + static_cast<std::ptrdiff_t>(from), head.end());
        CHECK(joined == whole);
    });
    CHECK(kinds_with_records > 0);
}

TEST_CASE("kafka: a version outside the schema is refused") {
    for (auto& kind : message_kinds()) {
        auto bytes = std::vector<std::byte>(64);
        message_arena arena;
        reader low{bytes}, high{bytes};
        std::string name = kind->name();
        CAPTURE(name);
        CHECK_FALSE(kind->decode_back(low, static_cast<std::int16_t>(kind->version_min() - 1), arena));
        CHECK_FALSE(kind->decode_back(high, static_cast<std::int16_t>(kind->version_max() + 1), arena));
    }
}

} // namespace millrace::kafka
