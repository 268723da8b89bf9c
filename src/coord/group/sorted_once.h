// A list as a set: sorted, each item once.
// Owner: pure function; no shard.
// Invariant: what clients list in any order and twice is stored and compared in one form.
#pragma once

#include <algorithm>
#include <vector>

namespace millrace::coord {

template <class T> void sort_once(std::vector<T>& items) {
    std::sort(items.begin(), items.end());
    items.erase(std::unique(items.begin(), items.end()), items.end());
}

} // namespace millrace::coord
