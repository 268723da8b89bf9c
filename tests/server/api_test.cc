#include "server/api/api_versions.h"
#include "server/api/errors.h"

#include <doctest/doctest.h>

#include <vector>

using namespace millrace;
using namespace millrace::server;
using kafka::api_key;
using kafka::error_code;

TEST_CASE("api versions: exactly the served keys, and Produce from 0 so that old librdkafka keeps compressing") {
    std::vector<api_key> served{api_key::produce, api_key::fetch, api_key::api_versions};
    kafka::message_arena arena;
    auto answer = answer_api_versions(served, 4, arena);
    REQUIRE(answer.api_keys.size() == 3);
    CHECK(answer.api_keys[0].min_version == 0);
    CHECK(answer.api_keys[0].max_version == 13);
    CHECK(answer.api_keys[1].min_version == 4);
    CHECK(answer.api_keys[1].max_version == 18);
    for (const auto& entry : answer.api_keys) CHECK(entry.min_version <= entry.max_version);
}

TEST_CASE("api versions: group.version begins at 0, and clients too old for such a range see the finalized level alone") {
    std::vector<api_key> served{api_key::api_versions};
    kafka::message_arena arena;
    for (std::int16_t version : {0, 3, 4}) {
        auto answer = answer_api_versions(served, version, arena);
        REQUIRE(answer.finalized_features.size() == 1);
        CHECK(answer.finalized_features[0].max_version_level == 1);
        REQUIRE(answer.supported_features.size() == (version == 4 ? 1 : 0));
        if (version == 4) CHECK(answer.supported_features[0].min_version == 0);
    }
}

TEST_CASE("api versions: an unknown version is refused in version 0, with the ranges to choose from") {
    std::vector<api_key> served{api_key::api_versions};
    kafka::message_arena arena;
    auto answer = refuse_api_versions(served, arena);
    std::vector<std::byte> wire(encoded_size(answer, 0));
    writer w{wire};
    encode(w, answer, 0);
    // int16 error 35, int32 count 1, key 18, 0..4
    std::vector<unsigned> expected{0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4};
    REQUIRE(wire.size() == expected.size());
    for (std::size_t i = 0; i < wire.size(); ++i) CHECK(std::to_integer<unsigned>(wire[i]) == expected[i]);
}

TEST_CASE("api versions: what a client calls itself is made of letters, digits, dots and dashes, and does not end in one") {
    for (auto good : {"librdkafka", "2.12.0", "apache-kafka-java", "x"}) CHECK(is_software_word(good));
    for (auto bad : {"", "a b", "-a", "a.", "a_b", "a/b"}) CHECK_FALSE(is_software_word(bad));
}

TEST_CASE("errors: a batch is refused with the code that names its fault") {
    CHECK(to_kafka(partition::errc::invalid_batch, records::errc::crc_mismatch) == error_code::corrupt_message);
    CHECK(to_kafka(partition::errc::invalid_batch, records::errc::key_missing) == error_code::invalid_record);
    CHECK(to_kafka(partition::errc::invalid_batch, records::errc::batch_too_large) == error_code::message_too_large);
    CHECK(to_kafka(partition::errc::out_of_order_sequence) == error_code::out_of_order_sequence_number);
    CHECK(to_kafka(partition::errc::storage_failed) == error_code::kafka_storage_error);
    CHECK(kafka::is_retriable(to_kafka(partition::errc::overloaded)));
}
