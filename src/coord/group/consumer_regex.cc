// Which topics the regular expressions of a group match: looked up when an expression is new and when topics have changed, in
// slices, so that an expensive one among many topics holds nobody up. Members hear of it with their next heartbeat.
#include "coord/group/consumer_coordinator.h"

namespace millrace::coord {

namespace {

// Between two looks at the same group's known expressions.
constexpr runtime::milliseconds refresh_interval_min{10'000};
// Steps of matching in one turn of the shard: a few milliseconds at the worst.
constexpr std::size_t steps_per_turn = 1'000'000;

} // namespace

// Starts what `g` needs; small searches are over when this returns.
void consumer_coordinator::look_for_topics(consumer_group& g, moment now) {
    if (g.regexes.empty()) return;
    const bool rested = now.mono >= g.regexes_looked_at + refresh_interval_min;
    for (const auto& [regex, members] : g.regexes) {
        auto known = g.resolved.find(regex);
        if (known != g.resolved.end() && (known->second.image_seen == topics_number_ || !rested)) continue;
        if (std::any_of(searches_.begin(), searches_.end(), [&](const auto& s) { return s.group == g.id && s.regex == regex; }))
            continue;
        auto compiled = topic_regex::compile(regex);
        if (!compiled) continue; // stored by a broker with other bounds
        searches_.push_back({g.id, regex, std::move(*compiled), topics_, topics_number_, 0, {}});
        g.regexes_looked_at = now.mono;
    }
    search(now);
}

// One slice of the first search; what is over is acted on.
void consumer_coordinator::search(moment now) {
    std::size_t steps = 0;
    while (!searches_.empty()) {
        auto& s = searches_.front();
        const auto topics = s.topics->topics();
        for (; s.next < topics.size(); ++s.next) {
            const auto& t = *topics[s.next];
            if (steps > steps_per_turn) return;
            steps += s.regex_compiled.cost() * t.name.size();
            if (s.regex_compiled.matches(t.name)) s.found.insert(t.name);
        }
        auto over = std::move(s);
        searches_.pop_front();
        found(over, now);
    }
}

void consumer_coordinator::found(const topic_search& s, moment now) {
    auto group = groups_.find(s.group);
    if (group == groups_.end() || !group->second.regexes.contains(s.regex)) return;
    auto& g = group->second;
    auto [at, fresh] = g.resolved.try_emplace(s.regex);
    at->second.image_seen = s.topics_number;
    if (!fresh && at->second.topics == s.found) return;
    const bool differs = at->second.topics != s.found;
    at->second.topics = s.found;
    at->second.at = now.wall;
    // What is too large to store is looked up again after a restart.
    auto made = regex_record(g.id, s.regex, at->second);
    if (made.key.size() + made.value->size() <= stored_record_bytes_max) records_.push_back(std::move(made));
    if (!differs || g.epoch == 0) return; // a group that is being made gets its epoch from whoever makes it
    topics_changed(g);
    bump_epoch(g);
}

// Nobody in the group uses it any more.
void consumer_coordinator::forget_regex(consumer_group& g, const std::optional<std::string>& regex) {
    if (regex && !g.regexes.contains(*regex) && g.resolved.erase(*regex)) records_.push_back(regex_tombstone(g.id, *regex));
}

} // namespace millrace::coord
