#include "log/journal_record.h"

#include <doctest/doctest.h>

#include <string>

using namespace millrace;
using namespace millrace::log;

namespace {

struct block_buffer {
    std::vector<std::byte> bytes;
    explicit block_buffer(std::size_t blocks) : bytes(blocks * journal_block_bytes, std::byte{0xee}) {}
};

topic_id topic(std::uint8_t n) {
    topic_id id;
    id.bytes[5] = n;
    return id;
}

bool put(journal_record_builder& b, std::string_view partition, std::uint8_t t, std::int64_t segment, std::uint64_t at, std::string_view text) {
    auto into = b.add({partition, topic(t), {segment}, at, {}}, text.size());
    if (into) std::copy_n(as_bytes(text).begin(), text.size(), into->begin());
    return into.has_value();
}

} // namespace

TEST_CASE("journal record: what was put in comes out, as long as it fits") {
    block_buffer memory{2};
    journal_record_builder b{memory.bytes};
    CHECK(put(b, "orders-0", 1, 0, 77, "first"));
    CHECK(put(b, "or-ders-12", 2, 500, 0, ""));
    CHECK(put(b, "orders-0", 1, 900, 1, std::string(5000, 'x')));
    CHECK_FALSE(put(b, "orders-0", 1, 900, 5001, std::string(5000, 'y')));
    CHECK(b.size_bytes() == memory.bytes.size());
    auto whole = b.finish(42, 9, 4);
    CHECK(journal_record_size(whole.first(journal_block_bytes)) == whole.size());
    auto back = decode_journal_record(whole, 42);
    REQUIRE(back);
    CHECK(back->sequence == 9);
    CHECK(back->live_from == 4);
    REQUIRE(back->ranges.size() == 3);
    CHECK(back->ranges[0].partition == "orders-0");
    CHECK(back->ranges[0].topic == topic(1));
    CHECK(back->ranges[0].position == 77);
    CHECK(as_text(back->ranges[0].bytes) == "first");
    CHECK(back->ranges[1].segment == log_offset{500});
    CHECK(back->ranges[2].bytes.size() == 5000);
}

TEST_CASE("journal record: a flipped bit anywhere, a cut, or another journal's id makes it none") {
    block_buffer memory{1};
    journal_record_builder b{memory.bytes};
    put(b, "orders-0", 1, 0, 77, "some bytes");
    b.finish(42, 9, 4);
    CHECK(decode_journal_record(memory.bytes, 42));
    CHECK_FALSE(decode_journal_record(memory.bytes, 43));
    CHECK_FALSE(decode_journal_record(bytes_view{memory.bytes}.first(journal_block_bytes - 1), 42));
    for (std::size_t at = 0; at < memory.bytes.size(); ++at) {
        memory.bytes[at] ^= std::byte{0x10};
        CHECK_FALSE(decode_journal_record(memory.bytes, 42));
        memory.bytes[at] ^= std::byte{0x10};
    }
    std::vector<std::byte> zeros(journal_block_bytes);
    CHECK_FALSE(journal_record_size(zeros));
}

TEST_CASE("journal record: the first block tells the geometry, and a damaged one tells none") {
    journal_geometry g{3 * journal_block_bytes, 4, 99};
    auto block = encode_journal_geometry(g);
    CHECK(decode_journal_geometry(block) == g);
    CHECK(g.file_bytes() == 13 * journal_block_bytes);
    for (std::size_t at = 0; at < block.size(); ++at) {
        block[at] ^= std::byte{1};
        CHECK_FALSE(decode_journal_geometry(block));
        block[at] ^= std::byte{1};
    }
}
