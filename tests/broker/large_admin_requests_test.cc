// What tools ask about tens of thousands of things at once: others have their turn meanwhile, or it is done off the loop.
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/describe_log_dirs.h"
#include "kafka/messages/describe_topic_partitions.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "large_requests.h"

using namespace millrace;
using namespace millrace::broker::test;

namespace {

constexpr std::int8_t on_broker = 4;

// Jobs off the loop of one request.
template <class Response, class Request> std::uint64_t jobs_of(one_shard& n, const Request& in, std::int16_t version) {
    const auto before = n.w.offload().taken(runtime::offload_weight::heavy);
    (void)n.c.ask<Response>(in, version);
    return n.w.offload().taken(runtime::offload_weight::heavy) - before;
}

} // namespace

TEST_CASE("node: the configs of very many resources are looked up off the loop, part by part, those of a few are not") {
    constexpr std::int16_t version = 4;
    one_shard n{1};
    std::vector<kafka::describe_configs_request::resource_entry> resources(2000);
    for (auto& r : resources) {
        r.resource_type = on_broker;
        r.resource_name = "1";
        r.configuration_keys = {};
    }
    kafka::describe_configs_request in;
    in.resources = std::span{resources}.first(1);
    auto one = n.c.ask<kafka::describe_configs_response>(in, version);
    REQUIRE(one->message.results.size() == 1);
    REQUIRE(one->message.results[0].error_code == error_code::none);
    const auto configs = one->message.results[0].configs.size();
    CHECK(jobs_of<kafka::describe_configs_response>(n, in, version) == 0);
    in.resources = resources;
    CHECK(jobs_of<kafka::describe_configs_response>(n, in, version) > 5);
    auto all = n.c.ask<kafka::describe_configs_response>(in, version);
    REQUIRE(all->message.results.size() == resources.size());
    CHECK(all->message.results[resources.size() - 1].configs.size() == configs);
}

TEST_CASE("node: very many configs of one resource are read and tried off the loop, a few are not") {
    one_shard n{1};
    const auto ids = many_ids();
    std::vector<kafka::incremental_alter_configs_request::config_entry> configs(many);
    for (std::size_t i = 0; i < many; ++i) {
        configs[i].name = ids[i];
        configs[i].value = std::string_view{"1"};
    }
    kafka::incremental_alter_configs_request::resource_entry r;
    r.resource_type = on_broker;
    r.resource_name = "1";
    kafka::incremental_alter_configs_request in;
    in.resources = {&r, 1};
    auto asked = [&](std::size_t count) {
        r.configs = std::span{configs}.first(count);
        auto told = n.c.ask<kafka::incremental_alter_configs_response>(in, 1);
        REQUIRE(told->message.responses.size() == 1);
        CHECK(told->message.responses[0].error_code == error_code::invalid_request);
        return jobs_of<kafka::incremental_alter_configs_response>(n, in, 1);
    };
    CHECK(asked(1) == 0);
    CHECK(asked(500) == 2); // read, tried
    CHECK(asked(many) > 4); // and decoded, counted, encoded, given back
}

TEST_CASE("node: others have their turn while very many topics are described or grown, or very many partitions looked for") {
    one_shard n{short_turns()};
    const auto ids = many_ids();
    std::vector<kafka::describe_topic_partitions_request::topic_entry> topics(many);
    std::vector<kafka::create_partitions_request::topic_entry> grown(many);
    for (std::size_t i = 0; i < many; ++i) {
        topics[i].name = grown[i].name = ids[i];
        grown[i].count = 4;
    }
    kafka::describe_topic_partitions_request described;
    described.topics = std::span{topics}.first(1);
    described.response_partition_limit = 2000;
    CHECK(turns_of<kafka::describe_topic_partitions_response>(n, described, 0) < turns_min / 2);
    described.topics = topics;
    CHECK(turns_of<kafka::describe_topic_partitions_response>(n, described, 0) > turns_min);
    CHECK(n.c.ask<kafka::describe_topic_partitions_response>(described, 0)->message.topics.size() == many);

    kafka::create_partitions_request more;
    more.topics = grown;
    CHECK(turns_of<kafka::create_partitions_response>(n, more, 3) > turns_min);
    CHECK(n.c.ask<kafka::create_partitions_response>(more, 3)->message.results.size() == many);

    const std::vector<partition_index> again(many, partition_index{0});
    kafka::describe_log_dirs_request::topic_entry t;
    t.topic = "t";
    t.partitions = again;
    kafka::describe_log_dirs_request places;
    kafka::array_view<kafka::describe_log_dirs_request::topic_entry> asked{std::span{&t, 1}};
    places.topics = asked;
    CHECK(turns_of<kafka::describe_log_dirs_response>(n, places, 4) > turns_min);
}
