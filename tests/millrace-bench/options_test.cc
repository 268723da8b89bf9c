#include "bench_options.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::bench;

namespace {
std::expected<bench_options, usage> parsed(std::vector<const char*> words) { return parse(words); }
} // namespace

TEST_CASE("options: what is left out has its default, and a run without an end gets ten seconds") {
    auto got = parsed({"produce"});
    REQUIRE(got);
    CHECK(got->plan.rate == 0);
    CHECK(got->plan.acks == -1);
    CHECK(got->plan.duration == runtime::seconds{10});
    CHECK(got->bootstrap.front().port == 9092);
    got = parsed({"produce", "--num-records", "5"});
    REQUIRE(got);
    CHECK(got->plan.duration == runtime::nanoseconds::max());
    CHECK(parsed({"latency"})->plan.rate == 1000);
}

TEST_CASE("options: numbers, sizes and times take units") {
    auto got = parsed({"produce", "--rate", "1.5k/s", "--batch-bytes=64KiB", "--linger", "250us", "--duration", "2min", "--spin", "0"});
    REQUIRE(got);
    CHECK(got->plan.rate == 1500);
    CHECK(got->plan.batch_bytes == 65536);
    CHECK(got->plan.linger == runtime::microseconds{250});
    CHECK(got->plan.duration == runtime::seconds{120});
    CHECK(got->spin == runtime::nanoseconds{0});
}

TEST_CASE("options: the flags of Kafka's perf tool mean what they mean there") {
    auto got = parsed({"produce", "--topic", "t", "--num-records", "1000", "--record-size", "100", "--throughput", "-1", "--producer-props",
                       "bootstrap.servers=h:1", "acks=1", "linger.ms=5", "batch.size=0", "compression.type=zstd", "enable.idempotence=false",
                       "max.in.flight.requests.per.connection=3", "--print-kafka-summary"});
    REQUIRE(got);
    CHECK(got->plan.rate == 0);
    CHECK(got->plan.acks == 1);
    CHECK(got->plan.linger == runtime::milliseconds{5});
    CHECK(got->plan.batch_bytes == 1);
    CHECK(got->plan.codec == records::codec::zstd);
    CHECK(got->plan.depth == 3);
    CHECK(got->bootstrap.front().host == "h");
    CHECK(got->kafka_summary);
    CHECK(parsed({"produce", "--throughput", "5000"})->plan.rate == 5000);
    CHECK(parsed({"produce", "--producer-props", "retries=5"}).error().text.find("retries") != std::string::npos);
    CHECK(parsed({"produce", "--producer-props", "acks=2"}).error().text.find("acks") != std::string::npos);
}

TEST_CASE("options: an unknown option or command names the nearest one, and a far one none") {
    auto said = [](std::vector<const char*> words) { return parsed(std::move(words)).error().text; };
    CHECK(said({"produce", "--conections", "5"}).find("did you mean --connections?") != std::string::npos);
    CHECK(said({"produce", "--zzzzzzzzz", "5"}).find("did you mean") == std::string::npos);
    CHECK(said({"lateny"}).find("did you mean latency?") != std::string::npos);
    CHECK(said({"produce", "stray"}).find("options only") != std::string::npos);
    CHECK(said({"produce", "--topic"}).find("--help") != std::string::npos);
    CHECK(!parsed({"produce", "--rate", "1x"}));
    CHECK(!parsed({"produce", "--rate", "2G"}));
    CHECK(!parsed({"produce", "--compressibility", "1.5"}));
    CHECK(!parsed({"produce", "--idempotence", "--depth", "6"}));
}

TEST_CASE("options: help is no failure") {
    CHECK(parsed({"--help"}).error().help);
    CHECK(parsed({"produce", "--help"}).error().text.find("--record-size") != std::string::npos);
    CHECK(!parsed({}).error().help);
}
