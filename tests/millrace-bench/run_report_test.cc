#include "run_report.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::bench;

namespace {
struct sample {
    measurement m{{}};
    run_report r;
    sample() {
        auto at = runtime::mono_time{} + runtime::milliseconds{500};
        m.completed(at, at + runtime::milliseconds{2}, 2000, 2 << 20);
        m.finish(runtime::mono_time{} + runtime::seconds{2});
        r.command = "produce";
        r.sections.push_back({"produce", &m});
    }
};
} // namespace

TEST_CASE("report: Kafka's summary line is as producer-perf-test of Kafka 4.3 writes it") {
    sample s;
    CHECK(kafka_summary(s.m) == "2000 records sent, 1000.000000 records/sec (1.00 MB/sec), 2.00 ms avg latency, 2.00 ms max latency, "
                                "2 ms 50th, 2 ms 95th, 2 ms 99th, 2 ms 99.9th.\n");
}

TEST_CASE("report: a client that used more than nine tenths of its core says so, in every form") {
    sample s;
    s.r.client_core_share = 0.9;
    CHECK(text_of(s.r).find("client-bound") == std::string::npos);
    CHECK(json_of(s.r).find("\"client_bound\":false") != std::string::npos);
    s.r.client_core_share = 0.91;
    CHECK(text_of(s.r).find("client-bound") != std::string::npos);
    CHECK(json_of(s.r).find("\"client_bound\":true") != std::string::npos);
}

TEST_CASE("report: text in the page cannot end its data") {
    sample s;
    s.r.notes.push_back("</script><script>alert(1)</script>");
    auto page = html_of(s.r);
    CHECK(page.find("<script>alert") == std::string::npos);
    CHECK(page.find("\\u003c/script>\\u003cscript>alert(1)") != std::string::npos);
}

TEST_CASE("report: a run that is not valid says so, with its notes") {
    sample s;
    s.r.valid = false;
    s.r.notes.push_back("a connection broke");
    CHECK(text_of(s.r).find("note: a connection broke\nthe run is NOT valid\n") != std::string::npos);
    CHECK(json_of(s.r).find("\"valid\":false") != std::string::npos);
}
