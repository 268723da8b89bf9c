// The command line of millrace-bench, taken apart and checked.
// Owner: main; values.
// Invariant: what `parse` returns is whole and consistent; what it refuses says which option, why, and the nearest one meant.
#pragma once

#include "load_plan.h"
#include "runtime/transport.h"
#include "slo.h"

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::bench {

struct bench_options {
    std::string command;
    std::string bootstrap_text = "127.0.0.1:9092";
    std::vector<runtime::endpoint> bootstrap;
    std::string topic = "millrace-bench";
    std::int32_t partitions = -1; // -1: the topic is there, or the broker's default
    bool create = true;
    load_plan plan;
    // consuming
    std::uint32_t consumers = 1;   // that read everything, each
    std::uint32_t fetch_bytes = 8 << 20, partition_fetch_bytes = 1 << 20, fetch_min_bytes = 1;
    runtime::nanoseconds fetch_wait = runtime::milliseconds{500};
    runtime::nanoseconds spin = runtime::microseconds{60};
    // connections
    bool polling = false, once = false;
    // groups
    std::uint32_t groups = 10, members = 3;
    // pump
    std::uint64_t pump_bytes = 1 << 30;
    std::uint32_t pump_chunk = 1 << 20;
    std::string pump_only; // ""; all
    std::uint32_t pump_readers = 8, pump_piece_bytes = 18 << 10, pump_waiters = 5'000;
    std::uint32_t pump_files = 10'000, pump_spread_chunk = 16 << 10;
    std::uint64_t pump_stream_bytes = 20'000 << 10; // a second
    runtime::nanoseconds pump_stream_time = runtime::seconds{3};
    std::string directory = ".";
    bool with_pump = false;
    // output
    bool json = false, progress = true, kafka_summary = false;
    std::string hgrm_file, report_file;
    std::vector<slo> slos;
};

struct usage {
    std::string text;
    bool help = false; // asked for: to standard output, and no failure
};

std::expected<bench_options, usage> parse(std::span<const char* const> words);

} // namespace millrace::bench
