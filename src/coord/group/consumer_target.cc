// Group epochs and target assignments: when what members subscribe to or what exists has changed, the group's epoch goes up, and
// the assignor says anew who is to own what.
#include "coord/group/consumer_coordinator.h"

#include <algorithm>
#include <iterator>

namespace millrace::coord {

namespace {

// As in Kafka, where 1 is for members before it.
constexpr std::int32_t first_assignment_epoch = 2;

// FNV-1a over what an assignment depends on.
class topic_hash {
  public:
    void add(std::string_view bytes) {
        for (unsigned char b : bytes) value_ = (value_ ^ b) * 0x100000001b3ull;
    }
    void add(const cluster::topic& t) {
        add(t.name);
        add(std::string_view{reinterpret_cast<const char*>(t.id.bytes.data()), t.id.bytes.size()});
        for (auto left = static_cast<std::uint32_t>(t.partition_count), i = 0u; i < 4; ++i, left >>= 8) {
            const char byte = static_cast<char>(left & 0xff);
            add(std::string_view{&byte, 1});
        }
    }
    std::uint64_t value() const { return value_; }

  private:
    std::uint64_t value_ = 0xcbf29ce484222325ull;
};

} // namespace

void consumer_coordinator::see(const cluster::image_ptr& topics) {
    if (topics == topics_) return;
    topics_ = topics;
    ++topics_number_;
}

std::uint64_t consumer_coordinator::hash_of_topics(const consumer_group& g) const {
    topic_hash hash;
    bool any = false;
    for (const auto& name : g.subscribed_topics())
        if (const auto* t = topics_->find(name)) {
            hash.add(*t);
            any = true;
        }
    return any ? hash.value() : 0;
}

// What the group knows of its topics is brought up to date; true: it was not.
bool consumer_coordinator::topics_changed(consumer_group& g) {
    if (!topics_) return false;
    g.image_seen = topics_number_;
    auto hash = hash_of_topics(g);
    if (hash == g.metadata_hash) return false;
    g.metadata_hash = hash;
    return true;
}

void consumer_coordinator::bump_epoch(consumer_group& g) {
    g.epoch = g.epoch == 0 && !g.subscribed_topics().empty() ? first_assignment_epoch : g.epoch + 1;
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

std::set<topic_id> consumer_coordinator::existing_topics(const consumer_group& g, const consumer_member& m) const {
    std::set<topic_id> out;
    auto add = [&](const std::string& name) {
        if (const auto* t = topics_->find(name)) out.insert(t->id);
    };
    for (const auto& name : m.topics) add(name);
    if (m.regex)
        if (auto at = g.resolved.find(*m.regex); at != g.resolved.end())
            for (const auto& name : at->second.topics) add(name);
    return out;
}

bool consumer_coordinator::assignment_is_due(const consumer_group& g, moment now) const {
    if (g.target_epoch == 0) return true;
    const auto since = now.wall.value - g.target_since.value;
    return since < 0 || since >= settings_.assignment_interval_of(g.id).count(); // the clock was set back
}

// At once where it is soon done; else members hear of it with the heartbeats after it is there.
void consumer_coordinator::assign(consumer_group& g, moment now) {
    if (g.assigning != 0) return;
    auto job = assignment_of(g);
    if (job.steps() <= settings_.assignment_steps_at_once_max) {
        job.run(job.steps());
        return take_targets(g, job, now);
    }
    if (g.target_epoch == 0) { // until then its members own nothing, in the epoch before the first
        g.target_epoch = first_assignment_epoch - 1;
        g.target_since = now.wall;
        records_.push_back(target_epoch_record(g));
    }
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
    const consumer_member* last = nullptr; // members nearly always want the same, and looking for it takes long among many topics
    for (const auto& [id, m] : g.members) {
        auto& member = out.members.emplace_back(id, m.instance_id.value_or(""), std::vector<topic_id>{}, g.target_of(id));
        if (last && last->topics == m.topics && last->regex == m.regex) {
            member.topics = std::prev(out.members.end(), 2)->topics;
            continue;
        }
        last = &m;
        for (const auto& topic : existing_topics(g, m)) {
            member.topics.push_back(topic);
            out.partition_counts.try_emplace(topic, topics_->find(topic)->partition_count);
        }
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
