// What a leader assigns, kept for as long as its call.
#pragma once

#include "coord/group/requests.h"

namespace millrace::coord::test {

struct assigned {
    std::string member_id;
    opaque assignment;
};

inline auto handing_over(std::vector<assigned> all) {
    return [all = std::move(all)](const sync_call::take_assignment& take) {
        for (const auto& a : all) take(a.member_id, a.assignment);
    };
}

} // namespace millrace::coord::test
