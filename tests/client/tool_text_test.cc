#include "../../tools/millrace/arguments.h"
#include "../../tools/millrace/group_reset.h"
#include "../../tools/millrace/table.h"
#include "../../tools/millrace/time_text.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::tool;

TEST_CASE("time text: ISO 8601 with and without a zone is read; without one it is UTC") {
    CHECK(parse_time("1970-01-01") == timestamp_ms{0});
    CHECK(parse_time("2026-05-17T10:30:15.250Z") == timestamp_ms{1779013815250});
    CHECK(parse_time("2026-05-17T10:30:15.25") == timestamp_ms{1779013815250});
    CHECK(parse_time("2026-05-17T12:30:15.250+02:00") == timestamp_ms{1779013815250});
    CHECK(parse_time("2026-05-17T05:00:15.250-0530") == timestamp_ms{1779013815250});
    CHECK(parse_time("2026-05-17T10:30") == timestamp_ms{1779013800000});
    CHECK(parse_time("2024-02-29") == timestamp_ms{1709164800000});
}

TEST_CASE("time text: what is no time is refused, not guessed") {
    for (auto* text : {"", "2026", "2026-13-01", "2026-02-30", "2026-05-17T", "2026-05-17T24:00", "2026-05-17T10:60", "2026-05-17T10",
                       "2026-05-17T10:30:15.", "2026-05-17T10:30:15Zx", "2026-05-17T10:30+2", "2026-05-17T10:30+19:00", "17.05.2026", "now"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_time(text));
    }
}

TEST_CASE("time text: durations are ISO 8601 or a number with a unit") {
    CHECK(parse_duration("250ms") == 250);
    CHECK(parse_duration("90s") == 90'000);
    CHECK(parse_duration("15m") == 900'000);
    CHECK(parse_duration("2h") == 7'200'000);
    CHECK(parse_duration("7d") == 604'800'000);
    CHECK(parse_duration("PT1H30M") == 5'400'000);
    CHECK(parse_duration("P1DT0.5S") == 86'400'500);
    CHECK(parse_duration("P2W") == 1'209'600'000);
}

TEST_CASE("time text: what is no duration is refused") {
    for (auto* text : {"", "5", "-5s", "5 s", "5x", "P", "PT", "PT5", "PT5M1H", "PT1.5H", "P1H", "1h30m", "99999999999d"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_duration(text));
    }
}

TEST_CASE("time text: what is printed is read back as the same time") {
    CHECK(time_text(timestamp_ms{1779013815250}) == "2026-05-17T10:30:15.250Z");
    CHECK(parse_time(time_text(timestamp_ms{1779013815250})) == timestamp_ms{1779013815250});
    CHECK(time_text(no_timestamp) == "-");
    CHECK(seconds_text(12'045) == "12.045");
    CHECK(seconds_text(0) == "0.000");
}

TEST_CASE("topic choice: a topic alone means all of its partitions, a list means those") {
    auto all = parse_topic_choice("orders");
    REQUIRE(all);
    CHECK(all->topic == "orders");
    CHECK(all->partitions.empty());
    auto some = parse_topic_choice("orders:2,0,2");
    REQUIRE(some);
    CHECK(some->partitions == std::set{partition_index{0}, partition_index{2}});
}

TEST_CASE("topic choice: what is neither is refused") {
    for (auto* text : {"", ":1", "orders:", "orders:x", "orders:1,", "orders:-1", "orders:99999999999"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_topic_choice(text));
    }
}

TEST_CASE("arguments: a word that no request can carry is refused, with its beginning and the limit") {
    static constexpr option_form forms[] = {{"topic", true, true}};
    auto fits = std::string(32'767, 'a'), longer = fits + "a";
    const char* taken[] = {fits.c_str(), "--topic", fits.c_str()};
    CHECK(arguments::parse(taken, forms));
    auto joined = "--topic=" + fits;
    const char* refused[][2] = {{"delete", longer.c_str()}, {"--topic", longer.c_str()}, {"x", joined.c_str()}, {"--", longer.c_str()}};
    for (const auto& words : refused) {
        auto said = arguments::parse(words, forms);
        REQUIRE_FALSE(said);
        CAPTURE(said.error());
        CHECK(said.error().find("32767") != std::string::npos);
        CHECK(said.error().find(std::string_view{words[1]}.substr(0, 20)) != std::string::npos);
        CHECK(said.error().size() < 200);
    }
}

TEST_CASE("table: columns are aligned, numbers to the right, nothing behind the last word") {
    table t{{"NAME", ">COUNT", "NOTE"}};
    t.row({"a", "1", ""});
    t.row({"longer", "12345", "x"});
    CHECK(t.text() == "NAME    COUNT  NOTE\na           1\nlonger  12345  x\n");
}

TEST_CASE("table: letters beyond ASCII take one column each") {
    table t{{"NAME", ">N"}};
    t.row({"\xc3\xa4", "1"});
    t.row({"ab", "2"});
    CHECK(t.text() == "NAME  N\n\xc3\xa4     1\nab    2\n");
}

TEST_CASE("table: control characters and broken UTF-8 are shown, never sent to the terminal") {
    CHECK(cell("a\x1b[2Jb\n") == "a\\x1b[2Jb\\x0a");
    CHECK(cell("\xff") == "\\xff");
    CHECK(cell("") == "-");
}
