// Bytes against the protocol as it is written down, not against our own encoder.
#include "encoded.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/describe_topic_partitions.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/produce.h"

#include <string>

namespace millrace::kafka {

TEST_CASE("kafka: a Metadata request of version 1 tells all topics from none") {
    message_arena arena;
    metadata_request out;
    auto all = raw({0xff, 0xff, 0xff, 0xff});
    reader in_all{all};
    REQUIRE(decode(in_all, 1, arena, out));
    CHECK(out.topics.is_null());
    auto none = raw({0, 0, 0, 0});
    reader in_none{none};
    REQUIRE(decode(in_none, 1, arena, out));
    CHECK_FALSE(out.topics.is_null());
    CHECK(out.topics.empty());
    CHECK(out.allow_auto_topic_creation); // the default where the version lacks it
    reader in_v0{all};
    CHECK_FALSE(decode(in_v0, 0, arena, out)); // null only from version 1 on
}

TEST_CASE("kafka: a Produce request of version 9 has compact strings, compact records and tags") {
    auto bytes = raw({0,                      // transactional_id: null
                      0xff, 0xff,             // acks -1
                      0, 0, 0x75, 0x30,       // timeout 30000
                      2,                      // one topic
                      3, 'a', 'b',            // name
                      2,                      // one partition
                      0, 0, 0, 7,             // index
                      4, 1, 2, 3,             // records of three bytes
                      0, 0, 0});              // tags of partition, topic, request
    message_arena arena;
    produce_request out;
    reader in{bytes};
    REQUIRE(decode(in, 9, arena, out));
    CHECK(in.remaining() == 0);
    CHECK(out.transactional_id.is_null());
    CHECK(out.acks == -1);
    CHECK(out.timeout_ms == 30000);
    REQUIRE(out.topic_data.size() == 1);
    CHECK(out.topic_data[0].name == "ab");
    REQUIRE(out.topic_data[0].partition_data.size() == 1);
    auto& partition = out.topic_data[0].partition_data[0];
    CHECK(partition.index == partition_index{7});
    REQUIRE(partition.records.size() == 3);
    CHECK(partition.records.bytes().data() == bytes.data() + 17); // a view, not a copy
    CHECK(encoded(out, 9) == bytes);
}

TEST_CASE("kafka: a Produce request of version 3 has plain lengths and no tags") {
    auto bytes = raw({0, 1, 'x', 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff});
    message_arena arena;
    produce_request out;
    reader in{bytes};
    REQUIRE(decode(in, 3, arena, out));
    CHECK(out.transactional_id.value() == "x");
    CHECK(out.topic_data[0].partition_data[0].records.is_null());
    CHECK(encoded(out, 3) == bytes);
}

TEST_CASE("kafka: unknown tagged fields are skipped, known ones decoded") {
    auto bytes = raw({1,                               // no api keys, flexible version 3: empty compact array
                      0, 0, 0, 5,                      // throttle
                      3,                               // three tags
                      1, 8, 0, 0, 0, 0, 0, 0, 0, 9,    // 1: finalized_features_epoch
                      3, 1, 1,                         // 3: zk_migration_ready
                      0x80, 1, 3, 1, 2, 3});           // 128: unknown
    bytes.insert(bytes.begin(), {std::byte{0}, std::byte{35}});
    message_arena arena;
    api_versions_response out;
    reader in{bytes};
    REQUIRE(decode(in, 3, arena, out));
    CHECK(in.remaining() == 0);
    CHECK(out.error_code == error_code::unsupported_version);
    CHECK(out.throttle_time_ms == 5);
    CHECK(out.finalized_features_epoch == 9);
    CHECK(out.zk_migration_ready);
}

TEST_CASE("kafka: a known tag whose size does not fit its value is refused") {
    for (int size : {7, 9}) {
        CAPTURE(size);
        auto bytes = raw({0, 0, 1, 0, 0, 0, 0, 1, 1, size, 0, 0, 0, 0, 0, 0, 0, 9, 0});
        message_arena arena;
        api_versions_response out;
        reader in{bytes};
        CHECK_FALSE(decode(in, 3, arena, out));
    }
}

TEST_CASE("kafka: a claim of more topics than the bytes can hold allocates nothing") {
    for (auto bytes : {raw({0, 0, 3, 0xe8, 0, 1, 'a'}), raw({0x7f, 0xff, 0xff, 0xff, 0, 1, 'a'}), raw({0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0})}) {
        message_arena arena;
        metadata_request out;
        reader in{bytes};
        CHECK_FALSE(decode(in, bytes[0] == std::byte{0xff} ? 9 : 4, arena, out));
        CHECK(arena.held_bytes() == 0);
    }
}

TEST_CASE("kafka: a frame full of the smallest elements stops at the budget") {
    // Empty coordinator keys: one byte on the wire, a 16-byte view in memory.
    constexpr std::size_t keys = 1u << 20;
    std::vector<std::byte> bytes = raw({0, 0x81, 0x80, 0x40}); // key_type, compact count 2^20 + 1 - 1
    bytes.resize(bytes.size() + keys, std::byte{1});
    bytes.push_back(std::byte{0});
    message_arena arena;
    find_coordinator_request out;
    reader in{bytes};
    CHECK_FALSE(decode(in, 4, arena, out));
    CHECK(arena.held_bytes() <= decode_base_bytes_max + decode_multiple_max * bytes.size());
    message_arena small{1024};
    auto few = raw({0, 101});
    few.resize(few.size() + 100, std::byte{1});
    few.push_back(std::byte{0});
    reader in_few{few}, in_small{few};
    CHECK(decode(in_few, 4, arena, out));
    CHECK(out.coordinator_keys.size() == 100);
    CHECK_FALSE(decode(in_small, 4, small, out)); // the owner's own limit
}

TEST_CASE("kafka: a string longer than 32767 bytes is refused in the compact form too") {
    for (std::size_t size : {32767, 32768}) {
        CAPTURE(size);
        std::vector<std::byte> bytes(3 + size + 2);
        writer out{bytes};
        out.uvarint(static_cast<std::uint32_t>(size + 1));
        message_arena arena;
        api_versions_request request;
        auto name_end = out.written() + size;
        bytes.resize(name_end);
        bytes.push_back(std::byte{1});
        bytes.push_back(std::byte{0});
        reader in{bytes};
        CHECK(decode(in, 3, arena, request) == (size == 32767));
    }
}

TEST_CASE("kafka: a nullable struct is one byte, then its fields") {
    auto bytes = raw({1, 0, 0, 7, 0xd0, 0xff, 0});
    message_arena arena;
    describe_topic_partitions_request out;
    reader in{bytes};
    REQUIRE(decode(in, 0, arena, out));
    CHECK(out.response_partition_limit == 2000);
    CHECK_FALSE(out.cursor);
    CHECK(encoded(out, 0) == bytes);
    out.cursor.emplace().topic_name = "t";
    CHECK(encoded(out, 0) == raw({1, 0, 0, 7, 0xd0, 1, 2, 't', 0, 0, 0, 0, 0, 0}));
}

TEST_CASE("kafka: a value that the version cannot carry is named, an ignorable one is dropped") {
    fetch_response response;
    response.session_id = 5; // from version 7 on, not ignorable
    CHECK(unencodable_field(response, 6) == std::string_view{"session_id"});
    CHECK(unencodable_field(response, 7) == nullptr);
    response.session_id = 0;
    response.error_code = error_code::fetch_session_id_not_found; // from version 7 on, ignorable
    CHECK(unencodable_field(response, 6) == nullptr);

    fetch_response::partition_entry partition;
    partition.current_leader.leader_epoch = leader_epoch{3};
    fetch_response::topic_entry topic;
    topic.partitions = {&partition, 1};
    response.responses = {&topic, 1};
    CHECK(unencodable_field(response, 11) == std::string_view{"current_leader"});
    CHECK(unencodable_field(response, 12) == nullptr);
}

TEST_CASE("kafka: records by size alone leave a gap of that size") {
    fetch_response::partition_entry partitions[2];
    partitions[0].records = records_field::by_size(1 << 20);
    partitions[1].partition_index = partition_index{1};
    partitions[1].records = records_field::by_size(0);
    fetch_response::topic_entry topic;
    topic.topic = "t";
    topic.partitions = {partitions, 2};
    fetch_response response;
    response.responses = {&topic, 1};
    CHECK(records_size(response) == 1 << 20);
    std::vector<std::byte> head(encoded_size(response, 11) - records_size(response));
    writer out{head};
    std::vector<splice_point> points;
    encode_split(out, response, 11, points);
    CHECK(out.remaining() == 0);
    REQUIRE(points.size() == 1);
    CHECK(points[0].size == 1 << 20);
    CHECK(points[0].data == nullptr);
    CHECK(load_be<std::int32_t>(head.data() + points[0].at - 4) == 1 << 20);
}

TEST_CASE("kafka: an arena that is reset keeps one chunk and asks for no more") {
    message_arena arena;
    (void)arena.make_array<std::uint64_t>(100);
    (void)arena.make_array<std::uint64_t>(100'000);
    CHECK(arena.held_bytes() >= 800'000);
    arena.reset();
    auto kept = arena.held_bytes();
    CHECK(kept <= message_arena::kept_max);
    CHECK(kept > 0);
    for (int i = 0; i < 10; ++i) {
        (void)arena.make_array<std::uint64_t>(kept / 8);
        CHECK(arena.held_bytes() == kept);
        arena.reset();
    }
}

TEST_CASE("kafka: print is one readable line") {
    delete_topics_request::topic_entry topic;
    topic.name = "a\n";
    delete_topics_request request;
    request.topics = {&topic, 1};
    request.timeout_ms = 9;
    std::string text;
    print(text, request, 6);
    CHECK(text == "delete_topics_request v6 {topics: [{name: \"a\\x0a\", topic_id: AAAAAAAAAAAAAAAAAAAAAA}], timeout_ms: 9}");
}

} // namespace millrace::kafka
