// One member of a consumer group by the protocol of KIP-848: what it tells its coordinator next, and what the answer means.
// Owner: a group_session, on its shard; decides only, and knows neither time nor connections.
// Invariant: what it says to own is what it reads: partitions are given up before the coordinator is told, and begun only when
// it has given them.
#pragma once

#include "base/ids.h"
#include "kafka/error_code.h"
#include "kafka/messages/consumer_group_heartbeat.h"

#include <optional>
#include <vector>

namespace millrace::client {

class membership {
  public:
    using partitions = std::vector<partition_index>; // sorted

    struct heartbeat {
        std::int32_t epoch = 0;
        bool introduces = false;         // with the subscription, and all that a new member tells
        std::optional<partitions> owned; // where the coordinator has not heard of it
        friend bool operator==(const heartbeat&, const heartbeat&) = default;
    };
    struct answer {
        kafka::error_code code = kafka::error_code::none;
        std::int32_t epoch = 0;
        std::optional<partitions> assigned; // none: as before
    };
    enum class verdict {
        carry_on,  // see `to_give_up` and `to_begin`
        ask_again, // the coordinator moves or loads: the same heartbeat later
        lost,      // out of the group: every partition belongs to others now; the next heartbeat joins again
        refused,
    };

    heartbeat next() const;
    verdict take(answer said);
    // What `said` says of one topic.
    static answer heard(const kafka::consumer_group_heartbeat_response& said, const topic_id& topic);

    partitions to_give_up() const;
    partitions to_begin() const;
    // What was to be given up is given up, and the rest has begun.
    void settled();
    // The coordinator waits for what the next heartbeat tells, and with it perhaps other members.
    bool has_news() const { return in_group() && told_ != owned_; }

    bool in_group() const { return epoch_ > 0; }
    std::int32_t epoch() const { return epoch_; }
    const partitions& owned() const { return owned_; }

  private:
    std::int32_t epoch_ = 0;
    partitions owned_, target_;
    std::optional<partitions> told_; // what the coordinator has last heard and answered
};

} // namespace millrace::client
