// The one table of options: feeds parsing, help, the commented default file and DescribeConfigs.
// Owner: constants; any shard.
// Invariant: names are unique and hold no underscore; every default passes its own row's check (tests/config).
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

namespace millrace::config {

enum class option_type : std::uint8_t { boolean, integer, decimal, bytes, duration, word, text, list, endpoints, shard_count };

// What a plain number means in an option of type duration.
enum class time_unit : std::int64_t { ms = 1, minutes = 60'000, hours = 3'600'000 };

enum class applies : std::uint8_t { at_start, live };

struct option {
    std::string_view group;
    std::string_view name;
    option_type type;
    std::string_view default_value; // plain, as it would be written
    std::string_view help;
    std::int64_t min = std::numeric_limits<std::int64_t>::min();
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
    std::string_view words = {};    // of type word and list: the words allowed, by comma
    time_unit unit = time_unit::ms;
    applies when = applies::at_start;
    bool topic_default = false;     // the default of a topic config
    bool unset = false;             // without a value of its own nothing is set: default_value is only described
    bool hidden = false;            // test only
};

std::span<const option> option_table(); // grouped
const option* find_option(std::string_view name);
// The closest name, if one is close enough to be meant; empty otherwise.
std::string_view suggest_option(std::string_view name);
// What is said of a name that no row has, with the suggestion.
std::string unknown_option(std::string_view dashes, std::string_view name);

} // namespace millrace::config
