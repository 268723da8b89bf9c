#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"
#include "server/aside.h"

#include <algorithm>

namespace millrace::server {

namespace {

constexpr std::int16_t version_with_protocol = 5;
using assignments = std::span<kafka::sync_group_request::assignment_entry>;

// Of several for one member the last counts.
bytes_view find(assignments sorted, std::string_view member_id) {
    auto after = std::upper_bound(sorted.begin(), sorted.end(), member_id, [](auto id, const auto& a) { return id < a.member_id; });
    return after != sorted.begin() && std::prev(after)->member_id == member_id ? std::prev(after)->assignment : bytes_view{};
}

} // namespace

runtime::task<kafka::sync_group_response> answer(const kafka::sync_group_request& in, call& c) {
    kafka::sync_group_response out;
    if (c.version >= version_with_protocol && (in.protocol_type.is_null() || in.protocol_name.is_null())) {
        out.error_code = kafka::error_code::inconsistent_group_protocol;
        co_return out;
    }
    coord::sync_call sync;
    sync.group = in.group_id;
    sync.member_id = in.member_id;
    sync.instance_id = owned(in.group_instance_id);
    sync.protocol_type = owned(in.protocol_type);
    sync.protocol_name = owned(in.protocol_name);
    sync.generation = in.generation_id;
    assignments sorted;
    auto sort = [&] {
        sorted = c.arena.make_array<assignments::value_type>(in.assignments.size());
        std::copy(in.assignments.begin(), in.assignments.end(), sorted.begin());
        std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.member_id < b.member_id; });
    };
    if (is_large(c.arena)) {
        auto sorting = aside(c.here, sort);
        co_await sorting;
    } else {
        sort();
    }
    sync.assignment_of = [&sorted](std::string_view member_id) { return find(sorted, member_id); };
    co_await park_at_group(c, sync, [](coord::coordinator& at, coord::sync_call& s, coord::moment now) { at.sync(s, now); });
    if (sync.error) {
        out.error_code = to_kafka(*sync.error);
        co_return out;
    }
    if (c.version >= version_with_protocol) {
        out.protocol_type = keep(c.arena, sync.answer_protocol_type);
        out.protocol_name = keep(c.arena, sync.answer_protocol_name);
    }
    out.assignment = keep(c.arena, sync.assignment);
    co_return out;
}

} // namespace millrace::server
