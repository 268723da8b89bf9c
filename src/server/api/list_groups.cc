#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"

#include <algorithm>

namespace millrace::server {

namespace {

bool same_word(std::string_view a, std::string_view b) {
    auto small = [](char ch) { return ch >= 'A' && ch <= 'Z' ? static_cast<char>(ch - 'A' + 'a') : ch; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return small(x) == small(y); });
}

bool among(const kafka::array_view<std::string_view>& wanted, std::string_view is) {
    return wanted.empty() || std::any_of(wanted.begin(), wanted.end(), [&](auto w) { return same_word(w, is); });
}

} // namespace

runtime::task<kafka::list_groups_response> answer(const kafka::list_groups_request& in, call& c) {
    using response = kafka::list_groups_response;
    response out;
    const auto* topic = c.here.image->find(coord::offsets_topic);
    std::vector<response::group_entry> groups;
    const auto id = topic ? topic->id : topic_id{};
    const std::int32_t count = topic ? topic->partition_count : 0; // the image may change meanwhile
    for (std::int32_t p = 0; p < count; ++p) {
        group_place place{&c.here.context_of({id, {p}}), {p}};
        auto decide = [](coord::coordinator& at, coord::moment) { return coord::result<std::vector<coord::listed_group>>{at.list()}; };
        auto listed = co_await ask_partition<std::vector<coord::listed_group>>(place, std::move(decide));
        if (!listed) {
            out.error_code = to_kafka(listed.error());
            co_return out;
        }
        for (const auto& g : *listed) {
            if (!among(in.states_filter, g.state) || !among(in.types_filter, g.type)) continue;
            auto& e = groups.emplace_back();
            e.group_id = keep(c.arena, std::string_view{g.id});
            e.protocol_type = keep(c.arena, std::string_view{g.protocol_type});
            e.group_state = keep(c.arena, std::string_view{g.state});
            e.group_type = keep(c.arena, std::string_view{g.type});
        }
    }
    out.groups = keep(c.arena, groups);
    co_return out;
}

} // namespace millrace::server
