#include "measurement.h"

#include <algorithm>
#include <chrono>

namespace millrace::bench {

namespace {
double seconds_of(runtime::nanoseconds d) { return std::chrono::duration<double>(d).count(); }
} // namespace

void measurement::tick(runtime::mono_time now, std::uint64_t in_flight) {
    if (now > row_began_) end_row(now, in_flight); // else it is still warming up
}

void measurement::end_row(runtime::mono_time now, std::uint64_t in_flight) {
    row_.second = seconds_of(now - from_);
    row_.length = seconds_of(now - row_began_);
    row_.p50 = interval_.at_percentile(50);
    row_.p99 = interval_.at_percentile(99);
    row_.p999 = interval_.at_percentile(99.9);
    row_.max = interval_.max();
    row_.in_flight = in_flight;
    total_.merge(interval_);
    interval_.clear();
    records_ += row_.records;
    bytes_ += row_.bytes;
    failed_ += row_.failed;
    seconds_ = row_.second;
    rows_.push_back(row_);
    row_ = {};
    row_began_ = now;
}

void measurement::finish(runtime::mono_time now) {
    // A last row of a few milliseconds would be a rate of its own.
    constexpr auto short_row = runtime::milliseconds{100};
    auto began = row_began_;
    // What came in the very instant of the last tick counts too.
    if (now <= row_began_ && row_.records == 0 && row_.failed == 0 && interval_.count() == 0) return;
    end_row(std::max(now, row_began_), 0);
    if (rows_.size() < 2 || now - began >= short_row) return;
    auto last = rows_.back();
    rows_.pop_back();
    auto& before = rows_.back();
    before.second = last.second;
    before.length += last.length;
    before.records += last.records;
    before.bytes += last.bytes;
    before.failed += last.failed;
    if (last.max > before.max) before.max = last.max;
    before.in_flight = 0;
}

} // namespace millrace::bench
