// What a leader assigns, kept for as long as its call.
#pragma once

#include "coord/group/requests.h"

namespace millrace::coord::test {

struct assigned {
    std::string member_id;
    opaque assignment;
};

inline auto handing_over(std::vector<assigned> all) {
    return [all = std::move(all)](std::string_view member_id) {
        bytes_view last;
        for (const auto& a : all)
            if (a.member_id == member_id) last = a.assignment;
        return last;
    };
}

} // namespace millrace::coord::test
