#include "cluster/decide.h"
#include "cluster/topic_name.h"

#include <doctest/doctest.h>

#include <map>

using namespace millrace;
using namespace millrace::cluster;

namespace {
topic_ptr made(const char* name, std::uint8_t id, std::int32_t partitions = 1) {
    auto t = std::make_shared<topic>();
    t->name = name;
    t->id.bytes[0] = id;
    t->partition_count = partitions;
    return t;
}
create_topic_request wanted(std::string name, std::int32_t partitions = 1) {
    create_topic_request r;
    r.name = std::move(name);
    r.partition_count = partitions;
    return r;
}
} // namespace

TEST_CASE("topic name: Kafka's rule, in Kafka's words") {
    CHECK(check_topic_name("Orders-2_a.b"));
    CHECK(check_topic_name(std::string(249, 'a')));
    auto says = [](std::string name) { return check_topic_name(name).error().message; };
    CHECK(says("") == "Topic name is invalid: the empty string is not allowed");
    CHECK(says(".") == "Topic name is invalid: '.' is not allowed");
    CHECK(says("..") == "Topic name is invalid: '..' is not allowed");
    CHECK(says("a/b") == "Topic name is invalid: 'a/b' contains one or more characters other than ASCII alphanumerics, "
                         "'.', '_' and '-'");
    CHECK(says(std::string(250, 'a')).ends_with("is longer than the max allowed length 249"));
}

TEST_CASE("image: topics are found by name and by id, and erased from both") {
    image i;
    i.put(made("b", 2));
    i.put(made("a", 9));
    i.put(made("b", 2, 5));
    REQUIRE(i.topics().size() == 2);
    CHECK(i.topics()[0]->name == "a");
    CHECK(i.find("b")->partition_count == 5);
    CHECK(i.find(made("", 9)->id)->name == "a");
    i.erase(made("", 9)->id);
    CHECK_FALSE(i.find("a"));
    CHECK_FALSE(i.find(made("", 9)->id));
    CHECK(i.partition_total() == 5);
}

TEST_CASE("owner: consecutive partitions sit on consecutive shards, and topics start at different ones") {
    std::map<std::uint32_t, int> starts;
    for (int t = 0; t < 800; ++t) {
        topic_id id;
        id.bytes[3] = static_cast<std::uint8_t>(t);
        id.bytes[12] = static_cast<std::uint8_t>(t >> 8);
        auto first = owner_of(id, partition_index{0}, 8).value;
        ++starts[first];
        for (int p = 1; p < 20; ++p) REQUIRE(owner_of(id, partition_index{p}, 8).value == (first + p) % 8);
    }
    REQUIRE(starts.size() == 8);
    for (auto [shard, count] : starts) CHECK(count > 60);
}

TEST_CASE("decide: what a creation is refused for") {
    image now;
    now.put(made("a.b", 1, 3));
    limits bounds;
    auto code = [&](const create_topic_request& r) {
        auto d = decide_create_topic(now, r, bounds, {});
        REQUIRE_FALSE(d);
        return d.error().code;
    };
    CHECK(code(wanted("a.b")) == errc::topic_exists);
    CHECK(code(wanted("a_b")) == errc::invalid_name);
    CHECK(code(wanted("x", 0)) == errc::invalid_partitions);
    CHECK(code(wanted("x", bounds.partitions_per_topic_max + 1)) == errc::invalid_partitions);
    auto replicated = wanted("x");
    replicated.replication_factor = 3;
    CHECK(code(replicated) == errc::invalid_replication_factor);
    auto configured = wanted("x");
    configured.overrides = {{"retention.ms", "-3"}};
    CHECK(code(configured) == errc::invalid_config);
    bounds.partitions_max = 3;
    CHECK(code(wanted("x")) == errc::limit_reached);
    bounds = {};
    bounds.topics_max = 1;
    CHECK(code(wanted("x")) == errc::limit_reached);
    CHECK(decide_create_topic(now, wanted("x", 4), limits{}, {})->partition_count == 4);
}

TEST_CASE("decide: partitions only grow") {
    image now;
    now.put(made("a", 1, 3));
    CHECK(decide_create_partitions(now, "a", 4, {})->partition_count == 4);
    CHECK(decide_create_partitions(now, "a", 3, {}).error().message == "Topic already has 3 partition(s).");
    CHECK(decide_create_partitions(now, "a", 2, {}).error().code == errc::invalid_partitions);
    CHECK(decide_create_partitions(now, "b", 2, {}).error().code == errc::unknown_topic);
}
