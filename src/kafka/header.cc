#include "kafka/header.h"

#include "kafka/codec.h"

namespace millrace::kafka {

namespace {
bool flexible(std::int16_t key, std::int16_t version) {
    auto* api = find_api(key);
    MR_ASSERT(api, "header of an API that no schema describes");
    return api->flexible(version);
}
} // namespace

header_fault decode(reader& in, request_header& out) {
    out = {};
    out.key = in.i16();
    out.version = in.i16();
    out.correlation_id = in.i32();
    if (!in.ok()) return header_fault::malformed;
    auto* api = find_api(out.key);
    if (!api) return header_fault::unknown_api;
    if (!api->knows(out.version)) return header_fault::unsupported_version;
    out.client_id = codec::get_nullable_string(in, false, true);
    if (api->flexible(out.version)) codec::skip_tags(in);
    return in.ok() ? header_fault::none : header_fault::malformed;
}

std::size_t encoded_size(const request_header& header) {
    return 8 + codec::string_size(header.client_id, false) + (flexible(header.key, header.version) ? 1 : 0);
}

void encode(writer& out, const request_header& header) {
    out.i16(header.key);
    out.i16(header.version);
    out.i32(header.correlation_id);
    codec::put_string(out, header.client_id, false, true);
    if (flexible(header.key, header.version)) out.uvarint(0);
}

int response_header_version(api_key key, std::int16_t version) {
    // A client that asks for a version we lack must be able to read the answer.
    if (key == api_key::api_versions) return 0;
    return flexible(static_cast<std::int16_t>(key), version) ? 1 : 0;
}

std::size_t response_header_size(api_key key, std::int16_t version) {
    return response_header_version(key, version) == 0 ? 4 : 5;
}

void encode_response_header(writer& out, api_key key, std::int16_t version, std::int32_t correlation_id) {
    out.i32(correlation_id);
    if (response_header_version(key, version) == 1) out.uvarint(0);
}

bool decode_response_header(reader& in, api_key key, std::int16_t version, std::int32_t& correlation_id) {
    correlation_id = in.i32();
    if (response_header_version(key, version) == 1) codec::skip_tags(in);
    return in.ok();
}

} // namespace millrace::kafka
