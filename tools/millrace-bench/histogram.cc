#include "histogram.h"

#include "base/assert.h"
#include "printed.h"

#include <algorithm>
#include <cmath>

namespace millrace::bench {

namespace {
int buckets_for(std::int64_t highest, std::int64_t sub_bucket_count) {
    int buckets = 1;
    for (auto untrackable = sub_bucket_count; untrackable <= highest; untrackable <<= 1) {
        ++buckets;
        if (untrackable > INT64_MAX / 2) break;
    }
    return buckets;
}
} // namespace

histogram::histogram(std::int64_t highest)
    : highest_{highest}, bucket_count_{buckets_for(highest, sub_bucket_count)},
      counts_(static_cast<std::size_t>((bucket_count_ + 1) * half_count)) {}

void histogram::merge(const histogram& other) {
    MR_ASSERT(other.highest_ == highest_, "histograms of different ranges do not add up");
    if (other.count_ == 0) return;
    auto last = index_of(std::min(other.max_, highest_));
    for (std::size_t i = 0; i <= last; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    above_range_ += other.above_range_;
    max_ = std::max(max_, other.max_);
    min_ = std::min(min_, other.min_);
}

void histogram::clear() {
    if (count_ > 0) std::fill_n(counts_.begin(), index_of(max_) + 1, 0);
    count_ = above_range_ = 0;
    max_ = 0;
    min_ = INT64_MAX;
}

std::int64_t histogram::value_at(std::size_t index) {
    auto i = static_cast<std::int64_t>(index);
    auto bucket = static_cast<int>(i >> half_magnitude) - 1;
    auto sub = (i & (half_count - 1)) + half_count;
    if (bucket < 0) {
        sub -= half_count;
        bucket = 0;
    }
    return sub << bucket;
}

std::int64_t histogram::at_percentile(double percentile) const {
    if (count_ == 0) return 0;
    // A percentile that a division put a hair too high must not ask for one value more.
    auto asked = std::clamp(std::nextafter(percentile, -1.0), 0.0, 100.0);
    auto wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(asked * static_cast<double>(count_) / 100.0)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        seen += counts_[i];
        if (seen >= wanted) return percentile == 0.0 ? lowest_equivalent(value_at(i)) : highest_equivalent(value_at(i));
    }
    return max();
}

double histogram::mean() const {
    if (count_ == 0) return 0;
    double sum = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i)
        if (counts_[i]) sum += static_cast<double>(median_equivalent(value_at(i))) * static_cast<double>(counts_[i]);
    return sum / static_cast<double>(count_);
}

double histogram::standard_deviation() const {
    if (count_ == 0) return 0;
    auto middle = mean();
    double sum = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        if (!counts_[i]) continue;
        auto away = static_cast<double>(median_equivalent(value_at(i))) - middle;
        sum += away * away * static_cast<double>(counts_[i]);
    }
    return std::sqrt(sum / static_cast<double>(count_));
}

std::vector<histogram::step> histogram::steps(int ticks) const {
    std::vector<step> out;
    if (count_ == 0) return out;
    double level = 0;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size() && seen < count_; ++i) {
        if (!counts_[i]) continue;
        seen += counts_[i];
        auto value = highest_equivalent(value_at(i));
        while (100.0 * static_cast<double>(seen) / static_cast<double>(count_) >= level) {
            out.push_back({value, level, seen});
            auto halvings = static_cast<std::int64_t>(std::log(100.0 / (100.0 - level)) / std::log(2.0)) + 1;
            level += 100.0 / static_cast<double>(ticks * static_cast<std::int64_t>(std::pow(2.0, static_cast<double>(halvings))));
            if (seen == count_) break; // then only 100 is left
        }
    }
    out.push_back({max(), 100.0, count_});
    return out;
}

std::string histogram::hgrm(double scale, int ticks) const {
    using count = unsigned long long;
    auto out = printed("%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    for (const auto& s : steps(ticks)) {
        auto share = s.percentile / 100.0;
        out += printed("%12.3f %2.12f %10llu", static_cast<double>(s.value) / scale, share, count{s.total});
        if (s.percentile < 100.0) out += printed(" %14.2f", 1 / (1.0 - share));
        out += '\n';
    }
    out += printed("#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", mean() / scale, standard_deviation() / scale);
    out += printed("#[Max     = %12.3f, Total count    = %12llu]\n", static_cast<double>(max()) / scale, count{count_});
    out += printed("#[Buckets = %12d, SubBuckets     = %12lld]\n", bucket_count_, static_cast<long long>(sub_bucket_count));
    return out;
}

} // namespace millrace::bench
