// Requests that name tens of thousands of groups, members or offsets: others have their turn while they are worked on, what they
// were made of is given back off the loop, and an answer has a limit.
#include "kafka/messages/consumer_group_describe.h"
#include "kafka/messages/consumer_group_heartbeat.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/offset_delete.h"
#include "large_requests.h"

#include <deque>

using namespace millrace;
using namespace millrace::broker::test;

TEST_CASE("node: others have their turn while very many groups are described, deleted or left, or their offsets deleted") {
    one_shard n{short_turns()};
    const auto ids = many_ids();
    const std::vector<std::string_view> names{ids.begin(), ids.end()};
    const auto of_one = turns_of<kafka::describe_groups_response>(n, kafka::describe_groups_request{}, 5);
    CHECK(of_one < turns_min / 2);

    kafka::describe_groups_request described;
    described.groups = names;
    CHECK(turns_of<kafka::describe_groups_response>(n, described, 5) > turns_min);
    kafka::consumer_group_describe_request consumers;
    consumers.group_ids = names;
    CHECK(turns_of<kafka::consumer_group_describe_response>(n, consumers, 0) > turns_min);
    kafka::delete_groups_request deleted;
    deleted.groups_names = names;
    CHECK(turns_of<kafka::delete_groups_response>(n, deleted, 2) > turns_min);

    auto [member, generation] = n.enter();
    REQUIRE(n.sync(member, generation) == error_code::none);
    std::vector<kafka::leave_group_request::member_entry> members(many);
    for (std::size_t i = 0; i < many; ++i) members[i].member_id = i == many - 1 ? std::string_view{member} : names[i];
    kafka::leave_group_request leave;
    leave.group_id = "g";
    leave.members = members;
    CHECK(turns_of<kafka::leave_group_response>(n, leave, 4) > turns_min);
    kafka::offset_delete_request offsets;
    std::vector<kafka::offset_delete_request::partition_entry> parts(many);
    kafka::offset_delete_request::topic_entry t;
    t.name = "t";
    t.partitions = parts;
    offsets.group_id = "g";
    offsets.topics = {&t, 1};
    CHECK(turns_of<kafka::offset_delete_response>(n, offsets, 0) > turns_min);
}

TEST_CASE("node: of very many members that leave each has its answer, and who was a member has left") {
    one_shard n{1};
    auto [member, generation] = n.enter();
    REQUIRE(n.sync(member, generation) == error_code::none);
    const auto ids = many_ids();
    std::vector<kafka::leave_group_request::member_entry> members(many);
    for (std::size_t i = 0; i < many; ++i) members[i].member_id = i == many - 1 ? std::string_view{member} : std::string_view{ids[i]};
    kafka::leave_group_request leave;
    leave.group_id = "g";
    leave.members = members;
    auto told = n.c.ask<kafka::leave_group_response>(leave, 4);
    REQUIRE(told->message.members.size() == many);
    bool as_expected = told->message.error_code == error_code::none;
    for (std::size_t i = 0; i < many; ++i)
        as_expected &= told->message.members[i].member_id == members[i].member_id &&
                       told->message.members[i].error_code == (i == many - 1 ? error_code::none : error_code::unknown_member_id);
    CHECK(as_expected);
    leave.group_id = "nobody's";
    told = n.c.ask<kafka::leave_group_response>(leave, 4);
    CHECK(told->message.error_code == error_code::none); // Kafka tells each of them
    REQUIRE(told->message.members.size() == many);
    CHECK(told->message.members[many - 1].error_code == error_code::unknown_member_id);
}

TEST_CASE("node: a small request that describes one large group again and again is refused where the answer is full") {
    constexpr std::size_t metadata_bytes = 600'000, times = 400;
    one_shard n{1};
    auto [member, generation] = n.enter(std::string(metadata_bytes, 'm'));
    REQUIRE(n.sync(member, generation) == error_code::none);
    const std::vector<std::string_view> again(times, "g");
    kafka::describe_groups_request in;
    in.groups = again;
    auto told = n.c.ask<kafka::describe_groups_response>(in, 5);
    REQUIRE(told->message.groups.size() == times);
    CHECK(told->message.groups[0].error_code == error_code::none);
    CHECK(told->message.groups[0].members.size() == 1);
    CHECK(told->message.groups[times - 1].error_code == error_code::invalid_request);
    CHECK(n.context(0).stats.answers_cut.read() > 0);
}

TEST_CASE("node: what a large request took is given back off the loop, also where it does not decode") {
    one_shard n{1};
    commit_of all{many};
    auto heavy = [&] { return n.w.offload().taken(runtime::offload_weight::heavy); };
    auto before = heavy();
    (void)n.c.ask<kafka::offset_commit_response>(all.in, commit_version);
    const auto of_good = heavy() - before; // decoded, made into an answer, encoded, given back

    wire bad{n};
    auto frame = bad.frame_of(all.in, commit_version);
    const auto size = static_cast<std::uint32_t>(frame.size() - kafka::frame_prefix_bytes - 3); // its last bytes are missing
    store_be(frame.data(), size);
    frame.resize(size + kafka::frame_prefix_bytes);
    before = heavy();
    bad.send_bytes(std::move(frame));
    CHECK(bad.wait_end());
    CHECK(heavy() - before == of_good - 2); // no answer is made, none is encoded
    CHECK(n.w.run_until([&] { return n.request_bytes() == 0; }));
}

TEST_CASE("node: very many groups that little is asked about do not each go through the pool") {
    one_shard n{1};
    const auto ids = many_ids();
    std::vector<kafka::offset_fetch_request::group_entry> groups(many);
    for (std::size_t i = 0; i < many; ++i) groups[i].group_id = ids[i];
    kafka::offset_fetch_request in;
    in.groups = groups;
    const auto before = n.w.offload().taken(runtime::offload_weight::heavy);
    auto told = n.c.ask<kafka::offset_fetch_response>(in, fetch_of_groups_version);
    CHECK(told->message.groups.size() == many);
    CHECK(n.w.offload().taken(runtime::offload_weight::heavy) - before < 10);
}

TEST_CASE("node: a heartbeat that claims tens of thousands of topics is read and given back off the loop, an ordinary one is not") {
    one_shard n{1};
    std::vector<kafka::consumer_group_heartbeat_request::topic_entry> owned(many);
    partition_index first{0};
    for (std::size_t i = 0; i < many; ++i) {
        owned[i].topic_id.bytes[0] = static_cast<unsigned char>(i & 0xff);
        owned[i].topic_id.bytes[1] = static_cast<unsigned char>(i >> 8);
        owned[i].partitions = {&first, 1};
    }
    std::string_view topic = "t";
    kafka::consumer_group_heartbeat_request in;
    in.group_id = "848";
    in.member_id = "m";
    in.rebalance_timeout_ms = 30'000;
    in.subscribed_topic_names = {&topic, 1};
    in.topic_partitions = {owned.data(), 0};
    auto heavy = [&] { return n.w.offload().taken(runtime::offload_weight::heavy); };
    auto before = heavy();
    auto joined = n.c.ask<kafka::consumer_group_heartbeat_response>(in, 1);
    CHECK(joined->message.error_code == error_code::none);
    CHECK(heavy() == before);
    in.member_epoch = joined->message.member_epoch;
    in.topic_partitions = owned;
    CHECK(n.c.ask<kafka::consumer_group_heartbeat_response>(in, 1)->message.error_code == error_code::none);
    CHECK(heavy() - before >= 4); // decoded, read, given back twice
}

TEST_CASE("node: a member that offers more protocols than there can be is told that nobody shares one, before they are looked at") {
    one_shard n{1};
    const auto ids = many_ids();
    std::vector<kafka::join_group_request::protocol_entry> protocols(coord::offered_protocols_max + 1);
    for (std::size_t i = 0; i < protocols.size(); ++i) protocols[i].name = ids[i];
    kafka::join_group_request in;
    in.group_id = "g";
    in.protocol_type = "consumer";
    in.session_timeout_ms = in.rebalance_timeout_ms = 10'000;
    in.protocols = protocols;
    CHECK(n.c.ask<kafka::join_group_response>(in, join_version)->message.error_code == error_code::inconsistent_group_protocol);
    std::deque<std::string> long_names;
    for (std::size_t i = 0; i < 3; ++i) protocols[i].name = long_names.emplace_back(coord::offered_names_bytes_max / 3 + 1 + i, 'p');
    in.protocols = std::span{protocols}.first(3);
    CHECK(n.c.ask<kafka::join_group_response>(in, join_version)->message.error_code == error_code::inconsistent_group_protocol);
    for (std::size_t i = 0; i < 3; ++i) protocols[i].name = ids[i];
    in.protocols = std::span{protocols}.first(coord::offered_protocols_max);
    CHECK(n.c.ask<kafka::join_group_response>(in, join_version)->message.error_code == error_code::none);
}

TEST_CASE("node: what a member says at length is kept, told and let go of off the loop, and more than a group may hold is refused and counted") {
    one_shard n{1};
    const auto before = n.w.offload().taken(runtime::offload_weight::heavy);
    (void)n.enter(std::string(400'000, 'm'));
    CHECK(n.w.offload().taken(runtime::offload_weight::heavy) - before == 5); // decoded, kept, told, encoded, given back

    kafka::join_group_request::protocol_entry p;
    const std::string much(coord::group_bytes_max, 'm');
    p.name = "range";
    p.metadata = as_bytes(much);
    kafka::join_group_request in;
    in.group_id = "other";
    in.protocol_type = "consumer";
    in.session_timeout_ms = in.rebalance_timeout_ms = 10'000;
    in.protocols = {&p, 1};
    CHECK(n.c.ask<kafka::join_group_response>(in, join_version)->message.error_code == error_code::group_max_size_reached);
    CHECK(n.context(0).stats.joins_too_large.read() == 1);
}

TEST_CASE("node: others have their turn while very many groups are listed") {
    constexpr std::size_t groups = 3000; // three visits
    one_shard n{short_turns()};
    const auto ids = many_ids();
    const auto of_none = turns_of<kafka::list_groups_response>(n, kafka::list_groups_request{}, 4);
    for (std::size_t i = 0; i < groups; ++i) {
        commit_of one{1, ids[i]};
        one.topic.partitions = one.parts;
        (void)n.c.ask<kafka::offset_commit_response>(one.in, commit_version);
    }
    const auto before = n.w.offload().taken(runtime::offload_weight::heavy);
    CHECK(turns_of<kafka::list_groups_response>(n, kafka::list_groups_request{}, 4) >= of_none + 3);
    CHECK(n.w.offload().taken(runtime::offload_weight::heavy) - before >= 2); // the answer is put together and encoded there
    auto told = n.c.ask<kafka::list_groups_response>(kafka::list_groups_request{}, 4);
    CHECK(told->message.groups.size() == groups);
    const std::vector<std::string_view> states{"nothing", "eMPTY"}, none{"nothing"};
    kafka::list_groups_request some;
    some.states_filter = states;
    CHECK(n.c.ask<kafka::list_groups_response>(some, 4)->message.groups.size() == groups);
    some.states_filter = none;
    CHECK(n.c.ask<kafka::list_groups_response>(some, 4)->message.groups.size() == 0);
}

TEST_CASE("node: what follows from a large coordinator partition after a start is worked out off the loop, from a small one at once") {
    one_shard n{1};
    auto heavy = [&] { return n.w.offload().taken(runtime::offload_weight::heavy); };
    auto read_again = [&] {
        n.restart();
        wire c{n};
        const auto before = heavy();
        std::int64_t last = -1;
        for (auto offset : n.committed(c, {{0}})) last = offset;
        return std::pair{heavy() - before, last};
    };
    commit_of few{10};
    (void)n.c.ask<kafka::offset_commit_response>(few.in, commit_version);
    CHECK(read_again() == std::pair{std::uint64_t{0}, std::int64_t{5}});
    wire c{n};
    commit_of all{many};
    (void)c.ask<kafka::offset_commit_response>(all.in, commit_version);
    const auto [jobs, last] = read_again();
    CHECK(jobs == 1);
    CHECK(last == many - partitions - 1);
}
