// How a handler reaches a group's coordinator: its partition of `__consumer_offsets`, and that partition's shard.
// Owner: the call; runs on the connection's shard and visits the coordinator's.
// Invariant: what a decision captures it owns; answers come back by value, and only when they are durable.
#pragma once

#include "coord/group/group_shard.h"
#include "server/api/call.h"

namespace millrace::server {

// What a group request weighs in the choice of the connection's shard: a member's connection to its coordinator carries
// little and often, and each request for another shard wakes that shard and is woken by it.
inline constexpr std::uint64_t group_request_weight_bytes = 1 << 20;

struct group_place {
    shard_context* owner = nullptr;
    partition_index partition;

    // Where the member's connection has moved to its group, as it does after a few requests.
    bool is_here() const { return owner->id == runtime::shard::current().id(); }
};

// Nothing: the topic does not exist yet, so no group does.
inline std::optional<group_place> find_group(const call& c, std::string_view group) {
    const auto* topic = c.here.image->find(coord::offsets_topic);
    if (!topic) return std::nullopt;
    auto partition = coord::partition_of_group(group, topic->partition_count);
    return group_place{&c.here.context_of({topic->id, partition}), partition};
}

// For a request that goes there.
inline std::optional<group_place> place_of_group(const call& c, std::string_view group) {
    auto place = find_group(c, group);
    if (place && c.home) c.home->worked(place->owner->id, group_request_weight_bytes);
    return place;
}

// `look(coordinator&, moment)` as group_partition::at_once has it, where the group is on this shard.
template <class Look>
auto look_at_group(const call& c, std::string_view group, Look look) -> decltype(look(std::declval<coord::coordinator&>(), coord::moment{})) {
    auto* at = c.here.groups->at_hand(group);
    if (!at) {
        auto place = find_group(c, group);
        if (!place || !place->is_here()) return std::nullopt;
        at = c.here.groups->at(place->partition).get(); // and is at hand from now on
        if (!at) return std::nullopt;
    }
    auto seen = at->at_once(std::move(look));
    if (seen && c.home) c.home->worked(c.here.id, group_request_weight_bytes);
    return seen;
}

template <class Answer, class Decide>
runtime::task<coord::result<Answer>> visit_group_partition(shard_context& owner, partition_index partition, Decide decide) {
    auto at = owner.groups->at(partition);
    if (!at) co_return std::unexpected{coord::errc::not_coordinator};
    co_return co_await at->template ask<Answer>(std::move(decide));
}

template <class T> runtime::task<T> away(group_place place, runtime::task<T> visit) {
    co_return co_await runtime::run_on(place.owner->id, place.owner->visits, std::move(visit));
}

// `decide(coordinator&, moment)` gives a result<Answer>, on the coordinator's shard.
template <class Answer, class Decide>
runtime::task<coord::result<Answer>> ask_partition(group_place place, Decide decide) {
    auto visit = visit_group_partition<Answer>(*place.owner, place.partition, std::move(decide));
    if (place.is_here()) return visit;
    return away(place, std::move(visit));
}

template <class Answer, class Decide>
runtime::task<coord::result<Answer>> ask_group(call& c, std::string_view group, Decide decide) {
    auto place = place_of_group(c, group);
    if (!place) co_return std::unexpected{coord::errc::not_coordinator};
    auto asked = ask_partition<Answer>(*place, std::move(decide));
    co_return co_await asked;
}

template <class Call, class Decide>
runtime::task<void> visit_and_park(shard_context& owner, partition_index partition, Call& parked, Decide decide) {
    auto at = owner.groups->at(partition);
    if (!at) {
        parked.error = coord::errc::not_coordinator;
        co_return;
    }
    co_await at->park(parked, std::move(decide));
}

// `decide(coordinator&, Call&, moment)`; completes when the coordinator has answered `parked`, which the caller keeps.
template <class Call, class Decide> runtime::task<void> park_at_group(call& c, Call& parked, Decide decide) {
    auto place = place_of_group(c, parked.group);
    if (!place) {
        parked.error = coord::errc::not_coordinator;
        co_return;
    }
    auto visit = visit_and_park(*place->owner, place->partition, parked, std::move(decide));
    if (place->is_here()) {
        co_await visit;
        co_return;
    }
    co_await runtime::run_on(place->owner->id, place->owner->visits, std::move(visit));
}

inline std::optional<std::string> owned(const kafka::nullable_string& s) {
    if (s.is_null()) return std::nullopt;
    return std::string{s.value()};
}

inline kafka::nullable_string keep(kafka::message_arena& arena, const std::optional<std::string>& text) {
    return text ? kafka::nullable_string{keep(arena, std::string_view{*text})} : kafka::nullable_string{};
}
inline bytes_view keep(kafka::message_arena& arena, bytes_view bytes) {
    auto room = arena.make_array<std::byte>(bytes.size());
    if (!bytes.empty()) std::memcpy(room.data(), bytes.data(), bytes.size());
    return room;
}

} // namespace millrace::server
