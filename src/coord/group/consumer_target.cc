// Group epochs and target assignments: when what members subscribe to or what exists has changed (consumer_topics.cc), the group's
// epoch goes up, and the assignor says anew who is to own what.
#include "coord/group/consumer_coordinator.h"

#include <algorithm>
#include <iterator>

namespace millrace::coord {

namespace {

// As in Kafka, where 1 is for members before it.
constexpr std::int32_t first_assignment_epoch = 2;

} // namespace

void consumer_coordinator::bump_epoch(consumer_group& g) {
    g.epoch = g.epoch == 0 && g.subscribes() ? first_assignment_epoch : g.epoch + 1;
    records_.push_back(consumer_group_record(g));
}

std::string consumer_coordinator::assignor_of(const consumer_group& g) const {
    std::map<std::string, std::size_t> votes;
    for (const auto& [id, m] : g.members)
        if (m.assignor) ++votes[*m.assignor];
    auto most = std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    // A member may have been stored when the configuration allowed another.
    const auto& allowed = settings_.consumer_assignors;
    if (most != votes.end() && std::find(allowed.begin(), allowed.end(), most->first) != allowed.end()) return most->first;
    return allowed.front();
}

bool consumer_coordinator::assignment_is_due(const consumer_group& g, moment now) const {
    if (g.target_epoch == 0) return true;
    const auto since = now.wall.value - g.target_since.value;
    return since < 0 || since >= settings_.assignment_interval_of(g.id).count(); // the clock was set back
}

// At once where it is soon done; else members hear of it with the heartbeats after it is there. While nobody has looked which of their
// topics exist there is none.
void consumer_coordinator::assign(consumer_group& g, moment now) {
    if (g.assigning != 0) return;
    assignment_job job;
    const bool known = g.knows_topics();
    if (known) job = assignment_of(g);
    if (known && job.steps <= settings_.assignment_steps_at_once_max) {
        job.run(job.steps);
        return take_targets(g, job, now);
    }
    if (g.target_epoch == 0) { // until then its members own nothing, in the epoch before the first
        g.target_epoch = first_assignment_epoch - 1;
        g.target_since = now.wall;
        records_.push_back(target_epoch_record(g));
    }
    if (!known) return;
    g.assigning = job.number;
    work_.push_back(std::move(job));
}

assignment_job consumer_coordinator::assignment_of(const consumer_group& g) {
    assignment_job out;
    out.group = g.id;
    out.number = ++last_assignment_number_;
    out.epoch = g.epoch;
    out.how = find_assignor(assignor_of(g));
    out.members.reserve(g.members.size());
    std::size_t steps = 0; // of one member, that wants all of it
    found_topics last;
    for (const auto& [id, m] : g.members) {
        auto found = g.found_for(m);
        for (auto part : {&found_topics::named, &found_topics::matching})
            if (const auto& known = found.*part; known && known != last.*part) steps += known->topics.size() + known->partitions;
        last = found;
        out.members.emplace_back(id, m.instance_id.value_or(""), std::move(found), g.target_of(id));
    }
    out.steps = g.members.size() * steps;
    if (out.steps > settings_.assignment_steps_at_once_max) { // lists may have much in common
        const auto all = topics_->topics().size() + static_cast<std::size_t>(topics_->partition_total());
        out.steps = g.members.size() * std::min(steps, all);
    }
    return out;
}

// The group may have gone on meanwhile, as it may between two assignments: what it is then is the next one's to see.
void consumer_coordinator::done(const assignment_job& job, moment now) {
    auto group = groups_.find(job.group);
    if (group == groups_.end() || group->second.assigning != job.number) return;
    group->second.assigning = 0;
    take_targets(group->second, job, now);
}

void consumer_coordinator::take_targets(consumer_group& g, const assignment_job& job, moment now) {
    for (std::size_t i = 0; i < job.members.size(); ++i) {
        const auto& id = job.members[i].id;
        if (!g.members.contains(id)) continue; // it has left
        auto at = g.targets.find(id);
        if (at != g.targets.end() && at->second == job.targets[i]) continue;
        records_.push_back(target_record(g.id, id, job.targets[i]));
        g.targets.insert_or_assign(id, job.targets[i]);
    }
    g.target_epoch = job.epoch;
    g.target_since = now.wall;
    records_.push_back(target_epoch_record(g));
}

} // namespace millrace::coord
