#include "kafka/api_key.h"

#include <algorithm>

namespace millrace::kafka {

const api_description* find_api(std::int16_t key) {
    auto all = described_apis();
    auto wanted = static_cast<api_key>(key);
    auto it = std::lower_bound(all.begin(), all.end(), wanted,
                               [](const api_description& a, api_key k) { return a.key < k; });
    return it != all.end() && it->key == wanted ? &*it : nullptr;
}

std::string_view name_of(api_key key) {
    auto* api = find_api(static_cast<std::int16_t>(key));
    return api ? api->name : "unknown";
}

} // namespace millrace::kafka
