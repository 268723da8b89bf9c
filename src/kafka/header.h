// Frame sizes, request headers v1/v2 and response headers v0/v1.
// Owner: pure functions; a decoded header's client id is a view into the receive buffer.
// Invariant: the client id is never compact, and the answer to ApiVersions always has header v0 (KIP-511).
#pragma once

#include "kafka/message.h"

namespace millrace::kafka {

// A frame: int32 size, then as many bytes.
inline constexpr std::size_t frame_prefix_bytes = 4;
// Key, version, correlation id and an absent client id: no request is shorter.
inline constexpr std::size_t request_header_bytes_min = 10;
// Kafka's default for socket.request.max.bytes.
inline constexpr std::size_t frame_bytes_max_default = 100 * 1024 * 1024;

struct request_header {
    std::int16_t key = 0; // as sent: it may name no API that we know
    std::int16_t version = 0;
    std::int32_t correlation_id = 0;
    nullable_string client_id;
};

// What the header says of the API; the order of refusal is Kafka's.
enum class header_fault : std::uint8_t {
    none,
    malformed,           // too short, or a bad client id: close the connection
    unknown_api,         // no schema for the key: close the connection
    unsupported_version, // key known, version not: close, but ApiVersions gets a v0 answer with unsupported_version
};

// Reads a request header; on `none` the reader stands at the body. On unsupported_version key, version and
// correlation id are set, the rest is not read.
header_fault decode(reader& in, request_header& out);

std::size_t encoded_size(const request_header& header);
void encode(writer& out, const request_header& header);

// 0 or 1; the version must be one that the API has.
int response_header_version(api_key key, std::int16_t version);
std::size_t response_header_size(api_key key, std::int16_t version);
void encode_response_header(writer& out, api_key key, std::int16_t version, std::int32_t correlation_id);
// For clients: false if malformed.
bool decode_response_header(reader& in, api_key key, std::int16_t version, std::int32_t& correlation_id);

} // namespace millrace::kafka
