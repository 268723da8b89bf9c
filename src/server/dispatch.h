// From an API key to its handler: decode, answer, encode.
// Owner: stateless; runs on the connection's shard.
// Invariant: what `served_apis` lists has a handler for every version of its schema, and nothing else is advertised.
#pragma once

#include "kafka/header.h"
#include "server/api/call.h"

#include <span>

namespace millrace::server {

std::span<const kafka::api_key> served_apis();
// The codec describes more APIs than have a handler. Takes any number, as it comes from the wire.
bool is_served(std::int16_t key);

// Answers any request but Produce and Fetch into `out`, a whole frame. False: the body does not decode; close the connection.
// REQUIRES: is_served(header.key).
runtime::task<bool> answer_request(kafka::request_header header, reader body, call& c, std::vector<std::byte>& out);

} // namespace millrace::server
