// How far a word is from the one that was meant.
// Owner: pure function; no shard.
// Invariant: symmetric, and zero for equal words alone.
#pragma once

#include <cstddef>
#include <string_view>

namespace millrace {

// Levenshtein's: letters to insert, take out or replace; a transposition of neighbours costs two.
std::size_t edit_distance(std::string_view a, std::string_view b);

} // namespace millrace
