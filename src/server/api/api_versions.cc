#include "server/api/api_versions.h"

#include "base/assert.h"

#include <algorithm>

namespace millrace::server {

namespace {
constexpr std::int16_t group_version_min = 0, group_version_max = 1;
// Clients that speak an older one stumble over a range that begins at 0: they see the finalized level alone, as with Kafka.
constexpr std::int16_t version_with_zero = 4;
} // namespace

kafka::api_versions_response answer_api_versions(std::span<const kafka::api_key> served, std::int16_t version,
                                                kafka::message_arena& arena) {
    auto entries = arena.make_array<kafka::api_versions_response::api_entry>(served.size());
    for (std::size_t i = 0; i < served.size(); ++i) {
        const auto* api = kafka::find_api(static_cast<std::int16_t>(served[i]));
        MR_ASSERT(api, "a served key has a schema");
        entries[i] = {api->key, api->version_min_advertised, api->version_max};
    }
    kafka::api_versions_response out;
    out.api_keys = entries;
    // Clients of the new consumer protocol look for its feature, not only for its APIs (KIP-848).
    auto supported = arena.make_array<kafka::api_versions_response::supported_feature_entry>(1);
    supported[0] = {"group.version", group_version_min, group_version_max};
    auto finalized = arena.make_array<kafka::api_versions_response::finalized_feature_entry>(1);
    finalized[0] = {"group.version", group_version_max, group_version_max};
    if (version >= version_with_zero) out.supported_features = supported;
    out.finalized_features_epoch = 0;
    out.finalized_features = finalized;
    return out;
}

kafka::api_versions_response refuse_api_versions(std::span<const kafka::api_key> served, kafka::message_arena& arena) {
    auto out = answer_api_versions(served, 0, arena);
    out.error_code = kafka::error_code::unsupported_version;
    return out;
}

bool is_software_word(std::string_view text) {
    auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
    if (text.empty() || !plain(text.front()) || !plain(text.back())) return false;
    return std::all_of(text.begin(), text.end(), [&](char c) { return plain(c) || c == '.' || c == '-'; });
}

} // namespace millrace::server
