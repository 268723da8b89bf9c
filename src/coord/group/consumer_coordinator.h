// One partition's consumer groups (KIP-848): decides what becomes of each heartbeat and keeps the state that its records describe.
// Owner: the `coordinator` of the partition, which has the classic groups; one shard.
// Invariant: as the coordinator's: a decision changes the state at once and hands out its records in the order in which a replay
// leads to the same state. What is refused changes nothing.
#pragma once

#include "cluster/image.h"
#include "coord/group/assignment_job.h"
#include "coord/group/consumer_group.h"
#include "coord/group/consumer_protocol.h"
#include "coord/group/consumer_records.h"
#include "coord/group/settings.h"
#include "coord/group/topic_search.h"
#include "runtime/random.h"

#include <deque>
#include <functional>
#include <variant>
#include <vector>

namespace millrace::coord {

// What no decision waits for. Each has `run(steps_max)` and `over`.
using work_aside = std::variant<topic_search, topic_look_up, assignment_job>;

class consumer_coordinator {
  public:
    // Instead of removing `leaving`: the group becomes a classic one of the others, if it can. True: it is gone from here.
    // `rebalance`: its members are to join again.
    using downgrade = std::function<bool(consumer_group& g, const std::set<std::string>& leaving, bool rebalance, moment now)>;

    consumer_coordinator(const group_settings& settings, runtime::random& random, std::vector<record>& records, downgrade to_classic)
        : settings_{settings}, random_{random}, records_{records}, downgrade_{std::move(to_classic)} {}

    // Topics as they are now. Before each decision.
    void see(const cluster::image_ptr& topics);
    const cluster::image_ptr& topics() const { return topics_; }

    // Faults that any group would find in the request; an answer without error: none.
    consumer_heartbeat_answer check(const consumer_heartbeat_request& r) const;
    // REQUIRES: `check` found nothing.
    consumer_heartbeat_answer heartbeat(const consumer_heartbeat_request& r, moment now);

    // What a heartbeat is nearly always: a sign of life of a member that has all it is to have and says nothing new. Nothing:
    // it is not; ask `heartbeat`. Decides nothing that is stored, and makes no copy of what it is given.
    std::optional<consumer_sign_answer> sign_of_life(const consumer_sign& r, moment now);

    // consumer_classic.cc: members that speak the classic protocol. REQUIRES: the group is here. A call is answered when these return.
    void join(join_call& c, moment now);
    void sync(sync_call& c, moment now);
    result<void> heartbeat(const heartbeat_request& r, moment now);
    leave_answer leave(const leave_request& r, moment now);

    bool has(std::string_view group) const { return groups_.find(group) != groups_.end(); }
    const consumer_group* find(std::string_view group) const;
    std::size_t size() const { return groups_.size(); }
    const consumer_groups& all() const { return groups_; }

    // Members behind `after`, or from the first on, until they have about `parts_max` parts.
    result<described_consumer_group> describe(const std::string& id, const std::optional<std::string>& after, std::size_t parts_max) const;
    std::optional<errc> check_commit(const consumer_group& g, const commit_request& r) const;
    // One partition of a commit that `check_commit` let pass.
    bool may_commit(const consumer_group& g, const commit_request& r, const commit_request::entry& e) const;
    std::optional<errc> check_fetch(const consumer_group& g, const fetch_offsets_request& r) const;
    // The group and its members are gone, here and in what is stored.
    void erase(const std::string& id);
    // A group that was a classic one. Its records are the caller's.
    void adopt(consumer_group&& group, moment now);
    // Topics that are gone are left out.
    partition_set with_ids(const named_partitions& named) const;
    named_partitions with_names(const partition_set& set) const;

    runtime::mono_time next_due() const { return due_.empty() ? runtime::never : due_.begin()->first.first; }
    // Looks at `members_max` members at most.
    void on_time(moment now, std::size_t members_max);

    // What is to be done off the loop, slice by slice and by turns, and then told by `done`. consumer_regex.cc, consumer_topics.cc,
    // consumer_target.cc
    bool has_work() const { return !work_.empty(); }
    std::optional<work_aside> take_work();
    void put_back(work_aside&& w) { work_.push_back(std::move(w)); }
    void done(const topic_search& s, moment now);
    void done(const topic_look_up& looked, moment now);
    void done(const assignment_job& job, moment now);

    void replay(bytes_view key, std::optional<bytes_view> value) { replay_consumer_record(groups_, key, value); }
    void loaded(moment now);

  private:
    using answer = consumer_heartbeat_answer;

    // consumer_heartbeat.cc
    answer join_or_stay(consumer_group& g, const consumer_heartbeat_request& r, moment now);
    answer refuse_epoch(const consumer_heartbeat_request& r, const consumer_member& m) const;
    void replace_static(consumer_group& g, const std::string& old_id, const std::string& new_id);
    consumer_member& find_or_make(consumer_group& g, const std::string& id);
    bool update(consumer_group& g, consumer_member& m, const consumer_heartbeat_request& r, bool is_new);
    bool change(consumer_group& g, consumer_member& m, consumer_member&& next, bool is_new);
    void assign_if_due(consumer_group& g, bool bump, moment now);
    result<bool> step(consumer_group& g, consumer_member& m, bool subscribed_anew, const std::optional<partition_set>& owned, moment now);
    answer advance(consumer_group& g, consumer_member& m, const consumer_heartbeat_request& r, moment now);
    // consumer_leave.cc
    answer leave(consumer_group& g, const consumer_heartbeat_request& r, moment now);
    void fence(consumer_group& g, const std::set<std::string>& members, moment now); // `g` may be gone after it
    void remove(consumer_group& g, const std::string& member_id);
    void watch(consumer_group& g, consumer_member& m);
    void watch_all(consumer_group& g, moment now);
    void unwatch(consumer_member& m);
    void revoke_in_time(consumer_member& m, moment now);
    // consumer_classic.cc
    std::optional<errc> join_group(consumer_group& g, join_call& c, moment now);
    std::optional<errc> sync_group(consumer_group& g, sync_call& c, moment now);
    result<consumer_member*> classic_member_of(consumer_group& g, const std::string& member_id,
                                               const std::optional<std::string>& instance_id, std::int32_t generation);
    void expect_join(consumer_group& g, consumer_member& m, moment now);
    bool may_downgrade_replacing(const consumer_group& g, const consumer_member* replaced) const;
    // consumer_regex.cc
    void look_for_topics(consumer_group& g, const consumer_heartbeat_request& fresh, moment now);
    void forget_regex(consumer_group& g, const std::optional<std::string>& regex);
    // consumer_topics.cc
    void look_up_topics(consumer_group& g);
    bool topics_changed(consumer_group& g);
    // consumer_target.cc
    void bump_epoch(consumer_group& g);
    bool assignment_is_due(const consumer_group& g, moment now) const;
    void assign(consumer_group& g, moment now);
    assignment_job assignment_of(const consumer_group& g);
    void take_targets(consumer_group& g, const assignment_job& job, moment now);
    std::string assignor_of(const consumer_group& g) const;

    const group_settings& settings_;
    runtime::random& random_;
    std::vector<record>& records_;
    downgrade downgrade_;
    consumer_groups groups_;
    // Each member once. An entry is a hint: who is due is asked for its deadline, and put back if that is later. So a
    // heartbeat, which moves a deadline, touches nothing here.
    std::map<consumer_due, std::pair<consumer_group*, consumer_member*>> due_;
    std::uint64_t last_due_number_ = 0;
    // Where members were found that gave a sign of life, by the hash of their ids: the two maps are a dozen cache lines that were
    // forgotten since a member's last sign. Those with an older number than `places_number_` are not to be followed: a member or a group
    // went meanwhile.
    struct sign_place {
        std::uint64_t number = 0;
        consumer_group* group = nullptr;
        consumer_member* member = nullptr;
    };
    static constexpr std::size_t sign_places_min = 16, sign_places_max = 1 << 16;
    std::vector<sign_place> sign_places_; // a power of two of them, two for each member up to the maximum
    std::uint64_t places_number_ = 1;
    sign_place find_sign(const consumer_sign& r);
    void forget_places() { ++places_number_; }
    std::deque<work_aside> work_; // that nobody has taken
    std::uint64_t last_assignment_number_ = 0;
    std::set<std::pair<std::string, std::string>> searching_; // group and expression: of each one search, taken or not
    cluster::image_ptr topics_;      // as last seen
    std::uint64_t topics_number_ = 0; // of changes seen, so that a group knows whether it has seen this one
};

} // namespace millrace::coord
