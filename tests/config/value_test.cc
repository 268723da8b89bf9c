#include "config/value.h"

#include <doctest/doctest.h>

#include <set>

using namespace millrace::config;

TEST_CASE("value: sizes and durations take units, and plain numbers as Kafka") {
    CHECK(parse_bytes("65536") == 65536);
    CHECK(parse_bytes("64KiB") == 65536);
    CHECK(parse_bytes("1 GiB") == 1 << 30);
    CHECK(parse_bytes("-1") == -1);
    CHECK_FALSE(parse_bytes("64kib"));
    CHECK_FALSE(parse_bytes("9999999999TiB"));
    CHECK(parse_duration("500", time_unit::ms) == 500);
    CHECK(parse_duration("5s", time_unit::ms) == 5000);
    CHECK(parse_duration("7d", time_unit::hours) == 168);
    CHECK(parse_duration("12", time_unit::hours) == 12);
    CHECK_FALSE(parse_duration("90s", time_unit::hours));
    CHECK_FALSE(parse_duration("5 years", time_unit::ms));
    CHECK_FALSE(parse_duration("", time_unit::ms));
}

TEST_CASE("value: addresses need a scheme and a port, IPv6 goes in brackets") {
    auto two = *parse_endpoints("PLAINTEXT://:9092, PLAINTEXT://[::1]:0");
    REQUIRE(two.size() == 2);
    CHECK(two[0].host.empty());
    CHECK(two[0].port == 9092);
    CHECK(two[1].host == "::1");
    for (auto bad : {"localhost:9092", "PLAINTEXT://localhost", "PLAINTEXT://::1:9092", "PLAINTEXT://a:70000", "SSL://a:1"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_endpoints(bad));
    }
}

TEST_CASE("option table: names are unique and without underscore, and every default passes its own check") {
    std::set<std::string_view> names;
    for (const auto& o : option_table()) {
        CAPTURE(o.name);
        CHECK(names.insert(o.name).second);
        CHECK(o.name.find('_') == o.name.npos);
        auto plain = plain_value(o, o.default_value);
        REQUIRE(plain);
        CHECK(*plain == o.default_value);
    }
}
