#include "one_node.h"

using namespace millrace;
using namespace millrace::server;
using namespace millrace::server::test;

namespace {

using creation = kafka::create_topics_request;
using created = kafka::create_topics_response::topic_entry;
using nodes = std::vector<broker_id>;

creation::topic_entry topic(std::string_view name, std::int32_t partitions = 1, std::int16_t replicas = 1) {
    creation::topic_entry t;
    t.name = name;
    t.num_partitions = partitions;
    t.replication_factor = replicas;
    return t;
}
std::vector<created> create(one_node& node, std::vector<creation::topic_entry> topics, bool validate_only = false,
                            std::int16_t version = 7) {
    creation in;
    in.topics = list(topics);
    in.validate_only = validate_only;
    auto out = node.ask(in, version);
    return {out.topics.begin(), out.topics.end()};
}
created create_assigned(one_node& node, std::vector<std::pair<std::int32_t, nodes>> wanted) {
    std::vector<creation::assignment_entry> assignments;
    for (const auto& [partition, replicas] : wanted) assignments.push_back({{partition}, list(replicas)});
    auto t = topic("assigned", -1, -1);
    t.assignments = list(assignments);
    return create(node, {t})[0];
}

using deletion = kafka::delete_topics_request;

deletion::topic_entry doomed(kafka::nullable_string name, topic_id id = {}) {
    deletion::topic_entry t;
    t.name = name;
    t.topic_id = id;
    return t;
}
std::vector<kafka::delete_topics_response::topic_entry> remove(one_node& node, std::vector<deletion::topic_entry> topics) {
    deletion in;
    in.topics = list(topics);
    auto out = node.ask(in, 6);
    return {out.responses.begin(), out.responses.end()};
}

using growth = kafka::create_partitions_request;

kafka::create_partitions_response::topic_entry grow(one_node& node, std::string_view name, std::int32_t count,
                                                    std::optional<std::vector<nodes>> assigned = {}, bool validate_only = false) {
    std::vector<growth::assignment_entry> assignments;
    if (assigned)
        for (const auto& replicas : *assigned) assignments.push_back({list(replicas)});
    std::vector<growth::topic_entry> topics(1);
    topics[0].name = name;
    topics[0].count = count;
    topics[0].assignments = assigned ? list(assignments) : kafka::array_view<growth::assignment_entry>::null();
    growth in;
    in.topics = list(topics);
    in.validate_only = validate_only;
    return node.ask(in, 3).results[0];
}

} // namespace

TEST_CASE("create topics: the answer says what was made, with its id and every config") {
    one_node node;
    std::vector<creation::config_entry> configs{{"retention.ms", "5000"}};
    auto wanted = topic("t", 3);
    wanted.configs = list(configs);
    for (std::int16_t version = 2; version <= creation::version_max; ++version) {
        auto name = "t" + std::to_string(version);
        wanted.name = name;
        auto made = create(node, {wanted}, false, version)[0];
        CHECK(made.error_code == error_code::none);
        CHECK(made.error_message.is_null());
        CHECK(made.num_partitions == 3);
        CHECK(made.replication_factor == 1);
        const auto* found = node.changes.image->find(name);
        REQUIRE(found);
        CHECK(made.topic_id == found->id);
        bool described = false;
        for (const auto& row : made.configs)
            if (row.name == "retention.ms") described = row.value.value() == "5000" && row.config_source == 1;
        CHECK(described);
    }
}

TEST_CASE("create topics: -1 is the broker's default") {
    one_node node;
    node.options.num_partitions = 6;
    CHECK(create(node, {topic("t", -1, -1)})[0].num_partitions == 6);
}

TEST_CASE("create topics: validate_only decides the same and makes nothing") {
    one_node node;
    node.make_topic("old");
    auto got = create(node, {topic("new", 2), topic("old")}, true);
    CHECK(got[0].error_code == error_code::none);
    CHECK(got[0].num_partitions == 2);
    CHECK(got[1].error_code == error_code::topic_already_exists);
    CHECK(node.changes.image->find("new") == nullptr);
}

TEST_CASE("create topics: each mistake has Kafka's code and words") {
    one_node node;
    node.make_topic("a.b");
    struct {
        creation::topic_entry wanted;
        error_code code;
        std::string_view text;
    } cases[] = {
        {topic("a.b"), error_code::topic_already_exists, "Topic 'a.b' already exists."},
        {topic("a_b"), error_code::invalid_topic_exception, "Topic 'a_b' collides with existing topic: a.b"},
        {topic(".."), error_code::invalid_topic_exception, "Topic name is invalid: '..' is not allowed"},
        {topic("t", 0), error_code::invalid_partitions, "Number of partitions was set to an invalid non-positive value."},
        {topic("t", -2), error_code::invalid_partitions, "Number of partitions was set to an invalid non-positive value."},
        {topic("t", 1, 0), error_code::invalid_replication_factor,
         "Replication factor must be larger than 0, or -1 to use the default value."},
        {topic("t", 10'001), error_code::policy_violation, "Excessively large number of partitions per request."},
        {topic("__cluster_metadata"), error_code::invalid_request,
         "Creation of internal topic __cluster_metadata is prohibited."},
    };
    for (const auto& c : cases) {
        auto got = create(node, {c.wanted})[0];
        CHECK(got.error_code == c.code);
        CHECK(got.error_message.value() == c.text);
        CHECK(got.num_partitions == -1);
    }
    CHECK(create(node, {topic("t", 1, 3)})[0].error_code == error_code::invalid_replication_factor);
    auto twice = create(node, {topic("t"), topic("u"), topic("t")});
    REQUIRE(twice.size() == 2);
    CHECK(twice[0].error_message.value() == "Duplicate topic name.");
    CHECK(twice[1].error_code == error_code::none);
    CHECK(node.changes.image->find("t") == nullptr);
}

TEST_CASE("create topics: bad configs are refused by name") {
    one_node node;
    std::vector<creation::config_entry> unknown{{"nope", "1"}}, bad{{"retention.ms", "-3"}}, null{{"retention.ms", {}}};
    auto t = topic("t");
    t.configs = list(unknown);
    CHECK(create(node, {t})[0].error_message.value() == "Unknown topic config name: nope");
    t.configs = list(bad);
    CHECK(create(node, {t})[0].error_message.value() ==
          "Invalid value -3 for configuration retention.ms: Value must be at least -1");
    t.configs = list(null);
    CHECK(create(node, {t})[0].error_code == error_code::invalid_config);
}

TEST_CASE("create topics: an assignment by hand may name this node alone, for partitions from 0 on") {
    one_node node;
    nodes us{{1}}, twice{{1}, {1}}, other{{2}}, nobody;
    auto good = create_assigned(node, {{1, us}, {0, us}});
    CHECK(good.error_code == error_code::none);
    CHECK(good.num_partitions == 2);
    CHECK(remove(node, {doomed("assigned")})[0].error_code == error_code::none);
    for (const auto& bad : {twice, other, nobody})
        CHECK(create_assigned(node, {{0, bad}}).error_code == error_code::invalid_replica_assignment);
    CHECK(create_assigned(node, {{1, us}}).error_message.value() ==
          "partitions should be a consecutive 0-based integer sequence");
    CHECK(create_assigned(node, {{0, us}, {0, us}}).error_message.value() ==
          "Found multiple manual partition assignments for partition 0");
    std::vector<creation::assignment_entry> assignments{{{0}, list(us)}};
    for (auto both : {topic("t", 2, -1), topic("t", -1, 1)}) {
        both.assignments = list(assignments);
        CHECK(create(node, {both})[0].error_code == error_code::invalid_request);
    }
}

TEST_CASE("create topics: names as long as the protocol allows come back with a bounded text") {
    one_node node;
    std::string name(0x7fff, 'n');
    auto got = create(node, {topic(name)})[0];
    CHECK(got.error_code == error_code::invalid_topic_exception);
    CHECK(got.error_message.value().size() <= 1024);
}

TEST_CASE("delete topics: by name in every version, and by id from version 6") {
    one_node node;
    auto id = node.make_topic("by-id");
    for (std::int16_t version = 1; version < 6; ++version) {
        node.make_topic("t");
        std::vector<std::string_view> names{"t", "nope"};
        deletion in;
        in.topic_names = list(names);
        auto out = node.ask(in, version);
        REQUIRE(out.responses.size() == 2);
        for (const auto& r : out.responses)
            CHECK(r.error_code == (r.name.value() == "t" ? error_code::none : error_code::unknown_topic_or_partition));
        CHECK(node.changes.image->find("t") == nullptr);
    }
    auto got = remove(node, {doomed({}, id), doomed({}, {{9}})});
    REQUIRE(got.size() == 2);
    CHECK(got[0].error_code == error_code::unknown_topic_id);
    CHECK(got[0].name.is_null());
    CHECK(got[1].error_code == error_code::none);
    CHECK(got[1].name.value() == "by-id");
    CHECK(node.changes.image->find("by-id") == nullptr);
}

TEST_CASE("delete topics: what is named twice or not clearly is kept") {
    one_node node;
    auto id = node.make_topic("t");
    for (auto& wanted : std::vector<std::vector<deletion::topic_entry>>{
             {doomed("t"), doomed("t")}, {doomed({}, id), doomed({}, id)}, {doomed("t", id)}, {doomed({})}}) {
        auto got = remove(node, wanted);
        REQUIRE(got.size() == 1);
        CHECK(got[0].error_code == error_code::invalid_request);
    }
    CHECK(node.changes.image->find("t") != nullptr);
    // Once by name and once by id: it goes, and is named as supplied twice.
    auto both = remove(node, {doomed("t"), doomed({}, id)});
    CHECK(both[0].error_code == error_code::invalid_request);
    CHECK(both[1].error_code == error_code::none);
}

TEST_CASE("delete topics: switched off, old versions hear INVALID_REQUEST and newer ones why") {
    one_node node;
    node.make_topic("t");
    node.options.delete_topic_enable = false;
    std::vector<std::string_view> names{"t"};
    deletion in;
    in.topic_names = list(names);
    CHECK(node.ask(in, 2).responses[0].error_code == error_code::invalid_request);
    CHECK(node.ask(in, 3).responses[0].error_code == error_code::topic_deletion_disabled);
    CHECK(remove(node, {doomed("t")})[0].error_code == error_code::topic_deletion_disabled);
    CHECK(node.changes.image->find("t") != nullptr);
}

TEST_CASE("create partitions: the count is the total, and only grows") {
    one_node node;
    node.make_topic("t", 2);
    CHECK(grow(node, "t", 4, {}, true).error_code == error_code::none);
    CHECK(node.changes.image->find("t")->partition_count == 2);
    auto grown = grow(node, "t", 4);
    CHECK(grown.error_code == error_code::none);
    CHECK(grown.error_message.is_null());
    CHECK(node.changes.image->find("t")->partition_count == 4);
    CHECK(grow(node, "t", 4).error_message.value() == "Topic already has 4 partition(s).");
    auto shrunk = grow(node, "t", 1);
    CHECK(shrunk.error_code == error_code::invalid_partitions);
    CHECK(shrunk.error_message.value() == "The topic t currently has 4 partition(s); 1 would not be an increase.");
    CHECK(grow(node, "nope", 4).error_code == error_code::unknown_topic_or_partition);
}

TEST_CASE("create partitions: assignments must be as many as partitions are added, and name this node") {
    one_node node;
    node.make_topic("t", 2);
    nodes us{{1}}, other{{2}};
    auto few = grow(node, "t", 4, {{us}});
    CHECK(few.error_code == error_code::invalid_replica_assignment);
    CHECK(few.error_message.value() ==
          "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.");
    CHECK(grow(node, "t", 3, {{other}}).error_code == error_code::invalid_replica_assignment);
    CHECK(grow(node, "t", 3, {{us}}).error_code == error_code::none);
    std::vector<growth::topic_entry> twice(2);
    for (auto& t : twice) {
        t.name = "t";
        t.count = 9;
        t.assignments = kafka::array_view<growth::assignment_entry>::null();
    }
    growth in;
    in.topics = list(twice);
    auto out = node.ask(in, 0);
    REQUIRE(out.results.size() == 1);
    CHECK(out.results[0].error_message.value() == "Duplicate topic name.");
    CHECK(node.changes.image->find("t")->partition_count == 3);
}
