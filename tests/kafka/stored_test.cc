#include "encoded.h"
#include "kafka/messages/consumer_group_current_member_assignment_value.h"
#include "kafka/messages/consumer_group_member_metadata_value.h"
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

TEST_CASE("kafka: tagged parts, arrays and ids of stored values stand as Kafka 4.3 writes them") {
    std::byte two[] = {std::byte{1}, std::byte{2}};
    consumer_group_member_metadata_value::protocol_entry protocol;
    protocol.name = "x";
    protocol.metadata = two;
    std::string_view topic = "t";
    consumer_group_member_metadata_value member;
    // Null only if said: Kafka's default for these is the empty string.
    member.instance_id = member.subscribed_topic_regex = member.server_assignor = std::nullopt;
    member.rack_id = "r";
    member.client_id = "c";
    member.client_host = "h";
    member.subscribed_topic_names = {&topic, 1};
    member.rebalance_timeout_ms = 5;
    auto& classic = member.classic_member_metadata.emplace();
    classic.session_timeout_ms = 7;
    classic.supported_protocols = {&protocol, 1};
    CHECK(stored(member, 0) == raw({0, 0, 0, 2, 'r', 2, 'c', 2, 'h', 2, 2, 't', 0, 0, 0, 0, 5, 0, 1, 0, 13, 1, 0, 0, 0, 7,
                                    2, 2, 'x', 3, 1, 2, 0, 0}));

    millrace::uuid id;
    id.bytes.back() = 9;
    partition_index partition{4};
    std::int32_t epoch = 6;
    consumer_group_current_member_assignment_value::topic_entry owned;
    owned.topic_id = id;
    owned.partitions = {&partition, 1};
    owned.assignment_epochs = {&epoch, 1};
    consumer_group_current_member_assignment_value current;
    current.member_epoch = 3;
    current.previous_member_epoch = 2;
    current.state = 1;
    current.assigned_partitions = {&owned, 1};
    CHECK(stored(current, 0) == raw({0, 0, 0, 0, 0, 3, 0, 0, 0, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,
                                     2, 0, 0, 0, 4, 1, 0, 5, 2, 0, 0, 0, 6, 1, 0}));

    offset_commit_value offset;
    offset.offset = log_offset{7};
    offset.leader_epoch = leader_epoch{2};
    offset.metadata = "m";
    offset.commit_timestamp = timestamp_ms{1};
    offset.topic_id = id;
    CHECK(stored(offset, 4) == raw({0, 4, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 2, 2, 'm', 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 16,
                                    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}));
}

} // namespace millrace::kafka
