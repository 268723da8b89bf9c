#include "cluster/group_config.h"

#include "cluster/topic_config_value.h"

#include <algorithm>

namespace millrace::cluster {

namespace {

constexpr auto t_bool = config_type::boolean;
constexpr auto t_text = config_type::string;
constexpr auto t_int = config_type::int32;
constexpr bool acts = true;

constexpr group_config_key keys[] = {
    {"consumer.assignment.interval.ms", t_int, "1000", "group.consumer.assignment.interval.ms", 0, {},
     "group.consumer.min.assignment.interval.ms", 0, "group.consumer.max.assignment.interval.ms", 15'000, acts,
     "Least time between two new assignments of a consumer group."},
    {"consumer.heartbeat.interval.ms", t_int, "5000", "group.consumer.heartbeat.interval.ms", 1, {},
     "group.consumer.min.heartbeat.interval.ms", 5'000, "group.consumer.max.heartbeat.interval.ms", 15'000, acts,
     "How often members of the consumer group are to be heard of."},
    {"consumer.session.timeout.ms", t_int, "45000", "group.consumer.session.timeout.ms", 1, {},
     "group.consumer.min.session.timeout.ms", 45'000, "group.consumer.max.session.timeout.ms", 60'000, acts,
     "A member of the consumer group that is silent for this long is out."},
    {"share.assignment.interval.ms", t_int, "1000", "group.share.assignment.interval.ms", 0, {},
     "group.share.min.assignment.interval.ms", 0, "group.share.max.assignment.interval.ms", 15'000, false,
     "Least time between two new assignments of a share group."},
    {"share.auto.offset.reset", t_text, "latest", "", 0, {}, {}, 0, {}, 0, false,
     "Where a share group begins: earliest, latest, or by_duration: and a time."},
    {"share.delivery.count.limit", t_int, "5", "group.share.delivery.count.limit", 2, {},
     "group.share.min.delivery.count.limit", 2, "group.share.max.delivery.count.limit", 10, false,
     "How often a share group tries to deliver a record."},
    {"share.heartbeat.interval.ms", t_int, "5000", "group.share.heartbeat.interval.ms", 1, {},
     "group.share.min.heartbeat.interval.ms", 5'000, "group.share.max.heartbeat.interval.ms", 15'000, false,
     "How often members of the share group are to be heard of."},
    {"share.isolation.level", t_text, "read_uncommitted", "", 0, "read_committed, read_uncommitted", {}, 0, {}, 0, false,
     "Whether a share group reads records of transactions that are not committed."},
    {"share.partition.max.record.locks", t_int, "2000", "group.share.partition.max.record.locks", 100, {},
     "group.share.min.partition.max.record.locks", 100, "group.share.max.partition.max.record.locks", 4'000, false,
     "Records of one partition that a share group holds at a time."},
    {"share.record.lock.duration.ms", t_int, "30000", "group.share.record.lock.duration.ms", 1'000, {},
     "group.share.min.record.lock.duration.ms", 15'000, "group.share.max.record.lock.duration.ms", 60'000, false,
     "How long a member of a share group holds a record."},
    {"share.renew.acknowledge.enable", t_bool, "true", "", 0, {}, {}, 0, {}, 0, false,
     "Whether members of a share group may hold a record for longer."},
    {"share.session.timeout.ms", t_int, "45000", "group.share.session.timeout.ms", 1, {},
     "group.share.min.session.timeout.ms", 45'000, "group.share.max.session.timeout.ms", 60'000, false,
     "A member of the share group that is silent for this long is out."},
    {"streams.assignment.interval.ms", t_int, "1000", "group.streams.assignment.interval.ms", 0, {},
     "group.streams.min.assignment.interval.ms", 0, "group.streams.max.assignment.interval.ms", 15'000, false,
     "Least time between two new assignments of a streams group."},
    {"streams.heartbeat.interval.ms", t_int, "5000", "group.streams.heartbeat.interval.ms", 1, {},
     "group.streams.min.heartbeat.interval.ms", 5'000, "group.streams.max.heartbeat.interval.ms", 15'000, false,
     "How often members of the streams group are to be heard of."},
    {"streams.initial.rebalance.delay.ms", t_int, "3000", "group.streams.initial.rebalance.delay.ms", 0, {}, {}, 0, {}, 0, false,
     "How long an empty streams group waits for more members."},
    {"streams.num.standby.replicas", t_int, "0", "group.streams.num.standby.replicas", 0, {}, {}, 0,
     "group.streams.max.standby.replicas", 2, false, "Standby copies of each task of the streams group."},
    {"streams.session.timeout.ms", t_int, "45000", "group.streams.session.timeout.ms", 1, {},
     "group.streams.min.session.timeout.ms", 45'000, "group.streams.max.session.timeout.ms", 60'000, false,
     "A member of the streams group that is silent for this long is out."},
};

std::unexpected<failure> bad(std::string text) { return refuse(errc::invalid_config, std::move(text)); }

std::int64_t bound(const config_map& broker_values, std::string_view option, std::int64_t built_in) {
    auto at = broker_values.find(option);
    return at == broker_values.end() ? built_in : parse_integer(at->second).value_or(built_in);
}

// "by_duration:" and a duration of ISO 8601 in days and smaller, not negative: P1DT2H3M4.5S.
bool is_duration(std::string_view text) {
    if (text.size() < 3 || (text[0] != 'P' && text[0] != 'p')) return false;
    text.remove_prefix(1);
    std::string_view units = "DTHMS";
    bool any = false;
    for (std::size_t next = 0; !text.empty();) {
        if (text[0] == 'T' || text[0] == 't') {
            if (next > 1 || text.size() == 1) return false;
            next = 2;
            text.remove_prefix(1);
            continue;
        }
        auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
        auto end = digits;
        if (end > 0 && end < text.size() && text[end] == '.')
            end = std::min(text.find_first_not_of("0123456789", end + 1), text.size());
        if (digits == 0 || end == text.size()) return false;
        char unit = text[end] >= 'a' ? static_cast<char>(text[end] - 'a' + 'A') : text[end];
        auto at = units.find(unit, next);
        bool in_time = next >= 2;
        if (at == units.npos || unit == 'T' || (at >= 2) != in_time || (end != digits && unit != 'S')) return false;
        next = at + 1;
        any = true;
        text.remove_prefix(end + 1);
    }
    return any;
}

outcome<void> check_reset(std::string_view name, std::string_view value) {
    constexpr std::string_view by_duration = "by_duration:";
    std::string_view word = value;
    if (word == "earliest" || word == "latest") return {};
    if (word.starts_with(by_duration) && is_duration(word.substr(by_duration.size()))) return {};
    std::string of = " for configuration " + std::string{name};
    return bad("Invalid value " + std::string{value} + of + ": Invalid value `" + std::string{value} + "`" + of +
               ". The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.");
}

outcome<void> check_longer(std::string_view kind, const config_map& configs, const config_map& broker_values) {
    auto effective = [&](std::string_view name) {
        const auto* key = find_group_config(name);
        if (auto own = group_config_number(configs, name)) return *own;
        return bound(broker_values, key->broker_name, *parse_integer(key->default_value));
    };
    std::string session = std::string{kind} + ".session.timeout.ms", heartbeat = std::string{kind} + ".heartbeat.interval.ms";
    // What broker options alone say is theirs to answer for.
    if (!configs.contains(session) && !configs.contains(heartbeat)) return {};
    if (effective(session) <= effective(heartbeat)) return bad(session + " must be greater than " + heartbeat);
    return {};
}

} // namespace

std::span<const group_config_key> group_config_keys() { return keys; }

const group_config_key* find_group_config(std::string_view name) {
    for (const auto& key : keys)
        if (key.name == name) return &key;
    return nullptr;
}

std::optional<std::int64_t> group_config_number(const config_map& configs, std::string_view name) {
    auto at = configs.find(name);
    return at == configs.end() ? std::nullopt : parse_integer(at->second);
}

outcome<void> check_group_configs(const config_map& configs, const config_map& broker_values) {
    for (const auto& [name, value] : configs) {
        const auto* key = find_group_config(name);
        if (!key) return bad("Unknown group config name: " + name);
        if (key->name == "share.auto.offset.reset") {
            if (auto fine = check_reset(name, value); !fine) return fine;
            continue;
        }
        value_rule rule;
        rule.type = key->type;
        rule.words = key->words;
        rule.min = key->min;
        if (auto fine = check_value(name, value, rule); !fine) return fine;
        auto n = parse_integer(value);
        if (!key->least_option.empty() && *n < bound(broker_values, key->least_option, key->least))
            return bad(name + " must be greater than or equal to " + std::string{key->least_option});
        if (!key->most_option.empty() && *n > bound(broker_values, key->most_option, key->most))
            return bad(name + " must be less than or equal to " + std::string{key->most_option});
    }
    for (std::string_view kind : {"consumer", "share", "streams"})
        if (auto fine = check_longer(kind, configs, broker_values); !fine) return fine;
    return {};
}

std::vector<config_row> describe_group_config(const broker_layers& broker, const config_map& configs) {
    std::vector<config_row> rows;
    for (const auto& key : keys) {
        config_row row{std::string{key.name}, std::string{key.default_value}, config_source::built_in, key.type, false, false, {}, key.documentation};
        synonym_name behind{key.broker_name.empty() ? key.name : key.broker_name, std::string{key.default_value}};
        row.synonyms = list_synonyms({&behind, 1}, broker);
        if (const auto* set = broker.find(behind.name, row.source)) row.value = *set;
        if (auto own = configs.find(key.name); own != configs.end()) {
            row.value = own->second;
            row.source = config_source::dynamic_group;
            row.synonyms.insert(row.synonyms.begin(), {row.name, row.value, row.source});
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace millrace::cluster
