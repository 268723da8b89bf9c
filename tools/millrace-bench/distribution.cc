#include "distribution.h"

#include "config/value.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace millrace::bench {

namespace {
std::vector<std::string_view> parts_of(std::string_view text) {
    std::vector<std::string_view> out;
    while (true) {
        auto colon = text.find(':');
        out.push_back(text.substr(0, colon));
        if (colon == text.npos) return out;
        text.remove_prefix(colon + 1);
    }
}

constexpr std::int64_t record_bytes_max = 100 << 20;

// log(1 + x) / x and (exp(x) - 1) / x, also near 0.
double log1p_over(double x) { return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2; }
double expm1_over(double x) { return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2; }
} // namespace

zipf_numbers::zipf_numbers(std::uint32_t count, double exponent) : count_{static_cast<double>(count)}, exponent_{exponent} {
    from_ = integral(1.5) - 1;
    to_ = integral(count_ + 0.5);
    shortcut_ = 2 - inverse(integral(2.5) - density(2));
}

double zipf_numbers::integral(double x) const {
    auto log_x = std::log(x);
    return expm1_over((1 - exponent_) * log_x) * log_x;
}

double zipf_numbers::inverse(double x) const {
    auto t = std::max(-1.0, x * (1 - exponent_));
    return std::exp(log1p_over(t) * x);
}

std::uint32_t zipf_numbers::next(fast_random& random) const {
    while (true) {
        auto u = to_ + random.unit() * (from_ - to_);
        auto x = inverse(u);
        auto k = std::clamp(std::floor(x + 0.5), 1.0, count_);
        if (k - x <= shortcut_ || u >= integral(k + 0.5) - density(k)) return static_cast<std::uint32_t>(k) - 1;
    }
}

std::expected<size_distribution, std::string> parse_size(std::string_view text) {
    auto parts = parts_of(text);
    bool uniform = parts[0] == "uniform";
    std::string wrong = "\"" + std::string{text} + "\" is no record size: write 1KiB, or uniform:100:4KiB";
    if (parts.size() != (uniform ? 3 : 1)) return std::unexpected{wrong};
    auto low = config::parse_bytes(parts[uniform ? 1 : 0]);
    auto high = config::parse_bytes(parts.back());
    if (!low || !high || *low < 0 || *high > record_bytes_max || *low > *high) return std::unexpected{wrong};
    return size_distribution{static_cast<std::uint32_t>(*low), static_cast<std::uint32_t>(*high)};
}

std::expected<key_distribution, std::string> parse_keys(std::string_view text) {
    std::string wrong = "\"" + std::string{text} + "\" are no keys: write none, sequential, uniform:N, zipf:N or zipf:N:0.99";
    auto parts = parts_of(text);
    key_distribution out;
    if (text == "none") return out;
    if (text == "sequential") {
        out.kind = key_kind::sequential;
        return out;
    }
    if (parts[0] == "uniform" && parts.size() == 2) out.kind = key_kind::uniform;
    else if (parts[0] == "zipf" && (parts.size() == 2 || parts.size() == 3)) out.kind = key_kind::zipf;
    else return std::unexpected{wrong};
    auto whole = [](std::string_view word, auto& into) {
        auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), into);
        return error == std::errc{} && end == word.data() + word.size();
    };
    if (!whole(parts[1], out.count) || out.count == 0) return std::unexpected{wrong};
    if (parts.size() == 3 && (!whole(parts[2], out.exponent) || !(out.exponent > 0 && out.exponent <= 10))) return std::unexpected{wrong};
    return out;
}

} // namespace millrace::bench
