#include "runtime/after_others.h"
#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"
#include "server/api/pace.h"
#include "server/aside.h"

#include <algorithm>
#include <deque>

namespace millrace::server {

namespace {

// Of one visit to a coordinator, so that its shard goes on with other work in between.
constexpr std::size_t listed_in_a_turn_max = 1000;

struct listed_part {
    std::vector<coord::listed_group> groups;
    coord::coordinator::list_place next;
};

bool same_word(std::string_view a, std::string_view b) {
    auto small = [](char ch) { return ch >= 'A' && ch <= 'Z' ? static_cast<char>(ch - 'A' + 'a') : ch; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return small(x) == small(y); });
}

// Each word is looked for once: a request may have a hundred thousand, and there are a few states and types.
class filter {
  public:
    explicit filter(const kafka::array_view<std::string_view>& wanted) : wanted_{wanted} {}
    bool lets(std::string_view word) {
        if (wanted_.empty()) return true;
        for (const auto& [known, passes] : seen_)
            if (known == word) return passes;
        const bool passes = std::any_of(wanted_.begin(), wanted_.end(), [&](auto w) { return same_word(w, word); });
        seen_.emplace_back(word, passes);
        return passes;
    }

  private:
    const kafka::array_view<std::string_view>& wanted_;
    std::vector<std::pair<std::string, bool>> seen_;
};

} // namespace

runtime::task<kafka::list_groups_response> answer(const kafka::list_groups_request& in, call& c) {
    using response = kafka::list_groups_response;
    response out;
    const auto* topic = c.here.image->find(coord::offsets_topic);
    std::deque<response::group_entry> groups; // which does not move what it has as it grows
    filter states{in.states_filter}, types{in.types_filter};
    pace step;
    const auto id = topic ? topic->id : topic_id{};
    const std::int32_t count = topic ? topic->partition_count : 0; // the image may change meanwhile
    for (std::int32_t p = 0; p < count; ++p) {
        group_place place{&c.here.context_of({id, {p}}), {p}};
        for (coord::coordinator::list_place next; !next.at_end;) {
            auto decide = [next](coord::coordinator& at, coord::moment) {
                auto from = next;
                auto groups = at.list(from, listed_in_a_turn_max);
                return coord::result<listed_part>{{std::move(groups), from}};
            };
            auto asked = ask_partition<listed_part>(place, std::move(decide));
            auto listed = co_await asked;
            if (!listed) {
                out.error_code = to_kafka(listed.error());
                co_return out;
            }
            next = listed->next;
            for (const auto& g : listed->groups) {
                if (!states.lets(g.state) || !types.lets(g.type)) continue;
                auto& e = groups.emplace_back();
                e.group_id = keep(c.arena, std::string_view{g.id});
                e.protocol_type = keep(c.arena, std::string_view{g.protocol_type});
                e.group_state = keep(c.arena, std::string_view{g.state});
                e.group_type = keep(c.arena, std::string_view{g.type});
            }
            if (step.is_over(listed->groups.size())) co_await runtime::after_others();
        }
    }
    auto gather = [&] {
        auto all = c.arena.make_array<response::group_entry>(groups.size());
        std::copy(groups.begin(), groups.end(), all.begin());
        groups.clear();
        out.groups = all;
    };
    if (is_large(c.arena)) {
        auto gathering = aside(c.here, gather);
        co_await gathering;
    } else {
        gather();
    }
    co_return out;
}

} // namespace millrace::server
