// Where classic and consumer groups meet: an id names one group, and an empty one becomes what its next member speaks.
#include "coord/group/consumer_refusals.h"
#include "coord/group/coordinator.h"

namespace millrace::coord {

consumer_heartbeat_answer coordinator::consumer_heartbeat(const consumer_heartbeat_request& r, moment now) {
    if (auto fault = consumers_.check(r); fault.error) return fault;
    if (auto* classic = find(r.group)) {
        if (r.epoch != joining_epoch) return refused(errc::group_id_not_found, "Group " + r.group + " is not a consumer group.");
        if (classic->state != classic_state::empty) {
            if (auto why = upgrade(*classic, r, now); why.error) return why;
        } else {
            if (classic->stored) records_.push_back(group_tombstone(r.group));
            groups_.erase(groups_.find(r.group));
        }
    } else if (!consumers_.has(r.group) && r.epoch == joining_epoch && groups() >= group_count_max) {
        return refused(errc::groups_full, "There are too many groups.");
    }
    return consumers_.heartbeat(r, now);
}

result<described_consumer_group> coordinator::describe_consumer(const std::string& id, const std::optional<std::string>& after,
                                                                std::size_t parts_max) const {
    if (find(id)) return std::unexpected{errc::inconsistent_protocol};
    return consumers_.describe(id, after, parts_max);
}

bool coordinator::speaks_consumer(std::string_view group) const {
    const auto* g = consumers_.find(group);
    return g && !g->members.empty();
}

} // namespace millrace::coord
