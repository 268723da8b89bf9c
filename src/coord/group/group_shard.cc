#include "coord/group/group_shard.h"

#include "base/utf8.h"

#include <cstdlib>
#include <limits>

namespace millrace::coord {

namespace {

// Java's String.hashCode. A byte that begins no character counts as Java's replacement character.
std::int32_t java_hash(std::string_view text) {
    constexpr std::uint32_t replacement = 0xfffd, supplementary = 0x10000;
    std::uint32_t hash = 0;
    auto add = [&](std::uint32_t unit) { hash = 31 * hash + unit; };
    while (!text.empty()) {
        auto next = first_utf8(text).value_or(utf8_character{replacement, 1});
        text.remove_prefix(next.size_bytes);
        if (next.code_point < supplementary) {
            add(next.code_point);
        } else { // UTF-16: a pair of surrogates
            add(0xd800 + ((next.code_point - supplementary) >> 10));
            add(0xdc00 + ((next.code_point - supplementary) & 0x3ff));
        }
    }
    return static_cast<std::int32_t>(hash);
}

} // namespace

partition_index partition_of_group(std::string_view group, std::int32_t count) {
    constexpr auto lowest = std::numeric_limits<std::int32_t>::min(); // has no absolute value: Kafka takes 0
    auto hash = java_hash(group);
    return {(hash == lowest ? 0 : std::abs(hash)) % count};
}

namespace {

runtime::task<void> end(std::shared_ptr<group_partition> p) {
    p->stop();
    co_await p->close();
}

// Decides `step` again and again until it says that it is through, or cannot be written.
template <class Step> runtime::task<void> in_steps(std::shared_ptr<group_partition> p, Step step) {
    for (bool done = false; !done;) {
        auto said = co_await p->template ask<bool>(step);
        done = !said || *said;
        if (!done) co_await runtime::sleep_for(runtime::milliseconds{1}); // requests have their turn too
    }
}

// Where it cannot be written the state is read anew, and the offsets are there until they expire.
runtime::task<void> forget_at(std::shared_ptr<group_partition> p, std::string topic) {
    std::string from;
    const auto gone_at = runtime::shard::current().wall();
    auto step = [&topic, &from, gone_at](coordinator& c, moment) {
        return result<bool>{c.forget_topic(topic, gone_at, from, group_shard::forgotten_max)};
    };
    auto steps = in_steps(p, step);
    co_await steps;
}

runtime::task<void> expire_at(std::shared_ptr<group_partition> p) {
    auto step = [](coordinator& c, moment now) { return result<bool>{c.expire_offsets(now.wall, group_shard::forgotten_max)}; };
    auto steps = in_steps(p, step);
    co_await steps;
}

} // namespace

// A partition that nobody asked for yet is read for it.
void group_shard::forget_topic(const std::string& topic, std::int32_t partitions) {
    for (std::int32_t p = 0; p < partitions; ++p)
        if (auto here = at({p})) scope_.spawn(forget_at(std::move(here), topic));
}

void group_shard::expire_offsets(std::int32_t partitions) {
    for (std::int32_t p = 0; p < partitions; ++p)
        if (auto here = at({p})) scope_.spawn(expire_at(std::move(here)));
}

std::shared_ptr<group_partition> group_shard::at(partition_index p) {
    if (stopped_) return nullptr;
    auto replica = find_(p);
    auto& here = partitions_[p];
    if (here && here->replica() != replica) scope_.spawn(end(std::exchange(here, nullptr)));
    if (!replica) {
        partitions_.erase(p);
        return nullptr;
    }
    if (!here) here = std::make_shared<group_partition>(settings_, std::move(replica), topics_);
    if (hands_are_old()) {
        const auto* topic = topics_ ? topics_->find(offsets_topic) : nullptr;
        hands_ = {std::vector<group_partition*>(topic ? static_cast<std::size_t>(topic->partition_count) : 0), topics_, replica_changes_};
    }
    if (const auto index = static_cast<std::size_t>(p.value); index < hands_.partitions.size()) hands_.partitions[index] = here.get();
    return here;
}

group_partition* group_shard::at_hand(std::string_view group) {
    if (stopped_ || hands_.partitions.empty() || hands_are_old()) return nullptr;
    auto p = partition_of_group(group, static_cast<std::int32_t>(hands_.partitions.size()));
    return hands_.partitions[static_cast<std::size_t>(p.value)];
}

void group_shard::stop() {
    stopped_ = true;
    for (auto& [p, at] : partitions_) at->stop();
}

runtime::task<void> group_shard::close() {
    stop();
    for (auto& [p, at] : partitions_) co_await at->close();
    partitions_.clear();
    co_await scope_.drain();
}

} // namespace millrace::coord
