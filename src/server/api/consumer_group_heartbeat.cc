#include "server/api/answer_text.h"
#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"
#include "server/aside.h"

#include <algorithm>

namespace millrace::server {

namespace {

using request = kafka::consumer_group_heartbeat_request;
using response = kafka::consumer_group_heartbeat_response;
constexpr std::int16_t version_with_client_made_id = 1;

// More are sorted off the loop.
constexpr std::size_t names_at_once_max = 2000;

coord::consumer_heartbeat_request plain(const request& in, const call& c) {
    coord::consumer_heartbeat_request out;
    out.group = in.group_id;
    out.member_id = in.member_id;
    out.client_id = c.client_id;
    out.client_host = "/" + std::string{c.client_host}; // as Java prints an address
    out.epoch = in.member_epoch;
    out.instance_id = owned(in.instance_id);
    out.rack_id = owned(in.rack_id);
    out.rebalance_timeout_ms = in.rebalance_timeout_ms;
    if (!in.subscribed_topic_names.is_null())
        out.topics.emplace(in.subscribed_topic_names);
    out.regex = owned(in.subscribed_topic_regex);
    out.assignor = owned(in.server_assignor);
    out.id_required = c.version >= version_with_client_made_id;
    if (!in.topic_partitions.is_null()) {
        auto& all = out.owned.emplace();
        for (const auto& t : in.topic_partitions) {
            if (t.partitions.empty()) continue;
            auto& partitions = all[t.topic_id];
            for (auto p : t.partitions) partitions.push_back(p.value);
            std::sort(partitions.begin(), partitions.end());
        }
    }
    return out;
}

bool says_nothing_new(const request& in) {
    return in.member_epoch > 0 && in.rebalance_timeout_ms == -1 && in.instance_id.is_null() && in.rack_id.is_null() &&
           in.server_assignor.is_null() && in.subscribed_topic_names.is_null() && in.subscribed_topic_regex.is_null() &&
           in.topic_partitions.is_null();
}

kafka::array_view<response::topic_entry> entries(call& c, const coord::partition_set& set) {
    auto topics = c.arena.make_array<response::topic_entry>(set.size());
    std::size_t t = 0;
    for (const auto& [topic, partitions] : set) {
        auto numbers = c.arena.make_array<partition_index>(partitions.size());
        for (std::size_t i = 0; i < partitions.size(); ++i) numbers[i] = {partitions[i]};
        topics[t].topic_id = topic;
        topics[t++].partitions = numbers;
    }
    return topics;
}

} // namespace

std::optional<response> answer_at_once(const request& in, call& c) {
    if (!says_nothing_new(in)) return std::nullopt;
    auto said = look_at_group(c, in.group_id, [&](coord::coordinator& to, coord::moment now) {
        return to.consumer_sign_of_life({in.group_id, in.member_id, c.client_id, c.client_host, in.member_epoch}, now);
    });
    if (!said) return std::nullopt;
    response out;
    out.member_id = in.member_id;
    out.member_epoch = in.member_epoch;
    out.heartbeat_interval_ms = static_cast<std::int32_t>(said->interval.count());
    return out;
}

runtime::task<response> answer(const request& in, call& c) {
    response out;
    auto place = place_of_group(c, in.group_id);
    if (!place) {
        out.error_code = kafka::error_code::not_coordinator;
        co_return out;
    }
    coord::consumer_heartbeat_request beat;
    auto make = [&] {
        beat = plain(in, c);
        coord::compile_regex(beat);
    };
    const bool large = is_large(c.arena);
    if (large || in.subscribed_topic_names.size() > names_at_once_max || !in.subscribed_topic_regex.is_null()) {
        auto making = aside(c.here, make);
        co_await making;
    } else {
        make();
    }
    // Looked at where it is: this waits for the answer, and what is large is not freed there.
    auto decide = [&beat](coord::coordinator& at, coord::moment now) {
        return coord::result<coord::consumer_heartbeat_answer>{at.consumer_heartbeat(beat, now)};
    };
    auto asked = ask_partition<coord::consumer_heartbeat_answer>(*place, std::move(decide));
    auto said = co_await asked;
    if (large) {
        auto let_go = [&] { beat = {}; };
        auto letting_go = aside(c.here, let_go);
        co_await letting_go;
    }
    if (!said || said->error) {
        out.error_code = to_kafka(said ? *said->error : said.error());
        if (said) out.error_message = keep_error(c.arena, said->error_text);
        co_return out;
    }
    out.member_id = keep(c.arena, std::string_view{said->member_id});
    out.member_epoch = said->epoch;
    out.heartbeat_interval_ms = static_cast<std::int32_t>(said->interval.count());
    if (said->assignment) out.assignment.emplace().topic_partitions = entries(c, *said->assignment);
    co_return out;
}

} // namespace millrace::server
