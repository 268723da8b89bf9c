#include "server/fetch_session.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::server;
using kafka::error_code;

namespace {

// A fetch request that keeps its arrays alive.
struct asking {
    std::vector<kafka::fetch_request::partition_entry> partitions;
    std::vector<kafka::fetch_request::topic_entry> topics;
    std::vector<partition_index> forgotten_partitions;
    std::vector<kafka::fetch_request::forgotten_entry> forgotten;
    kafka::fetch_request request;

    asking(std::int32_t id, std::int32_t epoch, std::vector<std::pair<int, std::int64_t>> wanted,
           std::vector<int> forget = {}) {
        for (auto [index, offset] : wanted) {
            auto& p = partitions.emplace_back();
            p.partition = {index};
            p.fetch_offset = {offset};
            p.partition_max_bytes = 1000;
        }
        if (!wanted.empty()) {
            auto& t = topics.emplace_back();
            t.topic = "orders";
            t.partitions = partitions;
        }
        for (int index : forget) forgotten_partitions.push_back({index});
        if (!forget.empty()) {
            auto& f = forgotten.emplace_back();
            f.topic = "orders";
            f.partitions = forgotten_partitions;
        }
        request.session_id = id;
        request.session_epoch = epoch;
        request.topics = topics;
        request.forgotten_topics_data = forgotten;
    }
};

std::string read_order(fetch_session& s) {
    std::string out;
    for (auto& p : s.partitions())
        out += std::to_string(p.partition.value) + "@" + std::to_string(p.fetch_offset.value) + " ";
    return out;
}

kafka::fetch_response::partition_entry answer(std::int64_t high_watermark, std::uint32_t bytes = 0,
                                              error_code error = error_code::none) {
    kafka::fetch_response::partition_entry a;
    a.high_watermark = {high_watermark};
    a.log_start_offset = {0};
    a.error_code = error;
    a.records = kafka::records_field::by_size(bytes);
    return a;
}

constexpr std::int16_t by_name = 12;

} // namespace

TEST_CASE("fetch session: epoch 0 opens a session, -1 reads once and leaves none") {
    fetch_session s;
    CHECK(s.begin(asking{0, 0, {{0, 5}}}.request, by_name, 77) == error_code::none);
    CHECK(s.id() == 77);
    CHECK_FALSE(s.incremental());
    CHECK(s.begin(asking{77, -1, {{0, 5}}}.request, by_name, 78) == error_code::none);
    CHECK(s.id() == 0);
    CHECK(read_order(s) == "0@5 ");
}

TEST_CASE("fetch session: changes are added, moved and forgotten, and what is not named stays") {
    fetch_session s;
    REQUIRE(s.begin(asking{0, 0, {{0, 5}, {1, 6}, {2, 7}}}.request, by_name, 77) == error_code::none);
    REQUIRE(s.begin(asking{77, 1, {{1, 60}, {3, 8}}, {0}}.request, by_name, 0) == error_code::none);
    CHECK(s.incremental());
    CHECK(read_order(s) == "1@60 2@7 3@8 ");
}

TEST_CASE("fetch session: a wrong id or epoch is an error of its own and changes nothing") {
    fetch_session s;
    CHECK(s.begin(asking{77, 1, {}}.request, by_name, 0) == error_code::fetch_session_id_not_found);
    REQUIRE(s.begin(asking{0, 0, {{0, 5}}}.request, by_name, 77) == error_code::none);
    CHECK(s.begin(asking{76, 1, {{0, 9}}}.request, by_name, 0) == error_code::fetch_session_id_not_found);
    CHECK(s.begin(asking{77, 2, {{0, 9}}}.request, by_name, 0) == error_code::invalid_fetch_session_epoch);
    CHECK(s.begin(asking{77, 1, {{0, 9}}}.request, 13, 0) == error_code::fetch_session_topic_id_error);
    CHECK(read_order(s) == "0@5 ");
    CHECK(s.begin(asking{77, 1, {}}.request, by_name, 0) == error_code::none);
    // The same epoch again: the client missed the answer and must begin anew.
    CHECK(s.begin(asking{77, 1, {}}.request, by_name, 0) == error_code::invalid_fetch_session_epoch);
}

TEST_CASE("fetch session: an incremental answer names only partitions with news") {
    fetch_session s;
    REQUIRE(s.begin(asking{0, 0, {{0, 5}, {1, 5}}}.request, by_name, 77) == error_code::none);
    for (auto& p : s.partitions()) CHECK(s.include(p, answer(5)));
    REQUIRE(s.begin(asking{77, 1, {}}.request, by_name, 0) == error_code::none);
    auto& first = s.partitions().front();
    CHECK_FALSE(s.include(first, answer(5)));
    CHECK(s.include(first, answer(6)));
    CHECK_FALSE(s.include(first, answer(6)));
    CHECK(s.include(first, answer(6, 100)));
    CHECK(s.include(first, answer(6, 0, error_code::not_leader_or_follower)));
    CHECK(s.include(first, answer(6))); // the error is over: that is news
}

TEST_CASE("fetch session: a partition that carried records is read after the others next time") {
    fetch_session s;
    REQUIRE(s.begin(asking{0, 0, {{0, 1}, {1, 1}, {2, 1}}}.request, by_name, 77) == error_code::none);
    s.include(s.partitions().front(), answer(9, 500));
    CHECK(read_order(s) == "1@1 2@1 0@1 ");
}

TEST_CASE("fetch session: forgetting the last partition ends the session") {
    fetch_session s;
    REQUIRE(s.begin(asking{0, 0, {{0, 1}}}.request, by_name, 77) == error_code::none);
    REQUIRE(s.begin(asking{77, 1, {}, {0}}.request, by_name, 0) == error_code::none);
    CHECK(s.id() == 0);
    CHECK(s.size() == 0);
}
