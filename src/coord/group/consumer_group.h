// The state of one consumer group (KIP-848): its members and what each subscribes to, owns and is to own.
// Owner: the coordinator of its partition; one shard.
// Invariant: `owners` has exactly the partitions that members own or still have to give up; `subscribed` counts the members
// by their lists of topics, `supporters` the protocols of those that speak the classic protocol; static_members names members that exist.
// A member's parts change only between `forget` and `remember`, except for its list, which `subscribe` counts and `unsubscribe` no more.
#pragma once

#include "coord/group/consumer_requests.h"
#include "coord/group/known_topics.h"

#include <algorithm>
#include <set>
#include <utility>

namespace millrace::coord {

// Owned partitions, each with the epoch of the assignment that gave it (KIP-1251).
using owned_partitions = std::map<topic_id, std::map<std::int32_t, std::int32_t>>;

partition_set without_epochs(const owned_partitions& owned);

// As stored.
enum class member_state : std::int8_t { stable = 0, unrevoked_partitions = 1, unreleased_partitions = 2, unknown = 127 };

// How far a member is: its epoch is that of the target assignment it has reached.
struct member_progress {
    std::int32_t epoch = 0, previous_epoch = 0;
    member_state state = member_state::stable;
    owned_partitions assigned, revoking;

    bool reached(std::int32_t target_epoch) const { return state == member_state::stable && epoch == target_epoch; }
    bool operator==(const member_progress&) const = default;
};

// A time, and a number that tells equal times apart. Number 0: not set.
using consumer_due = std::pair<runtime::mono_time, std::uint64_t>;

// What a member has besides when it speaks the classic protocol: it came with a group that was converted, or joined a
// consumer group with JoinGroup (KIP-848, online migration).
struct classic_part {
    runtime::milliseconds session_timeout{0};
    std::vector<offered_protocol> protocols; // not empty; the first is the one it hears of
    bool operator==(const classic_part&) const = default;
};

struct consumer_member {
    std::string id, client_id, client_host;
    std::optional<std::string> instance_id, rack_id, regex, assignor;
    topic_list topics;
    std::int32_t rebalance_timeout_ms = -1;
    std::optional<classic_part> classic;
    member_progress at;

    runtime::mono_time session_deadline{};
    runtime::mono_time revocation_deadline = runtime::never;
    runtime::mono_time join_deadline = runtime::never, sync_deadline = runtime::never; // with the classic protocol alone
    consumer_due due{}; // when it is looked at next

    runtime::mono_time deadline() const { return std::min({session_deadline, revocation_deadline, join_deadline, sync_deadline}); }
    void expect_nothing() { revocation_deadline = join_deadline = sync_deadline = runtime::never; }

    bool has_left() const { return at.epoch == leaving_static_epoch; }
    bool same_metadata(const consumer_member& other) const;
};

// What is known of a list's topics, and of which image: its number, as in the group.
struct seen_topics {
    known_topics_ptr topics; // null: nobody has looked yet
    std::uint64_t image = 0;
};

struct subscribed_list {
    std::size_t members = 0;
    seen_topics seen;
};

struct resolved_regex {
    topic_list topics;
    std::int64_t version = 0; // Kafka's offset of the metadata; here nothing
    timestamp_ms at{0};
    std::uint64_t image_seen = 0; // that was searched, as in the group
    seen_topics seen;
};

// The topics that one member wants and that exist: by asking for one, whether somebody has looked for all of them or not.
struct wanted_topics {
    const cluster::image& existing;
    const topic_list& named;
    const topic_list* matching = nullptr; // the regular expression; null: none
    bool any = false;                     // what its expression matches is still looked for: until then nothing is taken away for it

    bool contains(const topic_id& id) const {
        const auto* t = existing.find(id);
        return t && (any || named.contains(t->name) || (matching && matching->contains(t->name)));
    }
};
// All of them, as somebody has found them.
struct found_topics {
    known_topics_ptr named, matching; // null: none
};

// Topics that anyone in a group subscribes to. Its lists are looked through one after the other: to make one of thousands takes longer
// than a decision may, so whoever asks for many topics counts the steps.
class subscribed_topics {
  public:
    void add(const topic_list& list) { lists_.push_back(list); }
    bool contains(std::string_view name) const {
        return std::any_of(lists_.begin(), lists_.end(), [&](const auto& list) { return list.contains(name); });
    }
    std::size_t steps_to_find() const { return 1 + lists_.size() / lists_of_a_step; }

  private:
    static constexpr std::size_t lists_of_a_step = 8;
    std::vector<topic_list> lists_;
};

struct consumer_group {
    std::string id;
    std::int32_t epoch = 0;
    std::uint64_t metadata_hash = 0; // of the subscribed topics
    std::int32_t target_epoch = 0;
    timestamp_ms target_since{0};
    std::uint64_t assigning = 0; // the number of the assignment_job that is under way; 0: none
    std::map<std::string, consumer_member, std::less<>> members;
    std::map<std::string, std::string> static_members; // instance id to member id
    std::size_t classic_members = 0;
    std::map<std::string, std::size_t> supporters; // of each protocol that classic members offer
    std::map<std::string, partition_set> targets;      // by member; none: nothing
    std::map<topic_list, subscribed_list> subscribed;  // empty lists are not in it
    std::map<std::string, std::size_t> regexes;        // to members that gave it
    std::map<std::string, resolved_regex> resolved;
    runtime::mono_time regexes_looked_at{};
    std::map<topic_id, std::map<std::int32_t, const consumer_member*>> owners;
    std::uint64_t image_seen = 0; // number of the image that was looked at for metadata_hash; 0: none
    bool looking_up = false;      // a topic_look_up is under way

    consumer_member* find(std::string_view member_id);
    const consumer_member* find(std::string_view member_id) const;
    const partition_set& target_of(const std::string& member_id) const;
    const consumer_member* owner_of(const topic_id& topic, std::int32_t partition) const;
    // By names and regexes of all members together.
    subscribed_topics topics_in_use() const;
    bool subscribes() const; // anyone to anything
    bool knows_topics() const; // somebody has looked, for each list, which exist, and what each expression matches
    wanted_topics wanted_by(const consumer_member& m, const cluster::image& existing) const;
    found_topics found_for(const consumer_member& m) const;
    // One of `offered` is offered by every classic member.
    bool supports(std::string_view type, const std::vector<offered_protocol>& offered) const;
    // A partition that `m` is to own and does not is somebody else's.
    bool waits_for_others(const consumer_member& m) const;
    std::string_view state_name() const; // as Kafka's tools show it

    void forget(const consumer_member& m);
    void remember(consumer_member& m);
    void subscribe(consumer_member& m); // it has its list from now on together with the others that have the same
    void unsubscribe(const topic_list& list);
};

} // namespace millrace::coord
