#include "coord/group/topic_search.h"

namespace millrace::coord {

void topic_search::run(std::size_t steps_max) {
    if (!compiled) {
        auto made = topic_regex::compile(regex);
        refused = over = !made;
        if (refused) return;
        compiled = std::make_shared<const topic_regex>(std::move(*made));
    }
    const auto all = topics->topics();
    for (std::size_t steps = 0; next < all.size() && steps <= steps_max; ++next) {
        const auto& name = all[next]->name;
        steps += compiled->cost() * name.size();
        if (compiled->matches(name)) found.push_back(name);
    }
    over = next == all.size();
    if (!over) return;
    list = topic_list{std::move(found)};
    known = look_up(list, *topics);
}

} // namespace millrace::coord
