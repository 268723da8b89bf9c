// Which of the topics that the members of a group subscribe to exist: looked up when a list is new and when topics have changed,
// once for all who have the same list. Many are looked up off the loop, and members hear of it with their next heartbeat; until
// then what was known before counts.
#include "coord/group/consumer_coordinator.h"
#include "coord/group/text_hash.h"

#include <optional>

namespace millrace::coord {

namespace {

// Of all that an assignment depends on. 0: no topic exists. Nothing: nobody has looked yet, for names or for what an expression
// matches; a restart leaves no trace of what was too much to store.
std::optional<std::uint64_t> hash_of_topics(const consumer_group& g) {
    text_hash hash;
    bool any = false, known = true;
    auto add = [&](const seen_topics& seen) {
        known &= seen.topics != nullptr;
        if (!seen.topics || seen.topics->hash == 0) return;
        hash.add_number(seen.topics->hash, 8);
        any = true;
    };
    for (const auto& [names, list] : g.subscribed) add(list.seen);
    for (const auto& [regex, members] : g.regexes) {
        auto at = g.resolved.find(regex);
        add(at == g.resolved.end() ? seen_topics{} : at->second.seen);
    }
    if (!known) return std::nullopt;
    return any ? hash.value() : 0;
}

} // namespace

void consumer_coordinator::see(const cluster::image_ptr& topics) {
    if (topics == topics_) return;
    topics_ = topics;
    ++topics_number_;
}

void consumer_coordinator::look_up_topics(consumer_group& g) {
    std::size_t steps = 0;
    auto each = [&](auto look) {
        static const std::string no_regex;
        for (auto& [names, list] : g.subscribed)
            if (list.seen.image != topics_number_) look(no_regex, names, list.seen);
        for (auto& [regex, found] : g.resolved)
            if (found.seen.image != topics_number_) look(regex, found.topics, found.seen);
    };
    each([&](const std::string&, const topic_list& names, seen_topics&) { steps += 1 + steps_to_look_up(names, *topics_); });
    if (steps == 0) return;
    if (steps <= settings_.topics_at_once_max)
        return each([&](const std::string&, const topic_list& names, seen_topics& seen) { seen = {look_up(names, *topics_), topics_number_}; });
    if (std::exchange(g.looking_up, true)) return; // and then again
    topic_look_up job;
    job.group = g.id;
    job.topics = topics_;
    job.topics_number = topics_number_;
    each([&](const std::string& regex, const topic_list& names, seen_topics&) { job.lists.push_back({regex, names, nullptr}); });
    work_.push_back(std::move(job));
}

// What the group knows of its topics is brought up to date; true: it was not.
bool consumer_coordinator::topics_changed(consumer_group& g) {
    if (!topics_) return false;
    look_up_topics(g);
    g.image_seen = topics_number_;
    const auto hash = hash_of_topics(g);
    if (!hash || *hash == g.metadata_hash) return false;
    g.metadata_hash = *hash;
    return true;
}

// What the group has no more, nobody asks for.
void consumer_coordinator::done(const topic_look_up& looked, moment) {
    auto group = groups_.find(looked.group);
    if (group == groups_.end()) return;
    auto& g = group->second;
    g.looking_up = false;
    auto take = [&](seen_topics& seen, const known_topics_ptr& found) {
        if (seen.image < looked.topics_number) seen = {found, looked.topics_number};
    };
    for (const auto& l : looked.lists) {
        if (l.regex.empty()) {
            if (auto at = g.subscribed.find(l.names); at != g.subscribed.end()) take(at->second.seen, l.found);
        } else if (auto at = g.resolved.find(l.regex); at != g.resolved.end() && at->second.topics == l.names) {
            take(at->second.seen, l.found);
        }
    }
    if (topics_changed(g)) bump_epoch(g);
}

} // namespace millrace::coord
