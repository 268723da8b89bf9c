// ApiVersions (key 18): what this broker serves.
// Owner: pure functions; no shard.
// Invariant: a key stands in the answer only if a handler serves all of its versions in the range.
// Sources: KIP-511 (versions that we do not know are answered in version 0), KIP-584 (features).
#pragma once

#include "kafka/messages/api_versions.h"

#include <span>

namespace millrace::server {

// `served`: the keys that have a handler. The ranges are those of the schemas; Produce reads 0 at the low end although
// 3 is the lowest that works, because older librdkafka stops compressing when it sees anything else (KAFKA-18659).
kafka::api_versions_response answer_api_versions(std::span<const kafka::api_key> served, std::int16_t version,
                                                kafka::message_arena& arena);

// For a version of ApiVersions that we do not have; to be encoded as version 0.
kafka::api_versions_response refuse_api_versions(std::span<const kafka::api_key> served, kafka::message_arena& arena);

// Letters and digits, with dots and dashes between them: what a client may call itself (KIP-511).
bool is_software_word(std::string_view text);

} // namespace millrace::server
