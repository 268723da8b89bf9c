#include "encoded.h"
#include "random_messages.h"

#include <string>

namespace millrace::kafka {

namespace {

// Calls `check(name, message, version, source)` with random messages of each kind and version.
template <class Check> void random_messages(int rounds, Check check) {
    each_message([&]<class Message>(const char* name, const Message&) {
        for (std::int16_t version = Message::version_min; version <= Message::version_max; ++version) {
            for (int seed = 0; seed < rounds; ++seed) {
                CAPTURE(name);
                CAPTURE(version);
                CAPTURE(seed);
                message_source source{static_cast<std::uint64_t>(seed)};
                Message message;
                fill(source, version, message);
                check(message, version, source);
            }
        }
    });
}

// One decode takes chunks of at least this size beyond its budget.
constexpr std::size_t chunk_slack = 2 * message_arena::kept_max;

} // namespace

TEST_CASE("kafka: each message of each version comes back as it was sent") {
    random_messages(40, []<class Message>(const Message& message, std::int16_t version, message_source&) {
        auto bytes = encoded(message, version);
        message_arena arena;
        Message back;
        reader in{bytes};
        REQUIRE(decode(in, version, arena, back));
        CHECK(in.remaining() == 0);
        CHECK(back == message);
    });
}

TEST_CASE("kafka: a message cut short at any byte is refused") {
    random_messages(4, []<class Message>(const Message& message, std::int16_t version, message_source&) {
        auto bytes = encoded(message, version);
        message_arena arena;
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
            cut.shrink_to_fit();
            Message back;
            reader in{cut};
            if (decode(in, version, arena, back)) FAIL_CHECK("decoded at ", size, " of ", bytes.size());
            arena.reset();
        }
    });
}

TEST_CASE("kafka: whatever counts a peer claims, memory stays a small multiple of what it sent") {
    random_messages(3, []<class Message>(const Message& message, std::int16_t version, message_source& source) {
        auto bytes = encoded(message, version);
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
            Message back;
            reader in{hostile};
            (void)decode(in, version, arena, back);
            auto limit = decode_base_bytes_max + decode_multiple_max * hostile.size() + chunk_slack;
            if (arena.held_bytes() > limit) FAIL_CHECK("held ", arena.held_bytes(), " at ", at);
        }
    });
}

TEST_CASE("kafka: print shows each message and hides records and secrets") {
    random_messages(8, []<class Message>(const Message& message, std::int16_t version, message_source&) {
        std::string text;
        print(text, message, version);
        CHECK(text.ends_with('}'));
        CHECK(text.find("QQ") == std::string::npos);
    });
}

TEST_CASE("kafka: a split encoding with its records put back is the whole encoding") {
    std::vector<splice_point> points;
    random_messages(20, [&]<class Message>(const Message& message, std::int16_t version, message_source&) {
        if constexpr (requires { records_size(message); }) {
            auto whole = encoded(message, version);
            std::vector<std::byte> head(whole.size() - records_size(message));
            writer out{head};
            points.clear();
            encode_split(out, message, version, points);
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
        }
    });
}

TEST_CASE("kafka: a version outside the schema is refused") {
    each_message([]<class Message>(const char*, const Message&) {
        auto bytes = std::vector<std::byte>(64);
        message_arena arena;
        Message back;
        reader low{bytes}, high{bytes};
        CHECK_FALSE(decode(low, Message::version_min - 1, arena, back));
        CHECK_FALSE(decode(high, Message::version_max + 1, arena, back));
    });
}

} // namespace millrace::kafka
