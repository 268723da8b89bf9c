// Latencies by the thousand: an HDR histogram, three significant digits at every magnitude, in bounded memory.
// Owner: whoever measures; one thread.
// Invariant: a recorded value is found again within 0.1 % of itself; one above the range is counted as the highest value
// and in `above_range`. Source: HdrHistogram by Gil Tene (public domain), whose text form `hgrm` writes to the letter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::bench {

class histogram {
  public:
    static constexpr int significant_digits = 3;
    static constexpr std::int64_t hour_ns = 3'600'000'000'000;

    explicit histogram(std::int64_t highest = hour_ns);

    void record(std::int64_t value, std::uint64_t count = 1) {
        if (value < 0) value = 0;
        if (value > highest_) {
            value = highest_;
            above_range_ += count;
        }
        counts_[index_of(value)] += count;
        count_ += count;
        if (value > max_) max_ = value;
        if (value < min_) min_ = value;
    }
    // REQUIRES: the same range.
    void merge(const histogram& other);
    void clear();

    std::uint64_t count() const { return count_; }
    std::uint64_t above_range() const { return above_range_; }
    // All of them 0 where nothing was recorded.
    std::int64_t max() const { return max_ == 0 ? 0 : highest_equivalent(max_); }
    std::int64_t min() const { return count_ == 0 ? 0 : lowest_equivalent(min_); }
    std::int64_t at_percentile(double percentile) const;
    double mean() const;
    double standard_deviation() const;

    // One row for each step of the percentile curve: closer and closer to 100, `ticks` for each halving of the rest.
    struct step {
        std::int64_t value = 0;
        double percentile = 0; // of 100
        std::uint64_t total = 0;
    };
    std::vector<step> steps(int ticks = 5) const;
    // HdrHistogram's percentile distribution, values divided by `scale`.
    std::string hgrm(double scale, int ticks = 5) const;

  private:
    static constexpr int half_magnitude = 10; // 2 * 10^3 values, rounded up to a power of two, halved
    static constexpr std::int64_t half_count = 1 << half_magnitude;
    static constexpr std::int64_t sub_bucket_count = 2 * half_count;

    static int bucket_of(std::int64_t value) {
        return 64 - __builtin_clzll(static_cast<std::uint64_t>(value | (sub_bucket_count - 1))) - (half_magnitude + 1);
    }
    static std::size_t index_of(std::int64_t value) {
        int bucket = bucket_of(value);
        return static_cast<std::size_t>(((std::int64_t{bucket} + 1) << half_magnitude) + (value >> bucket) - half_count);
    }
    static std::int64_t value_at(std::size_t index);
    static std::int64_t lowest_equivalent(std::int64_t value) {
        int bucket = bucket_of(value);
        return value >> bucket << bucket;
    }
    static std::int64_t range_of(std::int64_t value) { return std::int64_t{1} << bucket_of(value); }
    static std::int64_t highest_equivalent(std::int64_t value) { return lowest_equivalent(value) + range_of(value) - 1; }
    static std::int64_t median_equivalent(std::int64_t value) { return lowest_equivalent(value) + range_of(value) / 2; }

    std::int64_t highest_;
    int bucket_count_;
    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    std::uint64_t above_range_ = 0;
    std::int64_t max_ = 0;
    std::int64_t min_ = INT64_MAX;
};

} // namespace millrace::bench
