// Which names or ids a request holds once, and which more than once: Kafka refuses to guess what a repeated one means.
// Owner: values on the request's memory; no shard.
// Invariant: `once` and `repeated` are sorted, without duplicates, and have nothing in common.
#pragma once

#include <algorithm>
#include <vector>

namespace millrace::server {

template <class T> struct occurrences {
    std::vector<T> once;
    std::vector<T> repeated;
};

template <class T> occurrences<T> count_occurrences(std::vector<T> all) {
    occurrences<T> out;
    std::sort(all.begin(), all.end());
    for (auto at = all.begin(); at != all.end();) {
        auto next = std::upper_bound(at, all.end(), *at);
        (next - at == 1 ? out.once : out.repeated).push_back(*at);
        at = next;
    }
    return out;
}

template <class T> bool holds(const std::vector<T>& sorted, const T& sought) {
    return std::binary_search(sorted.begin(), sorted.end(), sought);
}

} // namespace millrace::server
