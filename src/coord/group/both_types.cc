// Where classic and consumer groups meet: an id names one group, and an empty one becomes what its next member speaks.
#include "coord/group/coordinator.h"

namespace millrace::coord {

consumer_heartbeat_answer coordinator::consumer_heartbeat(const consumer_heartbeat_request& r, const cluster::image_ptr& topics,
                                                          moment now) {
    if (auto fault = consumers_.check(r); fault.error) return fault;
    auto refused = [](errc why, std::string text) {
        consumer_heartbeat_answer out;
        out.error = why;
        out.error_text = std::move(text);
        return out;
    };
    if (const auto* classic = find(r.group)) {
        if (r.epoch != joining_epoch) return refused(errc::group_id_not_found, "Group " + r.group + " is not a consumer group.");
        if (classic->state != classic_state::empty || !classic->pending.empty())
            return refused(errc::group_id_not_found, "Cannot upgrade classic group " + r.group +
                                                         " to consumer group because online upgrade is disabled.");
        if (classic->stored) records_.push_back(group_tombstone(r.group));
        groups_.erase(groups_.find(r.group));
    } else if (!consumers_.has(r.group) && r.epoch == joining_epoch && groups() >= group_count_max) {
        return refused(errc::groups_full, "There are too many groups.");
    }
    return consumers_.heartbeat(r, topics, now);
}

result<described_consumer_group> coordinator::describe_consumer(const std::string& id, const cluster::image_ptr& topics) const {
    return consumers_.describe(id, topics);
}

delete_offsets_answer coordinator::delete_consumer_offsets(const consumer_group& g, const delete_offsets_request& r) {
    const auto in_use = g.subscribed_topics();
    auto table = offsets_.find(r.group);
    delete_offsets_answer out;
    for (const auto& where : r.entries) {
        if (in_use.contains(where.topic)) {
            out.push_back(errc::subscribed_to_topic);
            continue;
        }
        if (table != offsets_.end() && table->second.erase(where)) records_.push_back(offset_tombstone(r.group, where));
        out.push_back(std::nullopt);
    }
    if (table != offsets_.end() && table->second.empty()) offsets_.erase(table);
    return out;
}

result<void> coordinator::delete_consumer_group(const consumer_group& g) {
    if (!g.members.empty()) return std::unexpected{errc::group_not_empty};
    const auto id = g.id;
    if (auto table = offsets_.find(id); table != offsets_.end()) {
        for (const auto& [where, offset] : table->second) records_.push_back(offset_tombstone(id, where));
        offsets_.erase(table);
    }
    consumers_.erase(id);
    return {};
}

// As those of classic groups, except that topics that members read are always known. An empty group without offsets goes.
void coordinator::expire_consumer_offsets(timestamp_ms now) {
    std::vector<std::string> done;
    for (const auto& [id, g] : consumers_.all()) {
        const auto in_use = g.subscribed_topics();
        auto table = offsets_.find(id);
        if (table != offsets_.end()) {
            std::erase_if(table->second, [&](const auto& entry) {
                const auto& [where, o] = entry;
                const bool old = o.expires != no_timestamp ? now >= o.expires
                                                           : now.value - o.committed.value >= settings_.offsets_retention_ms;
                if (!old || in_use.contains(where.topic)) return false;
                records_.push_back(offset_tombstone(id, where));
                return true;
            });
            if (table->second.empty()) offsets_.erase(table);
        }
        if (g.members.empty() && !offsets_.contains(id)) done.push_back(id);
    }
    for (const auto& id : done) consumers_.erase(id);
}

} // namespace millrace::coord
