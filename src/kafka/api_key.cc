#include "kafka/api_key.h"

#include "base/assert.h"

#include <array>

namespace millrace::kafka {

namespace {

// By key, because each header is asked for several times.
constexpr std::size_t keys_max = 128;
const auto by_key = [] {
    std::array<const api_description*, keys_max> out{};
    for (const auto& api : described_apis()) {
        MR_ASSERT(static_cast<std::size_t>(api.key) < keys_max, "the table of APIs is too small for a key");
        out[static_cast<std::size_t>(api.key)] = &api;
    }
    return out;
}();

} // namespace

const api_description* find_api(std::int16_t key) {
    return key >= 0 && static_cast<std::size_t>(key) < keys_max ? by_key[static_cast<std::size_t>(key)] : nullptr;
}

std::string_view name_of(api_key key) {
    auto* api = find_api(static_cast<std::int16_t>(key));
    return api ? api->name : "unknown";
}

} // namespace millrace::kafka
