// The one place where named errors of the rooms become Kafka's codes.
// Owner: pure functions; no shard.
// Invariant: no default branch: a new error does not compile until it has its code here.
#pragma once

#include "cluster/errc.h"
#include "coord/errc.h"
#include "kafka/error_code.h"
#include "partition/errc.h"
#include "partition/replica.h" // for log::errc, which its tasks answer with
#include "records/errc.h"

#include <cstdlib>

namespace millrace::server {

constexpr kafka::error_code to_kafka(records::errc e) {
    using enum records::errc;
    using kafka::error_code;
    switch (e) {
    case bad_length:
    case unknown_magic:
    case crc_mismatch:
    case bad_compressed_data: return error_code::corrupt_message;
    case short_batch:
    case old_magic:
    case several_batches:
    case base_offset_not_zero:
    case bad_record_count:
    case control_batch_refused:
    case bad_sequence:
    case malformed_record:
    case bad_offset_delta:
    case key_missing: return error_code::invalid_record;
    case batch_too_large:
    case decompressed_too_large: return error_code::message_too_large;
    case unknown_codec:
    case codec_not_allowed: return error_code::unsupported_compression_type;
    case timestamp_out_of_range:
    case append_time_from_producer: return error_code::invalid_timestamp;
    }
    std::abort();
}

// `fault` is looked at for invalid_batch alone.
constexpr kafka::error_code to_kafka(partition::errc e, records::errc fault = {}) {
    using enum partition::errc;
    using kafka::error_code;
    switch (e) {
    case invalid_batch: return to_kafka(fault);
    case out_of_order_sequence: return error_code::out_of_order_sequence_number;
    case invalid_producer_epoch: return error_code::invalid_producer_epoch;
    case offset_out_of_range: return error_code::offset_out_of_range;
    case fenced_leader_epoch: return error_code::fenced_leader_epoch;
    case unknown_leader_epoch: return error_code::unknown_leader_epoch;
    case no_space:
    case storage_failed: return error_code::kafka_storage_error;
    // Retriable, and without the metadata refresh that other retriable codes would cause.
    case overloaded: return error_code::request_timed_out;
    }
    std::abort();
}

constexpr kafka::error_code to_kafka(log::errc e) {
    using enum log::errc;
    using kafka::error_code;
    switch (e) {
    case offset_out_of_range: return error_code::offset_out_of_range;
    case no_space:
    case storage_failed: return error_code::kafka_storage_error;
    case corrupt: return error_code::corrupt_message;
    case wrong_topic: return error_code::inconsistent_topic_id;
    case overloaded: return error_code::request_timed_out;
    // The partition is on its way out; the client looks at the metadata and finds the topic gone.
    case closed: return error_code::not_leader_or_follower;
    }
    std::abort();
}

constexpr kafka::error_code to_kafka(coord::errc e) {
    using enum coord::errc;
    using kafka::error_code;
    switch (e) {
    case not_coordinator: return error_code::not_coordinator;
    case unavailable:
    case groups_full: return error_code::coordinator_not_available;
    case invalid_group_id: return error_code::invalid_group_id;
    case group_id_not_found: return error_code::group_id_not_found;
    case group_not_empty: return error_code::non_empty_group;
    case group_full:
    case group_too_large: return error_code::group_max_size_reached;
    case invalid_session_timeout: return error_code::invalid_session_timeout;
    case inconsistent_protocol: return error_code::inconsistent_group_protocol;
    case unknown_member: return error_code::unknown_member_id;
    case member_id_required: return error_code::member_id_required;
    case fenced_instance: return error_code::fenced_instance_id;
    case illegal_generation: return error_code::illegal_generation;
    case rebalance_in_progress: return error_code::rebalance_in_progress;
    case metadata_too_large: return error_code::offset_metadata_too_large;
    case malformed_protocol:
    case record_too_large: return error_code::unknown_server_error; // as Kafka tells it, though the code says little
    case subscribed_to_topic: return error_code::group_subscribed_to_topic;
    case fenced_member_epoch: return error_code::fenced_member_epoch;
    case stale_member_epoch: return error_code::stale_member_epoch;
    case unreleased_instance: return error_code::unreleased_instance_id;
    case unsupported_assignor: return error_code::unsupported_assignor;
    case invalid_request: return error_code::invalid_request;
    case invalid_regex: return error_code::invalid_regular_expression;
    case unsupported_version: return error_code::unsupported_version;
    }
    std::abort();
}

constexpr kafka::error_code to_kafka(cluster::errc e) {
    using enum cluster::errc;
    using kafka::error_code;
    switch (e) {
    case topic_exists: return error_code::topic_already_exists;
    case unknown_topic: return error_code::unknown_topic_or_partition;
    case invalid_name: return error_code::invalid_topic_exception;
    case invalid_partitions: return error_code::invalid_partitions;
    case invalid_replication_factor: return error_code::invalid_replication_factor;
    case invalid_config: return error_code::invalid_config;
    case invalid_request: return error_code::invalid_request;
    case limit_reached: return error_code::policy_violation;
    case overloaded: return error_code::request_timed_out;
    case storage_failed: return error_code::kafka_storage_error;
    // Only a start can meet these.
    case foreign_directory:
    case wrong_identity:
    case unsupported_format:
    case corrupt: return error_code::unknown_server_error;
    }
    std::abort();
}

} // namespace millrace::server
