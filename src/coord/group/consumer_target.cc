// Group epochs and target assignments: when what members subscribe to or what exists has changed, the group's epoch goes up, and
// the assignor says anew who is to own what.
#include "coord/group/consumer_coordinator.h"

#include <algorithm>

namespace millrace::coord {

namespace {

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
    // A group's first assignment has epoch 2, as in Kafka, where 1 is for members before it.
    g.epoch = g.epoch == 0 && !g.subscribed_topics().empty() ? 2 : g.epoch + 1;
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

void consumer_coordinator::assign(consumer_group& g, moment now) {
    assignor_input in;
    in.members.reserve(g.members.size());
    for (const auto& [id, m] : g.members) {
        auto& of = in.members.emplace_back();
        of.id = id;
        if (m.instance_id) of.instance_id = *m.instance_id;
        auto topics = existing_topics(g, m);
        of.topics.assign(topics.begin(), topics.end());
        for (const auto& topic : of.topics) in.partition_counts.try_emplace(topic, topics_->find(topic)->partition_count);
        of.current = &g.target_of(id);
    }
    auto targets = find_assignor(assignor_of(g))(in);
    std::size_t i = 0;
    for (const auto& [id, m] : g.members) {
        auto& target = targets[i++];
        auto at = g.targets.find(id);
        if (at != g.targets.end() && at->second == target) continue;
        records_.push_back(target_record(g.id, id, target));
        g.targets.insert_or_assign(id, std::move(target));
    }
    g.target_epoch = g.epoch;
    g.target_since = now.wall;
    records_.push_back(target_epoch_record(g));
}

} // namespace millrace::coord
