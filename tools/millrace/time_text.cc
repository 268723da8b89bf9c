#include "time_text.h"

#include <chrono>
#include <cstdio>

namespace millrace::tool {

namespace {

constexpr std::int64_t ms_per_second = 1000, ms_per_minute = 60'000, ms_per_hour = 3'600'000, ms_per_day = 86'400'000;

struct cursor {
    std::string_view left;
    bool take(char c) {
        if (left.empty() || left.front() != c) return false;
        left.remove_prefix(1);
        return true;
    }
    static bool is_digit(char c) { return c >= '0' && c <= '9'; }
    // Exactly `count` digits.
    std::optional<int> digits(std::size_t count) {
        if (left.size() < count) return std::nullopt;
        int value = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (!is_digit(left[i])) return std::nullopt;
            value = value * 10 + (left[i] - '0');
        }
        left.remove_prefix(count);
        return value;
    }
    // Behind a point: one to nine digits, as milliseconds.
    std::optional<int> thousandths() {
        int value = 0;
        std::size_t count = 0;
        for (; !left.empty() && is_digit(left.front()) && count < 9; ++count, left.remove_prefix(1))
            if (count < 3) value = value * 10 + (left.front() - '0');
        if (count == 0) return std::nullopt;
        for (; count < 3; ++count) value *= 10;
        return value;
    }
    // One to ten digits: times any unit, all units together, they fit into 64 bits.
    std::optional<std::int64_t> whole() {
        std::int64_t value = 0;
        std::size_t count = 0;
        for (; !left.empty() && is_digit(left.front()); ++count, left.remove_prefix(1)) {
            if (count == 10) return std::nullopt;
            value = value * 10 + (left.front() - '0');
        }
        if (count == 0) return std::nullopt;
        return value;
    }
};

// Minutes east of UTC.
std::optional<int> zone(cursor& in) {
    if (in.left.empty()) return 0;
    if (in.take('Z') || in.take('z')) return 0;
    int sign = in.take('+') ? 1 : in.take('-') ? -1 : 0;
    if (sign == 0) return std::nullopt;
    auto hours = in.digits(2);
    in.take(':');
    auto minutes = in.left.empty() ? std::optional<int>{0} : in.digits(2);
    if (!hours || !minutes || *hours > 18 || *minutes > 59) return std::nullopt;
    return sign * (*hours * 60 + *minutes);
}

std::optional<std::int64_t> iso_duration(cursor in) {
    struct unit {
        char name;
        std::int64_t milliseconds;
    };
    constexpr unit days[] = {{'W', 7 * ms_per_day}, {'D', ms_per_day}};
    constexpr unit times[] = {{'H', ms_per_hour}, {'M', ms_per_minute}, {'S', ms_per_second}};
    std::int64_t total = 0;
    bool any = false;
    auto part = [&](const unit* units, std::size_t count) {
        std::size_t from = 0; // units come from large to small, each once
        while (!in.left.empty() && in.left.front() != 'T') {
            auto number = in.whole();
            if (!number) return false;
            std::optional<int> fraction;
            if (in.take('.') && !(fraction = in.thousandths())) return false;
            while (from < count && !in.take(units[from].name)) ++from;
            if (from == count || (fraction && units[from].name != 'S')) return false;
            total += *number * units[from++].milliseconds + fraction.value_or(0);
            any = true;
        }
        return true;
    };
    if (!part(days, 2)) return std::nullopt;
    if (in.take('T')) {
        if (in.left.empty() || !part(times, 3)) return std::nullopt;
    }
    if (!any || !in.left.empty()) return std::nullopt;
    return total;
}

} // namespace

std::optional<timestamp_ms> parse_time(std::string_view text) {
    cursor in{text};
    auto year = in.digits(4);
    if (!year || !in.take('-')) return std::nullopt;
    auto month = in.digits(2);
    if (!month || !in.take('-')) return std::nullopt;
    auto day = in.digits(2);
    if (!day) return std::nullopt;
    std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month(static_cast<unsigned>(*month)),
                                     std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return std::nullopt;
    std::int64_t ms = std::chrono::sys_days{date}.time_since_epoch().count() * ms_per_day;
    if (in.left.empty()) return timestamp_ms{ms};
    if (!in.take('T') && !in.take(' ')) return std::nullopt;
    auto hour = in.digits(2);
    if (!hour || *hour > 23 || !in.take(':')) return std::nullopt;
    auto minute = in.digits(2);
    if (!minute || *minute > 59) return std::nullopt;
    ms += *hour * ms_per_hour + *minute * ms_per_minute;
    if (in.take(':')) {
        auto second = in.digits(2);
        if (!second || *second > 59) return std::nullopt;
        ms += *second * ms_per_second;
        if (in.take('.')) {
            auto fraction = in.thousandths();
            if (!fraction) return std::nullopt;
            ms += *fraction;
        }
    }
    auto east = zone(in);
    if (!east || !in.left.empty()) return std::nullopt;
    return timestamp_ms{ms - *east * ms_per_minute};
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
    cursor in{text};
    if (in.take('P')) return iso_duration(in);
    auto number = in.whole();
    if (!number) return std::nullopt;
    if (in.left == "ms") return *number;
    if (in.left == "s") return *number * ms_per_second;
    if (in.left == "m") return *number * ms_per_minute;
    if (in.left == "h") return *number * ms_per_hour;
    if (in.left == "d") return *number * ms_per_day;
    return std::nullopt;
}

std::string time_text(timestamp_ms at) {
    if (at.value < 0) return "-";
    auto when = std::chrono::sys_time<std::chrono::milliseconds>{std::chrono::milliseconds{at.value}};
    auto day = std::chrono::floor<std::chrono::days>(when);
    std::chrono::year_month_day date{day};
    std::chrono::hh_mm_ss clock{when - day};
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
                  static_cast<int>(clock.subseconds().count()));
    return text;
}

std::string seconds_text(std::int64_t milliseconds) {
    auto thousandths = std::to_string(milliseconds % 1000);
    return std::to_string(milliseconds / 1000) + "." + std::string(3 - thousandths.size(), '0') + thousandths;
}

} // namespace millrace::tool
