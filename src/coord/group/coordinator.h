// One partition's groups: decides what becomes of each request, and keeps the state that its records describe.
// Owner: the `group_partition` that hosts it; one shard. No I/O, no clock: time comes in, records and answers come out.
// Invariant: what a record describes and what is held here are the same once that record is written: a decision changes the
// state at once and hands out its records, and its answer must not leave before those records, and all before them, are
// durable. If they cannot be written, the whole state is thrown away and read again.
#pragma once

#include "coord/group/classic_group.h"
#include "coord/group/consumer_coordinator.h"
#include "coord/group/records.h"
#include "coord/group/settings.h"
#include "runtime/random.h"

#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace millrace::coord {

class coordinator {
  public:
    coordinator(const group_settings& settings, runtime::random& random);

    // Topics as they are now. Before each decision, each description of a consumer group and each `on_time`.
    void see(const cluster::image_ptr& topics) { consumers_.see(topics); }

    // Each answers by way of `answers()`, now or when the group has got that far.
    void join(join_call& c, moment now);
    void sync(sync_call& c, moment now);

    result<void> heartbeat(const heartbeat_request& r, moment now);
    // The same where it decides nothing that is stored: nothing for members of a consumer group.
    std::optional<result<void>> classic_sign_of_life(const heartbeat_request& r, moment now) {
        if (consumers_.has(r.group)) return std::nullopt;
        return heartbeat(r, now);
    }
    result<leave_answer> leave(const leave_request& r, moment now);
    result<commit_answer> commit(const commit_request& r, moment now);
    result<fetch_offsets_answer> fetch_offsets(const fetch_offsets_request& r) const;
    // The first entries, one at least, and no more when it has taken `steps_max` steps.
    result<delete_offsets_answer> delete_offsets(const delete_offsets_request& r,
                                                 std::size_t steps_max = std::numeric_limits<std::size_t>::max());
    // True: it is gone. False: for whoever asks it is, and `forget_deleted` is to be asked until it says true: `steps_max` of its
    // offsets are dropped in what is stored, and there are more.
    result<bool> delete_group(const std::string& id, std::size_t steps_max = std::numeric_limits<std::size_t>::max());
    result<bool> forget_deleted(const std::string& id, std::size_t steps_max);
    result<described_group> describe(const std::string& id) const;
    // Consumer groups of the new protocol (KIP-848). both_types.cc
    consumer_heartbeat_answer consumer_heartbeat(const consumer_heartbeat_request& r, moment now);
    std::optional<consumer_sign_answer> consumer_sign_of_life(const consumer_sign& r, moment now) { return consumers_.sign_of_life(r, now); }
    // As the consumer_coordinator's.
    result<described_consumer_group> describe_consumer(const std::string& id, const std::optional<std::string>& after = {},
                                                       std::size_t parts_max = std::numeric_limits<std::size_t>::max()) const;
    // As the consumer_coordinator's.
    bool has_work() const { return consumers_.has_work(); }
    std::optional<work_aside> take_work() { return consumers_.take_work(); }
    void put_back(work_aside&& w) { consumers_.put_back(std::move(w)); }
    template <class Work> void done(const Work& w, moment now) { consumers_.done(w, now); }
    // Up to `groups_max` groups, those that follow `from`. Fewer, and the place is at its end: there are no more.
    struct list_place {
        std::optional<std::string> after;
        bool at_end = false;
    };
    std::vector<listed_group> list(list_place& from, std::size_t groups_max) const;

    // The topic is gone, and what was committed for it until then goes with it. Up to `steps_max` groups and offsets, from the
    // group `from` on; empty: from the first one. True: that was the last one.
    bool forget_topic(const std::string& topic, timestamp_ms gone_at, std::string& from, std::size_t steps_max);
    // Offsets that are older than offsets.retention.minutes and not in use, and then groups that hold nothing. Looks at up
    // to `steps_max` groups of one kind and offsets, from where the last call ended. True: that was the last one.
    bool expire_offsets(timestamp_ms now, std::size_t steps_max);

    // When `on_time` is wanted next; runtime::never if not at all. A call looks at `due_looked_at_max` at most.
    runtime::mono_time next_due() const { return std::min(due_.next(), consumers_.next_due()); }
    void on_time(moment now);

    // What the calls since the last take have decided.
    std::vector<record> take_records() { return std::exchange(records_, {}); }
    intrusive_list<parked_call, parked_call_tag>& answers() { return answers_; }

    // Recovery: each stored record in order, then `loaded`. Unknown kinds and versions are ignored, as Kafka's own readers do.
    void replay(bytes_view key, std::optional<bytes_view> value);
    void loaded(moment now);
    // Answers every parked call with `why`.
    void fail_parked(errc why);

    std::size_t groups() const { return groups_.size() + consumers_.size(); }
    std::size_t watched() const { return due_.size(); } // members, members to be and phases with a time to look at them

  private:
    using offset_table = std::map<topic_partition, committed_offset>;

    // classic_join.cc
    std::optional<errc> refuse_join(const join_call& c) const;
    bool has_room(const classic_group& g, std::string_view member_id) const;
    void lose_place(classic_group& g, const std::string& member_id, moment now);
    void join_new(classic_group& g, join_call& c, moment now);
    void join_known(classic_group& g, join_call& c, moment now);
    void rejoin_static(classic_group& g, join_call& c, moment now);
    void add_member(classic_group& g, join_call& c, std::string member_id, moment now);
    void update_member(classic_group& g, classic_member& m, join_call& c, moment now);
    void park_join(classic_group& g, classic_member& m, join_call& c);
    void answer_join(classic_group& g, classic_member& m, join_call& c, bool with_members, bool skip_assignment);
    void refuse_join(join_call& c, errc why);
    // classic_rebalance.cc
    void prepare_rebalance(classic_group& g, moment now);
    void join_phase_may_end(classic_group& g, moment now);
    void end_join_phase(classic_group& g, moment now);
    void end_initial_delay(classic_group& g, moment now);
    void end_sync_phase(classic_group& g, moment now);
    void to_state(classic_group& g, classic_state s, moment now);
    bool store_group(classic_group& g, timestamp_ms state_since); // false: its record would be too large
    // classic_sync.cc
    std::optional<errc> check_member(const classic_group& g, const std::string& member_id,
                                     const std::optional<std::string>& instance_id) const;
    void answer_sync(classic_group& g, classic_member& m, sync_call& c);
    void refuse_sync(sync_call& c, errc why);
    bool take_assignments(classic_group& g, const sync_call& leaders);
    void heard_of(classic_member& m, moment now);
    void remove_member(classic_group& g, const std::string& member_id, moment now);
    void members_left(classic_group& g, moment now);
    void forget_member(classic_group& g, const std::string& member_id);
    void watch_phase(classic_group& g, runtime::mono_time end);
    void watch_member(classic_member& m, runtime::mono_time deadline);
    void watch_members(classic_group& g, moment now);
    void member_due(classic_group& g, classic_member& m, moment now);

    classic_group* find(std::string_view id);
    const classic_group* find(std::string_view id) const;
    classic_group* find_or_make(const std::string& id, moment now);
    std::string fresh_member_id(const join_call& c);
    void answer(parked_call& c) { answers_.push_back(c); }
    // offsets.cc
    result<commit_answer> commit_one(const commit_request& r, moment now);
    // expiry.cc: of a table from `from` on, until no steps are left, when `from` says where; true: to its end.
    bool expire_in(const classic_group& g, offset_table& table, timestamp_ms now, std::optional<topic_partition>& from, std::size_t& steps);
    template <class Groups, class Expire> bool expire_some(const Groups& groups, std::size_t steps_max, Expire expire);
    // `kept_since`: what was committed before counts from then on.
    template <class Topics>
    bool erase_expired(const std::string& group, offset_table& table, Topics in_use, timestamp_ms kept_since, timestamp_ms now,
                       std::optional<topic_partition>& from, std::size_t& steps);
    // migrate.cc
    consumer_heartbeat_answer upgrade(classic_group& g, const consumer_heartbeat_request& r, moment now); // no error: done
    bool downgrade(consumer_group& g, const std::set<std::string>& leaving, bool rebalance, moment now);
    // both_types.cc
    bool speaks_consumer(std::string_view group) const; // a consumer group with members
    bool holds_nothing(const classic_group& g);
    void erase_if_no_trace(const std::string& id);

    const group_settings& settings_;
    runtime::random& random_;
    due_times due_; // outlives what its entries stand in
    std::map<std::string, classic_group, std::less<>> groups_;
    std::map<std::string, offset_table, std::less<>> offsets_; // by group; a group with offsets alone is in groups_ too
    std::map<std::string, offset_table, std::less<>> deleted_; // by group; not yet dropped in what is stored
    struct commit_series {
        std::string group;
        bool group_deleted = false; // since it began
    };
    std::map<const void*, commit_series> series_; // commits of which some slices are decided: at most one for each connection
    struct offset_place {
        std::string group;
        std::optional<topic_partition> within; // nothing: the group is done
    };
    std::optional<offset_place> expiry_place_; // where `expire_offsets` ended
    bool expires_consumers_ = false;           // it is through with the classic ones
    std::vector<record> records_;
    intrusive_list<parked_call, parked_call_tag> answers_;
    consumer_coordinator consumers_; // an id names a group here or in groups_, not in both
};

} // namespace millrace::coord
