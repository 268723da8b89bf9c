#include "client/membership.h"

#include <algorithm>
#include <iterator>

namespace millrace::client {

namespace {
membership::partitions without(const membership::partitions& all, const membership::partitions& those) {
    membership::partitions out;
    std::set_difference(all.begin(), all.end(), those.begin(), those.end(), std::back_inserter(out));
    return out;
}
} // namespace

membership::heartbeat membership::next() const {
    heartbeat out;
    out.epoch = epoch_;
    out.introduces = !in_group();
    // A member that joins has to say that it owns nothing.
    if (out.introduces || has_news()) out.owned = owned_;
    return out;
}

membership::answer membership::heard(const kafka::consumer_group_heartbeat_response& said, const topic_id& topic) {
    answer out;
    out.code = said.error_code;
    out.epoch = said.member_epoch;
    if (!said.assignment) return out;
    auto& assigned = out.assigned.emplace();
    for (const auto& one : said.assignment->topic_partitions)
        if (one.topic_id == topic) assigned.assign(one.partitions.begin(), one.partitions.end());
    return out;
}

membership::verdict membership::take(answer said) {
    using enum kafka::error_code;
    switch (said.code) {
    case none: break;
    case coordinator_load_in_progress:
    case coordinator_not_available:
    case not_coordinator: return verdict::ask_again;
    case unknown_member_id:
    case fenced_member_epoch:
        epoch_ = 0;
        owned_.clear();
        target_.clear();
        told_.reset();
        return verdict::lost;
    default: return verdict::refused;
    }
    // What `next` told is what is owned now: nothing else changes it.
    told_ = owned_;
    epoch_ = said.epoch;
    if (said.assigned) {
        target_ = std::move(*said.assigned);
        std::sort(target_.begin(), target_.end());
    }
    return verdict::carry_on;
}

membership::partitions membership::to_give_up() const { return without(owned_, target_); }
membership::partitions membership::to_begin() const { return without(target_, owned_); }

void membership::settled() { owned_ = target_; }

} // namespace millrace::client
