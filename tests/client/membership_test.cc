#include "client/membership.h"

#include <doctest/doctest.h>

using namespace millrace;
using client::membership;
using verdict = membership::verdict;
using kafka::error_code;

namespace {

membership::partitions numbers(std::initializer_list<std::int32_t> list) {
    membership::partitions out;
    for (auto n : list) out.push_back(partition_index{n});
    return out;
}

membership::answer given(std::int32_t epoch, std::optional<membership::partitions> assigned = {}) {
    return {error_code::none, epoch, std::move(assigned)};
}

membership::answer said(error_code code) { return {code, 0, {}}; }

// In the group with these partitions, which the coordinator has heard of.
membership settled_with(std::initializer_list<std::int32_t> list, std::int32_t epoch = 3) {
    membership member;
    member.take(given(epoch, numbers(list)));
    member.settled();
    member.take(given(epoch));
    return member;
}

} // namespace

TEST_CASE("membership: a new member introduces itself, owning nothing, until it is in the group") {
    membership member;
    CHECK(member.next() == membership::heartbeat{0, true, numbers({})});
    CHECK(member.take(said(error_code::coordinator_load_in_progress)) == verdict::ask_again);
    CHECK(member.next() == membership::heartbeat{0, true, numbers({})});
    CHECK(member.take(given(1, numbers({}))) == verdict::carry_on);
    CHECK(member.in_group());
    CHECK(member.next() == membership::heartbeat{1, false, std::nullopt});
}

TEST_CASE("membership: what it was given it owns once it has begun, tells that once, and then is silent") {
    membership member;
    member.take(given(1, numbers({2, 0})));
    CHECK(member.to_begin() == numbers({0, 2}));
    CHECK(member.to_give_up() == numbers({}));
    CHECK_FALSE(member.has_news());
    member.settled();
    CHECK(member.has_news());
    CHECK(member.next() == membership::heartbeat{1, false, numbers({0, 2})});
    member.take(given(1));
    CHECK_FALSE(member.has_news());
    CHECK(member.next() == membership::heartbeat{1, false, std::nullopt});
    CHECK(member.owned() == numbers({0, 2}));
}

TEST_CASE("membership: a partition taken away is owned until it is given up, and the others stay") {
    auto member = settled_with({0, 1, 2});
    member.take(given(3, numbers({1})));
    CHECK(member.to_give_up() == numbers({0, 2}));
    CHECK(member.to_begin() == numbers({}));
    CHECK(member.owned() == numbers({0, 1, 2}));
    CHECK_FALSE(member.has_news());
    member.settled();
    CHECK(member.next() == membership::heartbeat{3, false, numbers({1})});
}

TEST_CASE("membership: news that did not reach the coordinator is told again") {
    membership member;
    member.take(given(1, numbers({4})));
    member.settled();
    CHECK(member.take(said(error_code::not_coordinator)) == verdict::ask_again);
    CHECK(member.next().owned == numbers({4}));
    member.take(given(1));
    CHECK_FALSE(member.next().owned);
}

TEST_CASE("membership: partitions that come while others are being given up are begun together with that") {
    auto member = settled_with({0, 1});
    member.take(given(4, numbers({1, 5})));
    CHECK(member.to_give_up() == numbers({0}));
    CHECK(member.to_begin() == numbers({5}));
    member.settled();
    CHECK(member.owned() == numbers({1, 5}));
    CHECK(member.epoch() == 4);
}

TEST_CASE("membership: out of the group it owns nothing and joins again") {
    for (auto code : {error_code::unknown_member_id, error_code::fenced_member_epoch}) {
        auto member = settled_with({0, 1});
        CHECK(member.take(said(code)) == verdict::lost);
        CHECK_FALSE(member.in_group());
        CHECK(member.to_give_up() == numbers({}));
        CHECK(member.to_begin() == numbers({}));
        CHECK(member.next() == membership::heartbeat{0, true, numbers({})});
    }
}

TEST_CASE("membership: a refusal changes nothing") {
    auto member = settled_with({0, 1});
    CHECK(member.take(said(error_code::group_max_size_reached)) == verdict::refused);
    CHECK(member.owned() == numbers({0, 1}));
    CHECK(member.epoch() == 3);
}
