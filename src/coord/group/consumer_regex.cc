// Which topics the regular expressions of a group match: looked up when an expression is new and when topics have changed. Few
// topics and an expression that is ready are looked at in place; the rest is for whoever takes the searches, and members hear
// of what was found with their next heartbeat.
#include "coord/group/consumer_coordinator.h"

namespace millrace::coord {

namespace {

// Between two looks at the same group's known expressions.
constexpr runtime::milliseconds refresh_interval_min{10'000};
// Steps of matching in a decision: about a millisecond at the worst.
constexpr std::size_t steps_at_once_max = 250'000;

} // namespace

void compile_regex(consumer_heartbeat_request& r) {
    if (!r.regex || r.regex->empty()) return;
    auto made = topic_regex::compile(*r.regex);
    if (made) r.compiled = std::make_shared<const topic_regex>(std::move(*made));
    else r.regex_fault = std::move(made.error());
}

// Begins what `g` needs. `fresh`: the expression that came with the request, if one did.
void consumer_coordinator::look_for_topics(consumer_group& g, const consumer_heartbeat_request& fresh, moment now) {
    if (g.regexes.empty()) return;
    std::vector<topic_search> over;
    const bool rested = now.mono >= g.regexes_looked_at + refresh_interval_min;
    for (const auto& [regex, members] : g.regexes) {
        auto known = g.resolved.find(regex);
        if (known != g.resolved.end() && (known->second.image_seen == topics_number_ || !rested)) continue;
        if (!searching_.emplace(g.id, regex).second) continue;
        g.regexes_looked_at = now.mono;
        topic_search s;
        s.group = g.id;
        s.regex = regex;
        s.topics = topics_;
        s.topics_number = topics_number_;
        if (fresh.compiled && fresh.regex == regex) {
            s.compiled = fresh.compiled;
            s.run(steps_at_once_max);
        }
        if (!s.over) work_.push_back(std::move(s));
        else over.push_back(std::move(s));
    }
    for (const auto& s : over) done(s, now);
}

std::optional<work_aside> consumer_coordinator::take_work() {
    if (work_.empty()) return std::nullopt;
    auto next = std::move(work_.front());
    work_.pop_front();
    return next;
}

void consumer_coordinator::done(const topic_search& s, moment now) {
    searching_.erase({s.group, s.regex});
    auto group = groups_.find(s.group);
    if (group == groups_.end() || !group->second.regexes.contains(s.regex)) return;
    auto& g = group->second;
    auto [at, fresh] = g.resolved.try_emplace(s.regex);
    at->second.image_seen = s.topics_number;
    const bool differs = !s.refused && at->second.topics != s.list;
    if (s.refused) {
        if (!at->second.seen.topics) at->second.seen.topics = std::make_shared<const known_topics>(); // none
    } else if (differs || at->second.seen.image <= s.topics_number) {
        at->second.seen = {s.known, s.topics_number};
    }
    if (!fresh && !differs) return;
    if (!s.refused) {
        at->second.topics = s.list;
        at->second.at = now.wall;
        // What is too large to store is looked up again after a restart.
        auto made = regex_record(g.id, s.regex, at->second);
        if (made.key.size() + made.value->size() <= stored_record_bytes_max) records_.push_back(std::move(made));
    }
    if (g.epoch == 0) return; // a group that is being made gets its epoch from whoever makes it
    // After a restart nothing need have changed, or something else has while nobody could say.
    if (topics_changed(g)) bump_epoch(g);
}

// Nobody in the group uses it any more.
void consumer_coordinator::forget_regex(consumer_group& g, const std::optional<std::string>& regex) {
    if (regex && !g.regexes.contains(*regex) && g.resolved.erase(*regex)) records_.push_back(regex_tombstone(g.id, *regex));
}

} // namespace millrace::coord
