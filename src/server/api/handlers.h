// The handlers of all APIs that are answered one at a time, each in the file of its name.
// Owner: stateless; run on the connection's shard.
// Invariant: an API stands in `served_apis()` only if its handler serves every version of its schema.
#pragma once

#include "kafka/messages/alter_configs.h"
#include "kafka/messages/consumer_group_describe.h"
#include "kafka/messages/consumer_group_heartbeat.h"
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/delete_records.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/describe_client_quotas.h"
#include "kafka/messages/describe_cluster.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/describe_log_dirs.h"
#include "kafka/messages/describe_producers.h"
#include "kafka/messages/describe_quorum.h"
#include "kafka/messages/describe_topic_partitions.h"
#include "kafka/messages/elect_leaders.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/list_config_resources.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/list_partition_reassignments.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_delete.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/offset_for_leader_epoch.h"
#include "kafka/messages/sync_group.h"
#include "server/api/call.h"

namespace millrace::server {

// Before `answer`, for what clients say often and without news. Nothing: it is not here, or not at rest; `answer` then does all of
// it. The request may point into memory that is lent for this turn, and `c` has no image.
std::optional<kafka::consumer_group_heartbeat_response> answer_at_once(const kafka::consumer_group_heartbeat_request& in, call& c);
std::optional<kafka::heartbeat_response> answer_at_once(const kafka::heartbeat_request& in, call& c);

runtime::task<kafka::metadata_response> answer(const kafka::metadata_request& in, call& c);
runtime::task<kafka::describe_topic_partitions_response> answer(const kafka::describe_topic_partitions_request& in, call& c);
runtime::task<kafka::describe_cluster_response> answer(const kafka::describe_cluster_request& in, call& c);
runtime::task<kafka::find_coordinator_response> answer(const kafka::find_coordinator_request& in, call& c);
runtime::task<kafka::list_offsets_response> answer(const kafka::list_offsets_request& in, call& c);
runtime::task<kafka::offset_for_leader_epoch_response> answer(const kafka::offset_for_leader_epoch_request& in, call& c);
runtime::task<kafka::init_producer_id_response> answer(const kafka::init_producer_id_request& in, call& c);
runtime::task<kafka::create_topics_response> answer(const kafka::create_topics_request& in, call& c);
runtime::task<kafka::delete_topics_response> answer(const kafka::delete_topics_request& in, call& c);
runtime::task<kafka::create_partitions_response> answer(const kafka::create_partitions_request& in, call& c);
runtime::task<kafka::delete_records_response> answer(const kafka::delete_records_request& in, call& c);
runtime::task<kafka::describe_configs_response> answer(const kafka::describe_configs_request& in, call& c);
runtime::task<kafka::alter_configs_response> answer(const kafka::alter_configs_request& in, call& c);
runtime::task<kafka::incremental_alter_configs_response> answer(const kafka::incremental_alter_configs_request& in, call& c);
runtime::task<kafka::join_group_response> answer(const kafka::join_group_request& in, call& c);
runtime::task<kafka::sync_group_response> answer(const kafka::sync_group_request& in, call& c);
runtime::task<kafka::heartbeat_response> answer(const kafka::heartbeat_request& in, call& c);
runtime::task<kafka::leave_group_response> answer(const kafka::leave_group_request& in, call& c);
runtime::task<kafka::consumer_group_heartbeat_response> answer(const kafka::consumer_group_heartbeat_request& in, call& c);
runtime::task<kafka::consumer_group_describe_response> answer(const kafka::consumer_group_describe_request& in, call& c);
runtime::task<kafka::offset_commit_response> answer(const kafka::offset_commit_request& in, call& c);
runtime::task<kafka::offset_fetch_response> answer(const kafka::offset_fetch_request& in, call& c);
runtime::task<kafka::offset_delete_response> answer(const kafka::offset_delete_request& in, call& c);
runtime::task<kafka::describe_groups_response> answer(const kafka::describe_groups_request& in, call& c);
runtime::task<kafka::list_groups_response> answer(const kafka::list_groups_request& in, call& c);
runtime::task<kafka::delete_groups_response> answer(const kafka::delete_groups_request& in, call& c);
runtime::task<kafka::list_partition_reassignments_response> answer(const kafka::list_partition_reassignments_request& in, call& c);
runtime::task<kafka::describe_client_quotas_response> answer(const kafka::describe_client_quotas_request& in, call& c);
runtime::task<kafka::describe_quorum_response> answer(const kafka::describe_quorum_request& in, call& c);
runtime::task<kafka::elect_leaders_response> answer(const kafka::elect_leaders_request& in, call& c);
runtime::task<kafka::list_config_resources_response> answer(const kafka::list_config_resources_request& in, call& c);
runtime::task<kafka::describe_log_dirs_response> answer(const kafka::describe_log_dirs_request& in, call& c);
runtime::task<kafka::describe_producers_response> answer(const kafka::describe_producers_request& in, call& c);

} // namespace millrace::server
