#include "coord/group/known_topics.h"

#include "coord/group/text_hash.h"

namespace millrace::coord {

namespace {

// `found(topic)` for each that exists, in the order of their names.
template <class Found> void walk(const topic_list& list, const cluster::image& in, Found found) {
    const auto names = list.names();
    const auto all = in.topics();
    if (names.size() < all.size()) {
        for (auto name : names)
            if (const auto* t = in.find(name)) found(*t);
    } else {
        for (const auto& t : all)
            if (list.contains(t->name)) found(*t);
    }
}

} // namespace

std::size_t steps_to_look_up(const topic_list& names, const cluster::image& in) { return std::min(names.size(), in.topics().size()); }

known_topics_ptr look_up(const topic_list& names, const cluster::image& in) {
    auto out = std::make_shared<known_topics>();
    text_hash hash;
    walk(names, in, [&](const cluster::topic& t) {
        out->topics.push_back({t.id, t.partition_count});
        out->partitions += static_cast<std::size_t>(t.partition_count);
        hash.add(t.name);
        hash.add({reinterpret_cast<const char*>(t.id.bytes.data()), t.id.bytes.size()});
        hash.add_number(static_cast<std::uint32_t>(t.partition_count), 4);
    });
    if (!out->topics.empty()) out->hash = hash.value();
    std::sort(out->topics.begin(), out->topics.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    return out;
}

void topic_look_up::run(std::size_t steps_max) {
    constexpr std::size_t steps_of_a_name = 20; // a step of matching, by which slices are measured, is so much shorter
    for (std::size_t steps = 0; next < lists.size() && steps <= steps_max; ++next) {
        auto& l = lists[next];
        steps += steps_of_a_name * (1 + steps_to_look_up(l.names, *topics));
        l.found = look_up(l.names, *topics);
    }
    over = next == lists.size();
}

} // namespace millrace::coord
