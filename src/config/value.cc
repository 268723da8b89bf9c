#include "config/value.h"

#include <charconv>
#include <cmath>

namespace millrace::config {

namespace {

struct unit {
    std::string_view suffix;
    std::int64_t factor;
};
constexpr unit byte_units[] = {{"", 1}, {"B", 1}, {"KiB", 1ll << 10}, {"MiB", 1ll << 20}, {"GiB", 1ll << 30},
                               {"TiB", 1ll << 40}, {"kB", 1000}, {"MB", 1'000'000}, {"GB", 1'000'000'000}};
constexpr unit time_units[] = {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

std::string quoted(std::string_view text) { return "\"" + std::string{text} + "\""; }

struct number {
    std::int64_t value;
    std::string_view suffix;
};
std::expected<number, std::string> split_number(std::string_view text, const char* wanted) {
    number out{};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.value);
    if (error == std::errc::result_out_of_range) return std::unexpected{quoted(text) + " is too large"};
    if (error != std::errc{}) return std::unexpected{quoted(text) + " is not " + wanted};
    out.suffix = trimmed(text.substr(static_cast<std::size_t>(end - text.data())));
    return out;
}

std::expected<std::int64_t, std::string> parse_integer(std::string_view text) {
    auto n = split_number(text, "a whole number");
    if (!n) return std::unexpected{n.error()};
    if (!n->suffix.empty()) return std::unexpected{quoted(text) + " is not a whole number"};
    return n->value;
}

std::expected<std::string, std::string> checked(const option& o, std::expected<std::int64_t, std::string> n) {
    if (!n) return std::unexpected{n.error()};
    if (*n < o.min) return std::unexpected{std::to_string(*n) + " is below the least, " + std::to_string(o.min)};
    if (*n > o.max) return std::unexpected{std::to_string(*n) + " is over the most, " + std::to_string(o.max)};
    return std::to_string(*n);
}

bool among(std::string_view word, std::string_view words) {
    for (const auto& w : split_list(words))
        if (w == word) return true;
    return false;
}

std::expected<endpoint, std::string> parse_endpoint(std::string_view text) {
    auto bad = [&](const char* why) { return std::unexpected{quoted(text) + ": " + why}; };
    auto scheme = text.find("://");
    if (scheme == text.npos) return bad("an address looks like PLAINTEXT://host:9092");
    endpoint out;
    out.listener = text.substr(0, scheme);
    if (out.listener != "PLAINTEXT") return bad("this release serves PLAINTEXT listeners only");
    auto rest = text.substr(scheme + 3);
    auto colon = rest.rfind(':');
    if (colon == rest.npos) return bad("the port is missing");
    auto host = rest.substr(0, colon), port = rest.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    else if (host.find(':') != host.npos) return bad("an IPv6 address goes in brackets");
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (error != std::errc{} || end != port.data() + port.size() || port.empty()) return bad("the port is 0 to 65535");
    out.host = host;
    return out;
}

} // namespace

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    auto from = text.find_first_not_of(blanks);
    if (from == text.npos) return {};
    return text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> items;
    while (!text.empty()) {
        auto comma = text.find(',');
        if (auto item = trimmed(text.substr(0, comma)); !item.empty()) items.emplace_back(item);
        if (comma == text.npos) break;
        text.remove_prefix(comma + 1);
    }
    return items;
}

std::expected<std::int64_t, std::string> parse_bytes(std::string_view text) {
    auto n = split_number(text, "a size (4096, 64KiB, 1GiB)");
    if (!n) return std::unexpected{n.error()};
    for (auto u : byte_units) {
        std::int64_t out = 0;
        if (u.suffix != n->suffix) continue;
        if (__builtin_mul_overflow(n->value, u.factor, &out)) return std::unexpected{quoted(text) + " is too large"};
        return out;
    }
    return std::unexpected{quoted(text) + " is not a size (4096, 64KiB, 1GiB)"};
}

std::expected<std::int64_t, std::string> parse_duration(std::string_view text, time_unit unit) {
    auto n = split_number(text, "a duration (500, 500ms, 5s, 10min, 12h, 7d)");
    if (!n) return std::unexpected{n.error()};
    if (n->suffix.empty()) return n->value;
    for (auto u : time_units) {
        std::int64_t ms = 0;
        if (u.suffix != n->suffix) continue;
        if (__builtin_mul_overflow(n->value, u.factor, &ms)) return std::unexpected{quoted(text) + " is too large"};
        auto per = static_cast<std::int64_t>(unit);
        if (ms % per != 0)
            return std::unexpected{quoted(text) + " is not a whole number of " +
                                   (unit == time_unit::hours ? "hours" : "minutes")};
        return ms / per;
    }
    return std::unexpected{quoted(text) + " is not a duration (500, 500ms, 5s, 10min, 12h, 7d)"};
}

std::expected<std::vector<endpoint>, std::string> parse_endpoints(std::string_view text) {
    std::vector<endpoint> out;
    for (const auto& item : split_list(text)) {
        auto one = parse_endpoint(item);
        if (!one) return std::unexpected{one.error()};
        out.push_back(std::move(*one));
    }
    return out;
}

std::expected<std::string, std::string> plain_value(const option& o, std::string_view text) {
    text = trimmed(text);
    if (o.unset && text.empty()) return std::string{};
    switch (o.type) {
    case option_type::boolean:
        if (text == "true" || text == "false") return std::string{text};
        return std::unexpected{quoted(text) + " is neither true nor false"};
    case option_type::integer: return checked(o, parse_integer(text));
    case option_type::bytes: return checked(o, parse_bytes(text));
    case option_type::duration: return checked(o, parse_duration(text, o.unit));
    case option_type::shard_count:
        if (text == "auto") return std::string{text};
        return checked(o, parse_integer(text));
    case option_type::decimal: {
        double n = 0;
        auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
        if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(n))
            return std::unexpected{quoted(text) + " is not a number"};
        if (n < static_cast<double>(o.min) || n > static_cast<double>(o.max))
            return std::unexpected{quoted(text) + " is not between " + std::to_string(o.min) + " and " + std::to_string(o.max)};
        return std::string{text};
    }
    case option_type::word:
        if (among(text, o.words)) return std::string{text};
        return std::unexpected{quoted(text) + " is not one of: " + std::string{o.words}};
    case option_type::list: {
        std::string out;
        for (const auto& item : split_list(text)) {
            if (!o.words.empty() && !among(item, o.words))
                return std::unexpected{quoted(item) + " is not one of: " + std::string{o.words}};
            out += (out.empty() ? "" : ",") + item;
        }
        return out;
    }
    case option_type::endpoints: {
        auto parsed = parse_endpoints(text);
        if (!parsed) return std::unexpected{parsed.error()};
        for (const auto& e : *parsed)
            if (o.name == "advertised.listeners" && (e.host.empty() || e.host == "0.0.0.0" || e.host == "::" || e.port == 0))
                return std::unexpected{quoted(text) + ": clients need a host and a port that they can reach"};
        if (o.name == "listeners" && parsed->empty()) return std::unexpected{std::string{"at least one address is needed"}};
        return std::string{text};
    }
    case option_type::text: return std::string{text};
    }
    return std::string{text};
}

} // namespace millrace::config
