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

// The short way, without a coroutine: `out` is a whole frame if true. False: nothing was done, and `answer_request` is to be asked.
// Nothing of the request's bytes is needed afterwards.
bool answer_at_once(const kafka::request_header& header, reader body, call& c, std::vector<std::byte>& out);
// Whether that may be; of any number.
bool is_answered_at_once(std::int16_t key);

// Answers any request but Produce and Fetch into `out`, a whole frame. False: the body does not decode; close the connection.
// REQUIRES: is_served(header.key).
runtime::task<bool> answer_request(kafka::request_header header, reader body, call& c, std::vector<std::byte>& out);

} // namespace millrace::server
