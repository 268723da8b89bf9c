#include "encoded.h"
#include "kafka/messages/consumer_protocol_subscription.h"
#include "kafka/messages/group_metadata_key.h"
#include "kafka/messages/offset_commit_key.h"
#include "kafka/messages/offset_commit_value.h"
#include "kafka/stored.h"

namespace millrace::kafka {

namespace {

template <class Record> std::vector<std::byte> stored(const Record& record, std::int16_t version) {
    std::vector<std::byte> bytes(stored_size(record, version));
    writer out{bytes};
    encode_stored(out, record, version);
    REQUIRE(out.remaining() == 0);
    return bytes;
}

} // namespace

TEST_CASE("kafka: a stored key starts with the type of its record") {
    offset_commit_key key;
    key.group = "g";
    key.topic = "t";
    key.partition = partition_index{3};
    auto bytes = stored(key, 1);
    CHECK(bytes == raw({0, 1, 0, 1, 'g', 0, 1, 't', 0, 0, 0, 3}));
    CHECK(stored_version(bytes) == 1);
    message_arena arena;
    offset_commit_key back;
    reader in{bytes};
    REQUIRE(decode_stored(in, arena, back));
    CHECK(back == key);
    group_metadata_key other;
    reader again{bytes};
    CHECK_FALSE(decode_stored(again, arena, other));
    CHECK_FALSE(stored_version(raw({0})));
}

TEST_CASE("kafka: a stored value is read in the version that it names") {
    offset_commit_value value;
    value.offset = log_offset{7};
    value.leader_epoch = leader_epoch{2};
    value.metadata = "m";
    value.commit_timestamp = timestamp_ms{1};
    auto bytes = stored(value, 3);
    CHECK(bytes == raw({0, 3, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 2, 0, 1, 'm', 0, 0, 0, 0, 0, 0, 0, 1}));
    for (std::int16_t version = 0; version <= 4; ++version) {
        message_arena arena;
        offset_commit_value back;
        auto versioned = stored(value, version);
        reader in{versioned};
        REQUIRE(decode_stored(in, arena, back));
        CHECK(back.offset == value.offset);
        CHECK(back.leader_epoch == (version >= 3 ? value.leader_epoch : leader_epoch{-1}));
    }
}

TEST_CASE("kafka: a stored value of a newer version is refused, a subscription of a newer version is read as far as known") {
    message_arena arena;
    auto newer = stored(offset_commit_value{}, 4);
    newer[1] = std::byte{5};
    offset_commit_value value;
    reader in{newer};
    CHECK_FALSE(decode_stored(in, arena, value));

    std::vector<std::string_view> topics{"a", "b"};
    consumer_protocol_subscription subscription;
    subscription.topics = topics;
    subscription.generation_id = 9;
    auto bytes = stored(subscription, 3);
    bytes[1] = std::byte{40};
    bytes.push_back(std::byte{1}); // a field that we do not know
    consumer_protocol_subscription back;
    reader newest{bytes};
    REQUIRE(decode_stored(newest, arena, back));
    CHECK(back == subscription);
    CHECK(newest.remaining() == 1);
    auto negative = raw({0xff, 0xff, 0, 0});
    reader below{negative};
    CHECK_FALSE(decode_stored(below, arena, back));
}

} // namespace millrace::kafka
