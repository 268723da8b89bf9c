// Classic groups whose members say much of themselves: what is shared, what is refused, and what is not even looked into.
#include "bench.h"

using namespace millrace;
using namespace millrace::coord;
using namespace millrace::coord::test;

namespace {

constexpr std::size_t mebibyte = 1 << 20;

opaque much(std::size_t bytes) { return opaque(bytes, std::byte{'m'}); }
std::vector<offered_protocol> range(const shared_bytes& metadata) { return {{"range", metadata}}; }

// A member that waits for nobody, of a group that has no others.
join_call& alone(bench& b, const std::string& group, const shared_bytes& metadata) {
    auto& c = b.enter(group, range(metadata));
    if (!c.answered) b.pass(seconds{10});
    return c;
}

} // namespace

TEST_CASE("large group: what a member said is told to the leader and to tools as the bytes it came in") {
    bench b;
    const shared_bytes said{much(1000)};
    auto& leader = b.enter("g", range(much(10)));
    auto& other = b.enter("g", range(said));
    b.pass(seconds{10});
    REQUIRE(leader.members.size() == 2);
    auto of_other = [&](const auto& members) { return members[members[0].id == other.member_id ? 0 : 1]; };
    CHECK(bytes_view{of_other(leader.members).metadata}.data() == bytes_view{said}.data());

    b.sync("g", other.member_id, 1);
    b.sync("g", leader.member_id, 1, {{other.member_id, bytes_of("assigned")}});
    auto shown = b.at->describe("g");
    REQUIRE(shown.has_value());
    CHECK(bytes_view{of_other(shown->members).metadata}.data() == bytes_view{said}.data());
    CHECK(bytes_view{of_other(shown->members).assignment}.data() == bytes_view{b.syncs.front().assignment}.data());
    CHECK(text_of(b.syncs.front().assignment) == "assigned");
}

TEST_CASE("large group: what a member offered before goes back with the join that offers anew") {
    bench b;
    auto& first = alone(b, "g", much(1000));
    CHECK(first.protocols.empty());
    auto& again = b.join("g", first.member_id, range(much(2000)));
    CHECK(again.protocols == range(much(1000)));
    CHECK(again.members[0].metadata == shared_bytes{much(2000)});
}

TEST_CASE("large group: a newcomer with more than a group may hold is refused, and the others stay") {
    bench b;
    auto ids = b.stable("g", 2);
    auto& told = b.join("g", "");
    CHECK(b.join("g", told.answer_member_id, range(much(group_bytes_max))).error == errc::group_too_large);
    CHECK(b.join("g", told.answer_member_id).error == errc::unknown_member);
    CHECK(b.state("g") == "Stable");
    CHECK(b.beat("g", ids[1], 1) == std::nullopt);

    auto& none = b.join("fresh", "", range(much(group_bytes_max)));
    CHECK(none.error == errc::group_too_large);
    CHECK(b.state("fresh") == "");
}

TEST_CASE("large group: a member that says more than its group may hold is out, and the others rebalance") {
    bench b;
    auto ids = b.stable("g", 3);
    CHECK(b.join("g", ids[1], range(much(group_bytes_max))).error == errc::group_too_large);
    CHECK(b.beat("g", ids[1], 1) == errc::unknown_member);
    CHECK(b.beat("g", ids[0], 1) == errc::rebalance_in_progress);
    b.join("g", ids[0]);
    CHECK(b.join("g", ids[2]).generation == 2);
}

TEST_CASE("large group: members together have a limit, and room comes back when one leaves, says less, or takes the place of another") {
    bench b;
    constexpr std::size_t each = 5 * mebibyte; // three fit
    auto member = [&](const char* instance, std::size_t bytes) -> join_call& { return b.join("g", "", range(much(bytes)), instance); };
    auto& one = member("one", each);
    auto& two = member("two", each);
    CHECK_FALSE(member("three", each).error.has_value());
    CHECK(member("four", each).error == errc::group_too_large);
    b.pass(seconds{7}); // they are told
    CHECK_FALSE(one.error.has_value());

    CHECK_FALSE(member("one", each).error.has_value()); // a static member that has lost its id: in its own place
    CHECK(member("four", each).error == errc::group_too_large);
    CHECK(b.leave("g", "", "three") == std::nullopt);
    CHECK_FALSE(member("four", each).error.has_value());
    CHECK(member("five", each).error == errc::group_too_large);
    CHECK_FALSE(b.join("g", two.answer_member_id, range(much(10)), "two").error.has_value());
    CHECK_FALSE(member("five", each).error.has_value());
}

TEST_CASE("large group: names of clients and protocols count too, and so does each protocol") {
    bench b;
    auto& named = b.ask_join("g", "", range({}), "i");
    named.client_id.assign(group_bytes_max, 'c');
    CHECK(b.join(named).error == errc::group_too_large);
    std::vector<offered_protocol> many(group_bytes_max / 50);
    for (std::size_t i = 0; i < many.size(); ++i) many[i].name = std::to_string(i);
    CHECK(b.join("g", "", many, "i").error == errc::group_too_large);
    many.resize(1000);
    CHECK_FALSE(b.join("g", "", many, "i").error.has_value());
}

TEST_CASE("large group: after a restart its members still count") {
    bench b;
    auto ids = b.stable("g", 1, range(much(stored_record_bytes_max / 2)));
    b.restart();
    auto& told = b.join("g", "");
    CHECK(b.join("g", told.answer_member_id, range(much(group_bytes_max - stored_record_bytes_max / 2))).error == errc::group_too_large);
    CHECK(b.beat("g", ids[0], 1) == std::nullopt);
}

TEST_CASE("large group: members whose metadata no record can hold are told so when they sync, and nothing is stored") {
    bench b;
    std::vector<join_call*> entered;
    for (int i = 0; i < 3; ++i) entered.push_back(&b.enter("g", range(much(stored_record_bytes_max / 2))));
    b.pass(seconds{10});
    REQUIRE(entered[0]->answered);
    CHECK(entered[0]->members.size() == 3);
    auto leader = entered[0]->leader;
    CHECK(b.sync("g", leader, 1, {{leader, bytes_of("x")}}).error == errc::record_too_large);
    CHECK(b.records.empty());
    CHECK(b.state("g") == "PreparingRebalance");
    for (auto* c : entered) b.join("g", c->answer_member_id, range(bytes_of("small")));
    CHECK(b.sync("g", leader, 2, {{leader, bytes_of("x")}}).error == std::nullopt);
    CHECK(b.records.size() == 1);
}

TEST_CASE("large group: of thousands of protocols the members choose one that all offer, and most prefer") {
    bench b;
    auto offer = [&](int from, const char* preferred) {
        std::vector<offered_protocol> out;
        for (int i = from; i < from + 500; ++i) out.push_back({"own" + std::to_string(i), {}});
        out.push_back({preferred, {}});
        out.push_back({std::string{preferred} == "a" ? "b" : "a", {}});
        return out;
    };
    std::vector<join_call*> entered;
    for (int i = 0; i < 9; ++i) entered.push_back(&b.enter("g", offer(500 * i, i < 5 ? "b" : "a")));
    b.pass(seconds{7});
    for (auto* c : entered) {
        REQUIRE(c->answered);
        CHECK(c->protocol_name == "b");
    }
    // Without those who came first it is the other.
    for (int i = 0; i < 5; ++i) b.leave("g", entered[static_cast<std::size_t>(i)]->answer_member_id);
    join_call* last = nullptr;
    for (std::size_t i = 5; i < 9; ++i) last = &b.join("g", entered[i]->answer_member_id, offer(500 * static_cast<int>(i), "a"));
    CHECK(last->protocol_name == "a");
}

TEST_CASE("large group: one with more metadata than a conversion may have is not converted, and not looked into") {
    bench b;
    std::vector<join_call*> entered{&b.enter("g", {{"range", subscription({"t"})}, {"other", much(conversion_bytes_max)}})};
    auto ids = b.settle("g", entered);
    consumer_heartbeat_request r;
    r.group = "g";
    r.member_id = "new";
    r.rebalance_timeout_ms = 60'000;
    r.topics.emplace({"t"});
    r.owned.emplace();
    auto said = b.at->consumer_heartbeat(r, b.now);
    CHECK(said.error == errc::record_too_large);
    CHECK(b.beat("g", ids[0], 1) == std::nullopt);
}

TEST_CASE("large group: which topics are read is not looked for in more than a record can hold, and offsets stay") {
    bench b;
    const auto ids = b.stable("g", 2, {{"range", subscription({"t"})}});
    delete_offsets_request r;
    r.group = "g";
    r.entries = {{"t", {0}}, {"u", {0}}};
    CHECK(*b.at->delete_offsets(r) == delete_offsets_answer{errc::subscribed_to_topic, std::nullopt});
    const std::vector<std::string> many(5000, std::string(240, 'x'));
    b.join("g", ids[1], {{"range", subscription(many)}});
    CHECK(*b.at->delete_offsets(r) == delete_offsets_answer{errc::subscribed_to_topic, errc::subscribed_to_topic});
}
