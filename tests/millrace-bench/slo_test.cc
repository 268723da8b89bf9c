#include "slo.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::bench;

TEST_CASE("slo: percentiles, mean, rate and errors are judged in the unit they are written in") {
    measurement m{{}};
    auto at = runtime::mono_time{} + runtime::seconds{1};
    m.completed(at, at + runtime::milliseconds{2}, 990, 990'000);
    m.completed(at, at + runtime::milliseconds{50}, 10, 10'000);
    m.finish(runtime::mono_time{} + runtime::seconds{2});
    struct row {
        const char* text;
        bool met;
    };
    for (auto [text, met] : {row{"p50<3ms", true}, {"p50 < 1999us", false}, {"p99<3", true}, {"p99.5<3ms", false}, {"p99.9<=60ms", true},
                             {"max<0.04s", false}, {"max>40ms", true}, {"mean<3ms", true}, {"rate>499", true}, {"rate>501", false},
                             {"rate>=0.5k", true}, {"mb<0.6", true}, {"errors<1", true}}) {
        CAPTURE(text);
        auto parsed = parse_slos(text);
        REQUIRE(parsed);
        CHECK(parsed->front().met(m) == met);
    }
    CHECK(parse_slos("p99<5ms,rate>1k")->size() == 2);
}

TEST_CASE("slo: a run without records meets no latency") { CHECK(!parse_slos("p99<5ms")->front().met(measurement{{}})); }

TEST_CASE("slo: what is none is refused") {
    for (auto text : {"", "p99", "p99=5", "p101<5ms", "p0<5ms", "px<5ms", "latency<5ms", "p99<fast", "p99<-1ms", "rate>5ms", "p99<5ms,"}) {
        CAPTURE(text);
        CHECK(!parse_slos(text));
    }
}
