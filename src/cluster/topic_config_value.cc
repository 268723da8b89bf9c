#include "cluster/topic_config_value.h"

#include "cluster/topic_config.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace millrace::cluster {

namespace {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    auto from = text.find_first_not_of(blanks);
    if (from == text.npos) return {};
    return text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

struct bounds {
    std::string_view name;
    std::int64_t min;
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
};
// Kafka's ranges; a number that is not here may be anything its type holds.
constexpr bounds ranges[] = {
    {"delete.retention.ms", 0},
    {"file.delete.delay.ms", 0},
    {"flush.messages", 1},
    {"flush.ms", 0},
    {"index.interval.bytes", 0},
    {"local.retention.bytes", -2},
    {"local.retention.ms", -2},
    {"max.compaction.lag.ms", 1},
    {"max.message.bytes", 0},
    {"message.timestamp.after.max.ms", 0},
    {"message.timestamp.before.max.ms", 0},
    {"min.compaction.lag.ms", 0},
    {"min.insync.replicas", 1},
    {"remote.copy.lag.bytes", -1},
    {"remote.copy.lag.ms", -1},
    {"retention.bytes", -1},
    {"retention.ms", -1},
    {"segment.bytes", 1 << 20},
    {"segment.index.bytes", 4},
    {"segment.jitter.ms", 0},
    {"segment.ms", 1},
    {"compression.lz4.level", 1, 17},
    {"compression.zstd.level", -131072, 22},
};

struct choice {
    std::string_view name;
    std::string_view words;
};
constexpr choice choices[] = {
    {"cleanup.policy", "compact, delete"},
    {"compression.type", "uncompressed, zstd, lz4, snappy, gzip, producer"},
    {"message.timestamp.type", "CreateTime, LogAppendTime"},
    {"millrace.durability", "flush, acks, cache"},
};

bool one_of(std::string_view word, std::string_view words) {
    for (auto w : split_list(words))
        if (w == word) return true;
    return false;
}

std::unexpected<failure> bad(std::string_view name, std::string_view value, std::string_view why) {
    return refuse(errc::invalid_config, "Invalid value " + std::string{value} + " for configuration " +
                                            std::string{name} + ": " + std::string{why});
}

outcome<void> check_number(std::string_view name, std::string_view value, const value_rule& rule) {
    auto n = parse_integer(value);
    bool is_long = rule.type == config_type::int64;
    bool fits = n && (is_long || (*n >= std::numeric_limits<std::int32_t>::min() &&
                                  *n <= std::numeric_limits<std::int32_t>::max()));
    if (!fits) return bad(name, value, is_long ? "Not a number of type LONG" : "Not a number of type INT");
    if (name == "compression.gzip.level" && *n != -1 && (*n < 1 || *n > 9))
        return bad(name, value, "Value must be between 1 and 9 or equal to -1");
    if (*n < rule.min) return bad(name, value, "Value must be at least " + std::to_string(rule.min));
    if (*n > rule.max) return bad(name, value, "Value must be no more than " + std::to_string(rule.max));
    return {};
}

outcome<void> check_throttle_list(std::string_view name, std::string_view value) {
    if (trimmed(value) == "*") return {};
    for (auto item : split_list(value)) {
        auto colon = item.find(':');
        if (colon == item.npos || !parse_integer(item.substr(0, colon)) || !parse_integer(item.substr(colon + 1)))
            return bad(name, value,
                       "Must be the literal '*' or a list of replicas in the following format: "
                       "[partitionId]:[brokerId],[partitionId]:[brokerId],...");
    }
    return {};
}

value_rule rule_of(const topic_config_key& key) {
    value_rule rule;
    rule.type = key.type;
    if (key.type == config_type::float64) rule.min = 0, rule.max = 1;
    for (const auto& range : ranges)
        if (range.name == key.name) rule.min = range.min, rule.max = range.max;
    for (const auto& c : choices)
        if (c.name == key.name) rule.words = c.words;
    return rule;
}

} // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) {
    text = trimmed(text);
    if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
    std::int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<double> parse_decimal(std::string_view text) {
    text = trimmed(text);
    double value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
    return value;
}

std::optional<bool> parse_boolean(std::string_view text) {
    std::string word{trimmed(text)};
    for (auto& c : word)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (word == "true") return true;
    if (word == "false") return false;
    return std::nullopt;
}

std::vector<std::string_view> split_list(std::string_view text) {
    std::vector<std::string_view> items;
    if (trimmed(text).empty()) return items;
    for (;;) {
        auto comma = text.find(',');
        items.push_back(trimmed(text.substr(0, comma)));
        if (comma == text.npos) return items;
        text.remove_prefix(comma + 1);
    }
}

outcome<void> check_value(std::string_view name, std::string_view value, const value_rule& rule) {
    switch (rule.type) {
    case config_type::boolean:
        if (!parse_boolean(value)) return bad(name, value, "Expected value to be either true or false");
        return {};
    case config_type::int16:
    case config_type::int32:
    case config_type::int64: return check_number(name, value, rule);
    case config_type::float64: {
        auto n = parse_decimal(value);
        if (!n) return bad(name, value, "Not a number of type DOUBLE");
        if (*n < static_cast<double>(rule.min)) return bad(name, value, "Value must be at least " + std::to_string(rule.min));
        if (*n > static_cast<double>(rule.max)) return bad(name, value, "Value must be no more than " + std::to_string(rule.max));
        return {};
    }
    case config_type::list:
        for (auto item : split_list(value))
            if (!rule.words.empty() && !one_of(item, rule.words)) return bad(name, item, "String must be one of: " + std::string{rule.words});
        return {};
    case config_type::string:
        if (!rule.words.empty() && !one_of(value, rule.words))
            return bad(name, value, "String must be one of: " + std::string{rule.words});
        return {};
    }
    return {};
}

outcome<void> check_topic_config(std::string_view name, std::string_view value) {
    const auto* key = find_topic_config(name);
    if (!key) return refuse(errc::invalid_config, "Unknown topic config name: " + std::string{name});
    auto rule = rule_of(*key);
    if (key->type == config_type::list && rule.words.empty()) return check_throttle_list(name, value);
    return check_value(name, value, rule);
}

} // namespace millrace::cluster
