#include "broker/descriptor_plan.h"

#include <doctest/doctest.h>

using millrace::broker::descriptor_plan;
using millrace::broker::plan_descriptors;

TEST_CASE("descriptors: what partitions, connections and closed segments may have never adds up to more than the limit") {
    for (std::size_t limit : {256u, 1024u, 20'000u, 1'048'576u})
        for (std::size_t shards : {1u, 2u, 8u}) {
            CAPTURE(limit);
            CAPTURE(shards);
            auto plan = plan_descriptors(limit, shards);
            auto closed = static_cast<std::int64_t>(shards * plan.closed_segments_per_shard);
            for (auto partitions : {std::int64_t{0}, plan.partitions_max / 2, plan.partitions_max})
                if (plan.partitions_max > 0)
                    CHECK(partitions + plan.connections_beside(partitions) + closed < static_cast<std::int64_t>(limit));
        }
}

TEST_CASE("descriptors: each partition takes one from the connections, down to the few that always stay") {
    auto plan = plan_descriptors(20'000, 2);
    CHECK(plan.connections_beside(0) - plan.connections_beside(1000) == 1000);
    CHECK(plan.connections_beside(plan.partitions_max) == static_cast<std::int64_t>(descriptor_plan::connections_min));
    CHECK(plan.connections_beside(1'000'000) == static_cast<std::int64_t>(descriptor_plan::connections_min));
    CHECK(plan.partitions_max >= 10'000);
}

TEST_CASE("descriptors: a limit that is used up by the process itself leaves room for no partition") {
    CHECK(plan_descriptors(100, 2).partitions_max == 0);
}
