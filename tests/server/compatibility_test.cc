#include "kafka/api_key.h"
#include "server/dispatch.h"

#include <doctest/doctest.h>

#include <fstream>
#include <set>

using namespace millrace;

namespace {
// fetch_session -> FetchSession, as Kafka writes it
std::string kafka_spelling(std::string_view name) {
    std::string out;
    bool first = true;
    for (char c : name) {
        if (c != '_') out += first && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        first = c == '_';
    }
    return out;
}
} // namespace

TEST_CASE("compatibility page: its table lists exactly the APIs and versions that are advertised") {
    std::ifstream in{MILLRACE_SOURCE_ROOT "/docs/compatibility.md"};
    REQUIRE(in.good());
    std::set<std::string> listed, advertised;
    for (std::string line; std::getline(in, line);) {
        // "| Fetch | 1 | 4-18 | remarks |", without name and remarks
        auto key = line.find(" | "), versions = line.find(" | ", key + 3);
        if (!line.starts_with("| ") || versions == line.npos || line.find_first_not_of("0123456789", key + 3) != versions) continue;
        listed.insert(line.substr(2, line.find(" | ", versions + 3) - 2));
    }
    for (auto key : server::served_apis()) {
        const auto* api = kafka::find_api(static_cast<std::int16_t>(key));
        REQUIRE(api);
        advertised.insert(kafka_spelling(api->name) + " | " + std::to_string(static_cast<int>(key)) + " | " +
                          std::to_string(api->version_min_advertised) + "-" + std::to_string(api->version_max));
    }
    CHECK(listed == advertised);
    if (listed != advertised)
        for (const auto& a : advertised)
            if (!listed.contains(a)) MESSAGE("advertised, not listed: " << a);
}
