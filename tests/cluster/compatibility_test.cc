#include "cluster/topic_config.h"

#include <doctest/doctest.h>

#include <fstream>
#include <set>

using namespace millrace::cluster;

TEST_CASE("compatibility page: it lists exactly the topic configs that are accepted without effect") {
    std::ifstream in{MILLRACE_SOURCE_ROOT "/docs/compatibility.md"};
    REQUIRE(in.good());
    std::set<std::string> listed, idle;
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("- `")) listed.insert(line.substr(3, line.find('`', 3) - 3));
    for (const auto& key : topic_config_keys())
        if (!key.has_effect) idle.insert(std::string{key.name});
    CHECK(listed == idle);
}
