#include "client/versions.h"

#include <doctest/doctest.h>

#include <vector>

using namespace millrace;
using namespace millrace::client;

TEST_CASE("versions: the highest that both sides know is spoken") {
    kafka::api_description ours{kafka::api_key::fetch, "fetch", 4, 18, 4, 12};
    CHECK(highest_common(ours, 0, 99) == 18);
    CHECK(highest_common(ours, 4, 11) == 11);
    CHECK(highest_common(ours, 4, 4) == 4);
}

TEST_CASE("versions: ranges that do not meet give none") {
    kafka::api_description ours{kafka::api_key::fetch, "fetch", 4, 18, 4, 12};
    CHECK_FALSE(highest_common(ours, 0, 3));
    CHECK_FALSE(highest_common(ours, 19, 20));
}

TEST_CASE("versions: an API that the broker does not name, or that we do not describe, is never spoken") {
    kafka::api_versions_response said;
    std::vector<kafka::api_versions_response::api_entry> entries(2);
    entries[0].api_key = kafka::api_key::metadata;
    entries[0].min_version = 0;
    entries[0].max_version = 9;
    entries[1].api_key = static_cast<kafka::api_key>(12345);
    entries[1].max_version = 3;
    said.api_keys = entries;
    versions known;
    known.learn(said);
    CHECK(known.of(kafka::api_key::metadata) == 9);
    CHECK_FALSE(known.of(kafka::api_key::fetch));
    CHECK_FALSE(known.of(static_cast<kafka::api_key>(12345)));
}
