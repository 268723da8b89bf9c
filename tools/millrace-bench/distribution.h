// Which keys and which sizes records have: fixed, in sequence, uniform, or by Zipf's law.
// Owner: one per load; pure, a seed gives the same numbers again.
// Invariant: a size lies within [min, max]; a key index below `count`.
#pragma once

#include <cmath>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace millrace::bench {

// SplitMix64 (Steele, Lea, Flood 2014): fast, and any seed will do.
class fast_random {
  public:
    explicit fast_random(std::uint64_t seed) : state_{seed} {}
    std::uint64_t next() {
        auto z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    // Below `bound`, which is not 0. The high half of the product: no division.
    std::uint64_t below(std::uint32_t bound) { return ((next() >> 32) * bound) >> 32; }
    double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; } // [0, 1)

  private:
    std::uint64_t state_;
};

struct size_distribution {
    std::uint32_t min = 1024, max = 1024;

    std::uint32_t next(fast_random& random) const {
        return min == max ? min : min + static_cast<std::uint32_t>(random.below(max - min + 1));
    }
    double mean() const { return (static_cast<double>(min) + max) / 2; }
};

enum class key_kind : std::uint8_t { none, sequential, uniform, zipf };

struct key_distribution {
    key_kind kind = key_kind::none;
    std::uint32_t count = 0;
    double exponent = 0.99; // of Zipf's law
};

// By rejection and inversion (Hörmann and Derflinger 1996): no table, whatever the number of keys.
class zipf_numbers {
  public:
    zipf_numbers(std::uint32_t count, double exponent);
    std::uint32_t next(fast_random& random) const; // 0 is the most frequent one

  private:
    double integral(double x) const;
    double inverse(double x) const;
    double density(double x) const { return std::exp(-exponent_ * std::log(x)); }

    double count_, exponent_, from_, to_, shortcut_;
};

class key_numbers {
  public:
    explicit key_numbers(const key_distribution& of)
        : of_{of}, zipf_{of.count ? of.count : 1, of.kind == key_kind::zipf ? of.exponent : 1.0} {}
    std::uint64_t next(fast_random& random) {
        switch (of_.kind) {
        case key_kind::none: return 0;
        case key_kind::sequential: return sequence_++;
        case key_kind::uniform: return random.below(of_.count);
        case key_kind::zipf: return zipf_.next(random);
        }
        return 0;
    }

  private:
    key_distribution of_;
    zipf_numbers zipf_;
    std::uint64_t sequence_ = 0;
};

// "1KiB", "uniform:100:4KiB". Error: one line for the user.
std::expected<size_distribution, std::string> parse_size(std::string_view text);
// "none", "sequential", "uniform:N", "zipf:N", "zipf:N:EXPONENT".
std::expected<key_distribution, std::string> parse_keys(std::string_view text);

} // namespace millrace::bench
