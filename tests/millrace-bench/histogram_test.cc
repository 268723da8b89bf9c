#include "histogram.h"

#include <doctest/doctest.h>

using millrace::bench::histogram;

namespace {
// The values that the expected texts below were made from, by HdrHistogram 2.2.2 itself.
void fill(histogram& h) {
    std::int64_t x = 12345;
    for (int i = 0; i < 60; ++i) {
        x = (x * 1103515245 + 12345) & 0x7fffffff;
        h.record(1000 + x % 5'000'000);
    }
    h.record(1'500'000'000, 3);
}
} // namespace

TEST_CASE("histogram: the hgrm text is what HdrHistogram writes, to the letter") {
    histogram h;
    fill(h);
    CHECK(h.hgrm(1e6, 1) ==
          "       Value     Percentile TotalCount 1/(1-Percentile)\n"
          "\n"
          "       0.167 0.000000000000          1           1.00\n"
          "       2.933 0.500000000000         32           2.00\n"
          "       4.135 0.750000000000         48           4.00\n"
          "       4.588 0.875000000000         56           8.00\n"
          "       4.993 0.937500000000         60          16.00\n"
          "    1500.512 0.968750000000         63          32.00\n"
          "    1500.512 1.000000000000         63\n"
          "#[Mean    =       73.988, StdDeviation   =      318.866]\n"
          "#[Max     =     1500.512, Total count    =           63]\n"
          "#[Buckets =           32, SubBuckets     =         2048]\n");
    CHECK(h.at_percentile(50) == 2932735);
    CHECK(h.at_percentile(99) == 1500512255);
    CHECK(h.max() == 1500512255);
    CHECK(h.min() == 166656);
}

TEST_CASE("histogram: an empty one prints as HdrHistogram's and answers zero") {
    histogram h;
    CHECK(h.hgrm(1e6) == "       Value     Percentile TotalCount 1/(1-Percentile)\n"
                         "\n"
                         "#[Mean    =        0.000, StdDeviation   =        0.000]\n"
                         "#[Max     =        0.000, Total count    =            0]\n"
                         "#[Buckets =           32, SubBuckets     =         2048]\n");
    CHECK(h.at_percentile(99.9) == 0);
    CHECK(h.min() == 0);
}

TEST_CASE("histogram: a value is found again within a thousandth, at every magnitude") {
    for (std::int64_t value = 1; value < histogram::hour_ns; value = value * 3 + 1) {
        histogram h;
        h.record(value);
        CAPTURE(value);
        CHECK(h.at_percentile(50) >= value);
        CHECK(static_cast<double>(h.at_percentile(50) - value) <= static_cast<double>(value) / 1000);
    }
}

TEST_CASE("histogram: a merged one answers as one that recorded everything") {
    histogram all, a, b;
    fill(all);
    fill(a);
    for (int i = 0; i < 100; ++i) {
        b.record(i * 77'777);
        all.record(i * 77'777);
    }
    a.merge(b);
    CHECK(a.hgrm(1e6) == all.hgrm(1e6));
    CHECK(a.min() == all.min());
    a.clear();
    CHECK(a.count() == 0);
    CHECK(a.hgrm(1e6) == histogram{}.hgrm(1e6));
    b.clear();
    fill(b);
    a.merge(b);
    CHECK(a.at_percentile(99) == 1500512255);
}

TEST_CASE("histogram: what lies outside of its range is counted, at the end it lies beyond") {
    histogram h{1'000'000};
    h.record(5'000'000, 2);
    h.record(-5);
    CHECK(h.count() == 3);
    CHECK(h.above_range() == 2);
    CHECK(h.min() == 0);
    CHECK(h.max() >= 1'000'000);
    CHECK(h.max() < 1'001'000);
}
