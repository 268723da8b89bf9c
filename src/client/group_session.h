// A member of a consumer group at work: heartbeats, commits and the farewell, for one topic.
// Owner: the caller, on the link's shard; one operation at a time.
// Invariant: offsets are committed with the member's own id and epoch, so a coordinator that has given its partitions to
// another refuses them.
#pragma once

#include "client/cluster_link.h"
#include "client/membership.h"
#include "client/group_offsets.h"

namespace millrace::client {

struct group_session_options {
    std::string group;
    std::string topic;
    std::string member_id;                        // chosen by the member, unlike any other
    std::int32_t rebalance_timeout_ms = 60'000;   // how long it may take to give partitions up
    int failures_max = 50;                        // in a row, of errors that may pass
    runtime::nanoseconds retry_backoff = runtime::milliseconds{100};
};

class group_session {
  public:
    group_session(cluster_link& link, group_session_options options) : link_{link}, options_{std::move(options)} {}

    membership& member() { return member_; }
    // As the coordinator wants it.
    runtime::nanoseconds interval() const { return interval_; }
    // Why the coordinator has not taken what it was last told; none where it has.
    const std::optional<failure>& trouble() const { return trouble_; }

    // One heartbeat. What passes, a coordinator that is not there for a moment among it, is waited for and comes as ask_again;
    // what lasts is an error.
    runtime::task<result<membership::verdict>> beat();
    // False: the coordinator does not take it from this member any more; the next heartbeat tells why.
    runtime::task<result<bool>> commit(std::map<partition_index, log_offset> positions);
    runtime::task<void> leave();

  private:
    // Never ask_again: that comes as the error it was answered with.
    runtime::task<result<membership::verdict>> beat_once(membership::heartbeat news);

    cluster_link& link_;
    group_session_options options_;
    membership member_;
    runtime::nanoseconds interval_ = runtime::milliseconds{500};
    int failures_ = 0;
    std::optional<failure> trouble_;
};

} // namespace millrace::client
