// What is stored of consumer groups (KIP-848), in Kafka's formats: group, members, target and current assignments, resolved
// regular expressions.
// Owner: pure functions; no shard.
// Invariant: a value is written in the version that Kafka 4.3 writes. Kafka's hash of the topics' metadata has another make: a
// group that moved from one to the other finds its topics changed, once, and assigns anew.
#pragma once

#include "coord/group/consumer_group.h"
#include "coord/group/records.h"

namespace millrace::coord {

record consumer_group_record(const consumer_group& g);
record consumer_group_tombstone(const std::string& group);
record consumer_member_record(const consumer_group& g, const consumer_member& m);
record consumer_member_tombstone(const std::string& group, const std::string& member);
record target_epoch_record(const consumer_group& g);
record target_epoch_tombstone(const std::string& group);
record target_record(const std::string& group, const std::string& member, const partition_set& target);
record target_tombstone(const std::string& group, const std::string& member);
record progress_record(const std::string& group, const std::string& member, const member_progress& at);
record progress_tombstone(const std::string& group, const std::string& member);
record regex_record(const std::string& group, const std::string& regex, const resolved_regex& found);
record regex_tombstone(const std::string& group, const std::string& regex);

// All of a group, and the end of all of it.
std::vector<record> records_of(const consumer_group& g);
std::vector<record> tombstones_of(const consumer_group& g);

// Changes `groups` as the record says. A record of another kind changes nothing; one of a version that is not known neither.
using consumer_groups = std::map<std::string, consumer_group, std::less<>>;
void replay_consumer_record(consumer_groups& groups, bytes_view key, std::optional<bytes_view> value);

} // namespace millrace::coord
