#include "client/versions.h"

#include <algorithm>

namespace millrace::client {

std::optional<std::int16_t> highest_common(const kafka::api_description& ours, std::int16_t their_min,
                                           std::int16_t their_max) {
    auto low = std::max(ours.version_min, their_min);
    auto high = std::min(ours.version_max, their_max);
    if (low > high) return std::nullopt;
    return high;
}

void versions::learn(const kafka::api_versions_response& answer) {
    chosen_.clear();
    for (const auto& entry : answer.api_keys) {
        const auto* ours = kafka::find_api(static_cast<std::int16_t>(entry.api_key));
        if (!ours) continue;
        if (auto version = highest_common(*ours, entry.min_version, entry.max_version))
            chosen_.emplace(entry.api_key, *version);
    }
}

std::optional<std::int16_t> versions::of(kafka::api_key key) const {
    auto found = chosen_.find(key);
    if (found == chosen_.end()) return std::nullopt;
    return found->second;
}

} // namespace millrace::client
