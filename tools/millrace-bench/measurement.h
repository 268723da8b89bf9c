// What a run measured: one histogram over all, one row for each second.
// Owner: a run, on its shard; pure.
// Invariant: a record meant to be sent before `from` is warm-up and appears only in `warm_up_records`; the rows add up to the totals.
#pragma once

#include "histogram.h"
#include "runtime/mono_time.h"

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::bench {

struct interval_row {
    double second = 0; // of its end, since the measurement began
    double length = 0;
    std::uint64_t records = 0, bytes = 0, failed = 0;
    std::int64_t p50 = 0, p99 = 0, p999 = 0, max = 0; // ns, of what completed in it
    std::uint64_t in_flight = 0;                      // requests, at its end
};

class measurement {
  public:
    explicit measurement(runtime::mono_time from) : from_{from}, row_began_{from} {}

    bool counts(runtime::mono_time intended) const { return intended >= from_; }
    void completed(runtime::mono_time intended, runtime::mono_time now, std::uint64_t records, std::uint64_t bytes) {
        if (!counts(intended)) {
            warm_up_records_ += records;
            return;
        }
        interval_.record((now - intended).count(), records);
        row_.records += records;
        row_.bytes += bytes;
    }
    // A fetch, with what it brought: its latency is that of the fetch, counted once.
    void fetched(runtime::mono_time asked, runtime::mono_time now, std::uint64_t records, std::uint64_t bytes) {
        if (!counts(asked)) {
            warm_up_records_ += records;
            return;
        }
        ++requests_;
        interval_.record((now - asked).count());
        row_.records += records;
        row_.bytes += bytes;
    }
    void failed(std::uint64_t records) { row_.failed += records; }
    void request_completed(runtime::mono_time sent, runtime::mono_time now) {
        if (!counts(sent)) return;
        ++requests_;
        service_.record((now - sent).count());
    }

    // Ends the row of the second that ends at `now`.
    void tick(runtime::mono_time now, std::uint64_t in_flight);
    // Ends the last row. What comes later is not counted.
    void finish(runtime::mono_time now);

    const std::vector<interval_row>& rows() const { return rows_; }
    const histogram& latency() const { return total_; }
    // From the moment a request was really sent: how long the broker took, without the wait before it.
    const histogram& service() const { return service_; }
    std::uint64_t records() const { return records_; }
    std::uint64_t bytes() const { return bytes_; }
    std::uint64_t failed_records() const { return failed_; }
    std::uint64_t warm_up_records() const { return warm_up_records_; }
    std::uint64_t requests() const { return requests_; }
    double seconds() const { return seconds_; }

  private:
    void end_row(runtime::mono_time now, std::uint64_t in_flight);

    runtime::mono_time from_, row_began_;
    interval_row row_;
    histogram interval_, total_, service_;
    std::vector<interval_row> rows_;
    std::uint64_t records_ = 0, bytes_ = 0, failed_ = 0, warm_up_records_ = 0, requests_ = 0;
    double seconds_ = 0;
};

} // namespace millrace::bench
