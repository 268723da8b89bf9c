// ConsumerGroupHeartbeat (KIP-848): one call with which a member joins, says what it subscribes to and owns, hears what it is to
// own next, and leaves.
#include "coord/group/consumer_coordinator.h"
#include "coord/group/consumer_refusals.h"
#include "coord/group/reconcile.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <string_view>

namespace millrace::coord {

namespace {

// As Java trims: of spaces and control characters alone.
bool is_blank(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= ' '; });
}

bool owns_no_more_than(const std::optional<partition_set>& said, const owned_partitions& assigned) {
    if (!said) return false;
    for (const auto& [topic, partitions] : *said) {
        auto at = assigned.find(topic);
        if (at == assigned.end()) return false;
        for (auto p : partitions)
            if (!at->second.contains(p)) return false;
    }
    return true;
}

// Members' hosts are kept as Java prints an address.
bool printed_as(std::string_view address, std::string_view printed) { return printed.starts_with('/') && printed.substr(1) == address; }

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& w : words) out += (out.empty() ? "" : ", ") + w;
    return out;
}

} // namespace

consumer_heartbeat_answer consumer_coordinator::check(const consumer_heartbeat_request& r) const {
    auto bad = [](std::string text) { return refused(errc::invalid_request, std::move(text)); };
    if ((r.id_required || r.epoch != joining_epoch) && is_blank(r.member_id)) return bad("MemberId can't be empty.");
    if (is_blank(r.group)) return bad("GroupId can't be empty.");
    if (r.instance_id && is_blank(*r.instance_id)) return bad("InstanceId can't be empty.");
    if (r.rack_id && is_blank(*r.rack_id)) return bad("RackId can't be empty.");
    if (r.epoch == joining_epoch) {
        if (r.rebalance_timeout_ms == -1) return bad("RebalanceTimeoutMs must be provided in first request.");
        if (!r.owned || !r.owned->empty()) return bad("TopicPartitions must be empty when (re-)joining.");
        if (!r.topics && !r.regex)
            return bad("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
    } else if (r.epoch == leaving_static_epoch) {
        if (!r.instance_id) return bad("InstanceId can't be null.");
    } else if (r.epoch < leaving_static_epoch) {
        return bad("MemberEpoch is invalid.");
    }
    const auto& allowed = settings_.consumer_assignors;
    if (r.assignor && std::find(allowed.begin(), allowed.end(), *r.assignor) == allowed.end())
        return refused(errc::unsupported_assignor,
                       "ServerAssignor " + *r.assignor + " is not supported. Supported assignors: " + joined(allowed) + ".");
    std::size_t stored_bytes = 0;
    if (r.topics) stored_bytes = r.topics->bytes() + r.topics->size() * sizeof(std::int32_t);
    if (stored_bytes > stored_record_bytes_max / 2) return refused(errc::record_too_large, "The subscription is too large.");
    // One that the group uses already was found good when it came.
    const auto* g = find(r.group);
    if (r.regex && !r.regex->empty() && !r.compiled && !(g && g->regexes.contains(*r.regex)))
        return refused(errc::invalid_regex, "SubscribedTopicRegex `" + *r.regex + "` is not a valid regular expression: " +
                                                r.regex_fault + ".");
    return {};
}

consumer_heartbeat_answer consumer_coordinator::heartbeat(const consumer_heartbeat_request& r, moment now) {
    auto group = groups_.find(r.group);
    if (group == groups_.end()) {
        if (r.epoch != joining_epoch)
            return refused(errc::group_id_not_found, (r.epoch > joining_epoch ? "Consumer group " : "Group ") + r.group + " not found.");
        group = groups_.try_emplace(r.group).first;
        group->second.id = r.group;
    }
    if (r.epoch < joining_epoch) return leave(group->second, r, now);
    return join_or_stay(group->second, r, now);
}

// No member: there is none.
consumer_coordinator::sign_place consumer_coordinator::find_sign(const consumer_sign& r) {
    const auto wanted = std::clamp(std::bit_ceil(2 * due_.size()), sign_places_min, sign_places_max);
    if (sign_places_.size() < wanted) sign_places_.assign(wanted, {});
    auto& place = sign_places_[std::hash<std::string_view>{}(r.member_id) & (sign_places_.size() - 1)];
    if (place.number == places_number_ && place.member->id == r.member_id && place.group->id == r.group) return place;
    auto group = groups_.find(r.group);
    auto* member = group == groups_.end() ? nullptr : group->second.find(r.member_id);
    if (!member) return {};
    return place = {places_number_, &group->second, member};
}

std::optional<consumer_sign_answer> consumer_coordinator::sign_of_life(const consumer_sign& r, moment now) {
    auto place = find_sign(r);
    if (!place.member) return std::nullopt;
    auto& g = *place.group;
    auto* m = place.member;
    const bool group_rests = g.epoch == g.target_epoch && g.image_seen == topics_number_ && g.regexes.empty();
    if (!group_rests || m->classic || m->instance_id) return std::nullopt;
    if (r.epoch <= joining_epoch || r.epoch != m->at.epoch || !m->at.reached(g.target_epoch)) return std::nullopt;
    if (r.client_id != m->client_id || !printed_as(r.client_host, m->client_host)) return std::nullopt;
    m->session_deadline = now.mono + settings_.session_timeout_of(g.id);
    watch(g, *m);
    return consumer_sign_answer{settings_.heartbeat_interval_of(g.id)};
}

consumer_heartbeat_answer consumer_coordinator::refuse_epoch(const consumer_heartbeat_request& r, const consumer_member& m) const {
    if (r.epoch == joining_epoch || r.epoch == m.at.epoch) return {};
    const bool ahead = r.epoch > m.at.epoch;
    // One that did not hear of its last step may go on, if it claims nothing that it may have lost since.
    if (!ahead && r.epoch == m.at.previous_epoch && owns_no_more_than(r.owned, m.at.assigned)) return {};
    return refused(errc::fenced_member_epoch, std::string{"The consumer group member has a "} + (ahead ? "greater" : "smaller") +
                                                  " member epoch (" + std::to_string(r.epoch) +
                                                  ") than the one known by the group coordinator (" + std::to_string(m.at.epoch) +
                                                  "). The member must abandon all its partitions and rejoin.");
}

consumer_heartbeat_answer consumer_coordinator::join_or_stay(consumer_group& g, const consumer_heartbeat_request& r, moment now) {
    const bool joining = r.epoch == joining_epoch;
    if (g.members.size() >= settings_.consumer_group_size_max && !g.members.contains(r.member_id))
        return consumer_group_full(settings_.consumer_group_size_max);
    auto id = r.member_id.empty() ? random_.next_uuid().to_string() : r.member_id;
    if (r.instance_id) {
        auto at = g.static_members.find(*r.instance_id);
        const auto* holder = at == g.static_members.end() ? nullptr : g.find(at->second);
        if (!joining && !holder) return unknown_instance(*r.instance_id);
        if (holder && holder->id != id) {
            if (!joining) return fenced_by(holder->id, id, *r.instance_id);
            if (!holder->has_left() && !holder->classic)
                return refused(errc::unreleased_instance, "Static member " + id + " with instance id " + *r.instance_id +
                                                              " cannot join the group because the instance id is owned by " +
                                                              holder->id + " member.");
            replace_static(g, std::string{holder->id}, id);
        }
    }
    auto* m = g.find(id);
    if (!m && !joining) return unknown_member(id, g.id);
    if (m)
        if (auto why = refuse_epoch(r, *m); why.error) return why;
    const bool is_new = m == nullptr;
    if (is_new) m = &find_or_make(g, id);
    const bool subscribes_anew = update(g, *m, r, is_new);
    look_for_topics(g, r, now);
    assign_if_due(g, subscribes_anew, now);
    return advance(g, *m, r, now);
}

consumer_member& consumer_coordinator::find_or_make(consumer_group& g, const std::string& id) {
    auto& m = g.members[id];
    m.id = id;
    return m;
}

void consumer_coordinator::assign_if_due(consumer_group& g, bool bump, moment now) {
    bump |= g.epoch == 0;
    if (bump || g.image_seen != topics_number_) bump |= topics_changed(g);
    if (bump) bump_epoch(g);
    if (g.epoch > g.target_epoch && assignment_is_due(g, now)) assign(g, now);
}

// Whoever comes with the instance id of a member that has left takes over what that one had (KIP-848, static membership).
void consumer_coordinator::replace_static(consumer_group& g, const std::string& old_id, const std::string& new_id) {
    forget_places();
    auto node = g.members.extract(old_id);
    g.forget(node.mapped());
    node.key() = new_id;
    auto& m = g.members.insert(std::move(node)).position->second;
    m.id = new_id;
    m.at.epoch = m.at.previous_epoch = joining_epoch;
    m.expect_nothing();
    g.remember(m);
    records_.push_back(progress_tombstone(g.id, old_id));
    records_.push_back(target_tombstone(g.id, old_id));
    records_.push_back(consumer_member_tombstone(g.id, old_id));
    records_.push_back(consumer_member_record(g, m));
    auto target = g.targets.extract(old_id);
    if (!target.empty()) {
        target.key() = new_id;
        records_.push_back(target_record(g.id, new_id, target.mapped()));
        g.targets.insert(std::move(target));
    }
    g.assigning = 0; // what is being computed knows it by its old name
    records_.push_back(progress_record(g.id, new_id, m.at));
}

// True: it wants other topics than before.
bool consumer_coordinator::update(consumer_group& g, consumer_member& m, const consumer_heartbeat_request& r, bool is_new) {
    auto as_before = [](const auto& said, const auto& known) { return !said || said == known; };
    const bool same = as_before(r.instance_id, m.instance_id) && as_before(r.rack_id, m.rack_id) &&
                      as_before(r.assignor, m.assignor) && as_before(r.regex, m.regex) && as_before(r.topics, m.topics) &&
                      (r.rebalance_timeout_ms == -1 || r.rebalance_timeout_ms == m.rebalance_timeout_ms) &&
                      r.client_id == m.client_id && r.client_host == m.client_host;
    if (same && !is_new && !m.classic) return false; // as nearly always
    auto next = m;
    if (r.instance_id) next.instance_id = r.instance_id;
    if (r.rack_id) next.rack_id = r.rack_id;
    if (r.rebalance_timeout_ms != -1) next.rebalance_timeout_ms = r.rebalance_timeout_ms;
    if (r.assignor) next.assignor = r.assignor;
    if (r.topics) next.topics = *r.topics;
    if (r.regex) next.regex = r.regex;
    next.client_id = r.client_id;
    next.client_host = r.client_host;
    if (next.classic) {
        next.classic.reset();
        next.expect_nothing();
    }
    return change(g, m, std::move(next), is_new);
}

bool consumer_coordinator::change(consumer_group& g, consumer_member& m, consumer_member&& next, bool is_new) {
    if (!is_new && next.same_metadata(m)) return false;
    const auto old_regex = m.regex;
    const auto old_topics = m.topics;
    const bool anew = next.topics != m.topics || next.regex.value_or("") != m.regex.value_or("");
    g.forget(m);
    m = std::move(next);
    g.remember(m);
    g.subscribe(m); // first, because of the same list all that is known stays
    g.unsubscribe(old_topics);
    records_.push_back(consumer_member_record(g, m));
    if (old_regex != m.regex) forget_regex(g, old_regex);
    return anew;
}

// Brings `m` nearer to its target; true: what it owns has changed.
result<bool> consumer_coordinator::step(consumer_group& g, consumer_member& m, bool subscribed_anew,
                                        const std::optional<partition_set>& owned, moment now) {
    if (m.at.reached(g.target_epoch) && !subscribed_anew) return false;
    const auto wanted = g.wanted_by(m, *topics_);
    auto next = reconcile(g, m, {g.target_epoch, g.target_of(m.id), wanted, owned});
    if (!next) return std::unexpected{next.error()};
    if (*next == m.at) return false;
    const bool changed = without_epochs(next->assigned) != without_epochs(m.at.assigned);
    g.forget(m);
    m.at = std::move(*next);
    g.remember(m);
    records_.push_back(progress_record(g.id, m.id, m.at));
    revoke_in_time(m, now);
    return changed;
}

consumer_heartbeat_answer consumer_coordinator::advance(consumer_group& g, consumer_member& m, const consumer_heartbeat_request& r,
                                                        moment now) {
    answer out;
    auto changed = step(g, m, r.topics || r.regex, r.owned, now);
    if (!changed)
        return refused(changed.error(), "The consumer group member is in a unknown state. The member must abandon all its "
                                        "partitions and rejoin.");
    m.session_deadline = now.mono + settings_.session_timeout_of(g.id);
    watch(g, m);
    out.member_id = m.id;
    out.epoch = m.at.epoch;
    out.interval = settings_.heartbeat_interval_of(g.id);
    if (r.is_full() || *changed) out.assignment = without_epochs(m.at.assigned);
    return out;
}

} // namespace millrace::coord
