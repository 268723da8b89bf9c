#include "slo.h"

#include "printed.h"

#include <charconv>

namespace millrace::bench {

namespace {

std::expected<slo, std::string> parse_one(std::string_view text) {
    auto wrong = [&] {
        return std::unexpected{"\"" + std::string{text} + "\" is no objective: write p99<5ms, max<1s, mean<=2ms, rate>100000, mb>500 or errors<1"};
    };
    slo out;
    out.text = text;
    auto sign = text.find_first_of("<>");
    if (sign == text.npos) return wrong();
    auto name = text.substr(0, sign), rest = text.substr(sign + 1);
    out.below = text[sign] == '<';
    if (rest.starts_with('=')) {
        out.or_equal = true;
        rest.remove_prefix(1);
    }
    bool time = true;
    if (name.starts_with('p')) {
        auto digits = name.substr(1);
        auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.percentile);
        if (error != std::errc{} || end != digits.data() + digits.size() || !(out.percentile > 0 && out.percentile <= 100)) return wrong();
    } else if (name == "mean" || name == "avg") {
        out.what = slo::of::mean;
    } else if (name == "max") {
        out.what = slo::of::max;
    } else {
        time = false;
        if (name == "rate") out.what = slo::of::rate;
        else if (name == "mb") out.what = slo::of::mb;
        else if (name == "errors") out.what = slo::of::errors;
        else return wrong();
    }
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), out.bound);
    if (error != std::errc{} || !(out.bound >= 0)) return wrong();
    std::string_view unit{end, static_cast<std::size_t>(rest.data() + rest.size() - end)};
    double factor = 1;
    if (time) {
        if (unit == "s") factor = 1e9;
        else if (unit == "ms" || unit.empty()) factor = 1e6;
        else if (unit == "us") factor = 1e3;
        else return wrong();
    } else if (unit == "k") {
        factor = 1e3;
    } else if (unit == "M") {
        factor = 1e6;
    } else if (!unit.empty()) {
        return wrong();
    }
    out.bound *= factor;
    return out;
}

} // namespace

std::expected<std::vector<slo>, std::string> parse_slos(std::string_view text) {
    std::vector<slo> out;
    while (true) {
        auto comma = text.find(',');
        auto one = text.substr(0, comma);
        std::string tight;
        for (char c : one)
            if (c != ' ') tight += c;
        auto parsed = parse_one(tight);
        if (!parsed) return std::unexpected{parsed.error()};
        out.push_back(std::move(*parsed));
        if (comma == text.npos) return out;
        text.remove_prefix(comma + 1);
    }
}

double slo::value(const measurement& m) const {
    auto seconds = m.seconds() > 0 ? m.seconds() : 1;
    switch (what) {
    case of::percentile: return static_cast<double>(m.latency().at_percentile(percentile));
    case of::mean: return m.latency().mean();
    case of::max: return static_cast<double>(m.latency().max());
    case of::rate: return static_cast<double>(m.records()) / seconds;
    case of::mb: return static_cast<double>(m.bytes()) / seconds / 1e6;
    case of::errors: return static_cast<double>(m.failed_records());
    }
    return 0;
}

bool slo::met(const measurement& m) const {
    // Without a record there is no latency to praise.
    if (m.latency().count() == 0 && what != of::errors) return false;
    auto got = value(m);
    if (or_equal && got == bound) return true;
    return below ? got < bound : got > bound;
}

} // namespace millrace::bench
