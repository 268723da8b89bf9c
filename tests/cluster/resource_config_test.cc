#include "cluster/change.h"
#include "cluster/decide.h"
#include "cluster/group_config.h"
#include "cluster/topic_config_value.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::cluster;

namespace {

std::string refused(const config_map& configs, const config_map& broker = {}) {
    auto fine = check_group_configs(configs, broker);
    return fine ? "" : fine.error().message;
}
config_row row_of(std::vector<config_row> rows, std::string_view name) {
    for (auto& row : rows)
        if (row.name == name) return std::move(row);
    FAIL("no such row");
    return {};
}
// name=value:source, in order.
std::string listed(const config_row& row) {
    std::string out;
    for (const auto& s : row.synonyms)
        out += (out.empty() ? "" : " ") + s.name + "=" + s.value + ":" + std::to_string(static_cast<int>(s.source));
    return out;
}

} // namespace

TEST_CASE("group config: every built-in value passes its own check, and the table is sorted") {
    std::string_view before;
    for (const auto& key : group_config_keys()) {
        CAPTURE(key.name);
        CHECK(before < key.name);
        before = key.name;
        CHECK(refused({{std::string{key.name}, std::string{key.default_value}}}) == "");
        CHECK_FALSE(key.documentation.empty());
    }
}

TEST_CASE("group config: each kind of bad value is refused in Kafka's words") {
    CHECK(refused({{"nope", "1"}}) == "Unknown group config name: nope");
    CHECK(refused({{"consumer.session.timeout.ms", "0"}}) ==
          "Invalid value 0 for configuration consumer.session.timeout.ms: Value must be at least 1");
    CHECK(refused({{"consumer.session.timeout.ms", "9999999999"}}) ==
          "Invalid value 9999999999 for configuration consumer.session.timeout.ms: Not a number of type INT");
    CHECK(refused({{"consumer.session.timeout.ms", "44999"}}) ==
          "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms");
    CHECK(refused({{"consumer.session.timeout.ms", "60001"}}) ==
          "consumer.session.timeout.ms must be less than or equal to group.consumer.max.session.timeout.ms");
    CHECK(refused({{"share.isolation.level", "none"}}) == "Invalid value none for configuration share.isolation.level: String "
                                                          "must be one of: read_committed, read_uncommitted");
    CHECK(refused({{"share.renew.acknowledge.enable", "1"}}) ==
          "Invalid value 1 for configuration share.renew.acknowledge.enable: Expected value to be either true or false");
    CHECK(refused({{"share.auto.offset.reset", "soon"}}) ==
          "Invalid value soon for configuration share.auto.offset.reset: Invalid value `soon` for configuration "
          "share.auto.offset.reset. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.");
}

TEST_CASE("group config: the times that a share group may begin at are ISO durations in days and smaller") {
    for (const char* good : {"earliest", "latest", "by_duration:P1D", "by_duration:PT1H", "by_duration:P1DT2H3M4.5S", "by_duration:PT0.5S"})
        CHECK_MESSAGE(refused({{"share.auto.offset.reset", good}}) == "", good);
    for (const char* bad : {"by_duration:", "by_duration:P", "by_duration:PT", "by_duration:1D", "by_duration:P1H", "by_duration:PT1D",
                            "by_duration:P1M", "by_duration:PT1M1H", "by_duration:PT1.5H", "by_duration:-PT1H", "by_duration:P1DT"})
        CHECK_MESSAGE(refused({{"share.auto.offset.reset", bad}}) != "", bad);
}

TEST_CASE("group config: broker options move the bounds, and a session must outlast a heartbeat") {
    config_map broker{{"group.consumer.min.session.timeout.ms", "6000"}};
    CHECK(refused({{"consumer.session.timeout.ms", "6000"}}, broker) == "");
    CHECK(refused({{"consumer.session.timeout.ms", "5999"}}, broker) != "");
    CHECK(refused({{"consumer.session.timeout.ms", "6000"}, {"consumer.heartbeat.interval.ms", "6000"}}, broker) ==
          "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms");
}

TEST_CASE("group config: the rows say what is set on the group, then on the broker, then built in") {
    config_map own{{"consumer.session.timeout.ms", "46000"}}, given{{"group.consumer.session.timeout.ms", "50000"}};
    auto row = row_of(describe_group_config({nullptr, nullptr, &given}, own), "consumer.session.timeout.ms");
    CHECK(row.value == "46000");
    CHECK(row.source == config_source::dynamic_group);
    CHECK(listed(row) == "consumer.session.timeout.ms=46000:8 group.consumer.session.timeout.ms=50000:4 "
                         "group.consumer.session.timeout.ms=45000:5");
    row = row_of(describe_group_config({nullptr, nullptr, &given}, {}), "consumer.session.timeout.ms");
    CHECK(row.value == "50000");
    CHECK(row.source == config_source::static_broker);
    CHECK(listed(row_of(describe_group_config({}, {}), "share.isolation.level")) == "share.isolation.level=read_uncommitted:5");
}

TEST_CASE("broker layers: this broker's value wins over all brokers', and that over the one given at the start") {
    config_map own{{"message.max.bytes", "3"}}, all{{"message.max.bytes", "2"}, {"log.retention.ms", "7"}},
        given{{"message.max.bytes", "1"}, {"log.retention.hours", "2"}};
    broker_layers layers{&own, &all, &given};
    auto merged = layers.merged();
    CHECK(merged == config_map{{"message.max.bytes", "3"}, {"log.retention.ms", "7"}, {"log.retention.hours", "2"}});
    auto rows = describe_topic_config(layers, {});
    auto size = row_of(rows, "max.message.bytes");
    CHECK(size.source == config_source::dynamic_broker);
    CHECK(listed(size) == "message.max.bytes=3:2 message.max.bytes=2:3 message.max.bytes=1:4 message.max.bytes=1048588:5");
    auto age = row_of(rows, "retention.ms");
    CHECK(age.value == "7");
    CHECK(age.source == config_source::dynamic_default_broker);
    CHECK(listed(age) == "log.retention.ms=7:3 log.retention.hours=2:4 log.retention.hours=168:5");
    // As in Kafka: where nobody set any of them, the built-in value of another name is not listed.
    CHECK(listed(row_of(rows, "segment.ms")) == "");
    CHECK(listed(row_of(rows, "segment.bytes")) == "log.segment.bytes=1073741824:5");
}

TEST_CASE("changed configs: each is Kafka's ConfigRecord, frame and all") {
    configs_altered c;
    c.changes.push_back({{group_resource, "g"}, "k", "v"});
    auto frame = encode_frame(c);
    const std::uint8_t expected[] = {6, 0, 0, 0, 0, 1, 0, 0, 0, 11, 1, 4, 0, 32, 2, 'g', 2, 'k', 2, 'v', 0};
    REQUIRE(frame.size() == frame_header_size + sizeof expected);
    for (std::size_t i = 0; i < sizeof expected; ++i) CHECK(static_cast<int>(frame[frame_header_size + i]) == expected[i]);
}

TEST_CASE("changed configs: what lies between two sets, and back from its bytes") {
    config_resource of{broker_resource, ""};
    auto c = difference(of, {{"a", "1"}, {"b", "2"}, {"c", "3"}}, {{"a", "1"}, {"b", "5"}, {"d", ""}});
    REQUIRE(c.changes.size() == 3);
    CHECK_FALSE(c.changes[0].value.has_value());
    auto again = decode_frame(encode_frame(c));
    REQUIRE(again);
    CHECK(std::get<configs_altered>(again->what) == c);
}

TEST_CASE("decide: what is set on brokers changes the topics that fall back on it, and is refused where one of them cannot have it") {
    image now;
    create_topic_request wanted;
    wanted.name = "plain";
    wanted.id.bytes[0] = 1;
    now.put(std::make_shared<const topic>(*decide_create_topic(now, wanted, {}, {})));
    wanted.name = "own";
    wanted.id.bytes[0] = 2;
    wanted.overrides = {{"max.message.bytes", "100"}, {"max.compaction.lag.ms", "50"}};
    now.put(std::make_shared<const topic>(*decide_create_topic(now, wanted, {}, {})));
    auto next = decide_alter_resource(now, {broker_resource, "1"}, {{"message.max.bytes", "2000"}}, {}, {});
    REQUIRE(next);
    CHECK(next->find("plain")->config->max_message_bytes == 2000);
    CHECK(next->find("own")->config->max_message_bytes == 100);
    CHECK(now.find("plain")->config->max_message_bytes == 1048588);
    CHECK(next->find("own")->config == now.find("own")->config); // whoever compares sees that it is the same
    auto unfit = decide_alter_resource(now, {broker_resource, ""}, {{"log.cleaner.min.compaction.lag.ms", "60"}}, {}, {});
    REQUIRE_FALSE(unfit);
    CHECK(unfit.error().message.starts_with("topic own: "));
    limits one;
    one.configured_resources_max = 1;
    next->set_configs({broker_resource, "1"}, {{"x", "y"}});
    CHECK(decide_alter_resource(*next, {group_resource, "g"}, {{"a", "b"}}, one, {}).error().code == errc::limit_reached);
    CHECK(decide_alter_resource(*next, {broker_resource, "1"}, {}, one, {}));
}
