#include "coord/group/topic_list.h"

#include "coord/group/sorted_once.h"
#include "coord/group/text_hash.h"

namespace millrace::coord {

topic_list::topic_list(std::vector<std::string_view> names) {
    if (names.empty()) return;
    if (!std::is_sorted(names.begin(), names.end(), std::less_equal<>{})) sort_once(names);
    auto list = std::make_shared<made>();
    std::size_t bytes = 0;
    for (auto name : names) bytes += name.size();
    list->text.reserve(bytes);
    text_hash hash;
    for (auto& name : names) {
        const auto at = list->text.size();
        list->text.append(name);
        hash.add(name);
        hash.add_number(name.size(), 4);
        name = std::string_view{list->text}.substr(at);
    }
    list->names = std::move(names);
    list->hash = hash.value();
    made_ = std::move(list);
}

std::strong_ordering operator<=>(const topic_list& a, const topic_list& b) {
    if (a.made_ == b.made_) return std::strong_ordering::equal;
    if (!a.made_ || !b.made_) return a.empty() ? std::strong_ordering::less : std::strong_ordering::greater;
    if (auto by_hash = a.made_->hash <=> b.made_->hash; by_hash != 0) return by_hash;
    return std::lexicographical_compare_three_way(a.names().begin(), a.names().end(), b.names().begin(), b.names().end());
}

} // namespace millrace::coord
