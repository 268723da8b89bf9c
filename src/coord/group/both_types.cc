// Where classic and consumer groups meet: an id names one group, and an empty one becomes what its next member speaks.
#include "coord/group/consumer_refusals.h"
#include "coord/group/coordinator.h"

namespace millrace::coord {

consumer_heartbeat_answer coordinator::consumer_heartbeat(const consumer_heartbeat_request& r, const cluster::image_ptr& topics,
                                                          moment now) {
    if (auto fault = consumers_.check(r); fault.error) return fault;
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

// As those of classic groups, except that topics that members read are always known. An empty group without offsets goes.
void coordinator::expire_consumer_offsets(timestamp_ms now) {
    std::vector<std::string> done;
    for (const auto& [id, g] : consumers_.all()) {
        const auto in_use = g.subscribed_topics();
        auto table = offsets_.find(id);
        if (table != offsets_.end()) {
            erase_expired(id, table->second, in_use, no_timestamp, now);
            if (table->second.empty()) offsets_.erase(table);
        }
        if (g.members.empty() && !offsets_.contains(id)) done.push_back(id);
    }
    for (const auto& id : done) consumers_.erase(id);
}

} // namespace millrace::coord
