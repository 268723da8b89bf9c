#include "bench_options.h"

#include "../millrace/session.h"
#include "base/edit_distance.h"
#include "config/value.h"
#include "printed.h"
#include "schedule.h"

#include <boost/program_options.hpp>

#include <algorithm>
#include <charconv>
#include <sstream>

namespace millrace::bench {

namespace po = boost::program_options;

namespace {

struct command_words {
    std::string_view name, what;
    bool produces, consumes, cluster = true;
};
constexpr command_words commands[] = {
    {"produce", "sends records and measures how long their acknowledgement takes", true, false},
    {"consume", "reads what a topic holds", false, true},
    {"latency", "end to end: from the intended sending to the arrival at a consumer", true, true},
    {"mixed", "produces and consumes the same topic as fast as both go", true, true},
    {"fanout", "one load read by many consumers (--consumers, 8)", true, true},
    {"saturate", "finds the highest rate that holds the objective (--slo)", true, false},
    {"soak", "a long open-loop load, end to end, with one row a minute", true, true},
    {"connections", "opens many connections and keeps them, idle or polling", false, true},
    {"groups", "consumer groups at work (KIP-848): heartbeats, joining, and until all partitions have a reader", false, false},
    {"pump", "what the machine itself can do: sockets, files, CRC", false, false, false},
};

constexpr std::string_view pump_names[] = {"loopback", "sendfile", "write", "flush", "spread", "crc", "echo", "fan-out", "wake"};

std::string overview() {
    std::string out = "millrace-bench: a load tester for any Kafka-compatible cluster\n\n"
                      "usage: millrace-bench COMMAND [OPTION...]\n\ncommands:\n";
    for (const auto& c : commands) out += printed("  %-12s %s\n", std::string{c.name}.c_str(), std::string{c.what}.c_str());
    return out + "\nmillrace-bench COMMAND --help lists the options.\n"
                 "Exit status: 0, 1 the run failed or is not valid, 2 wrong usage, 3 an objective (--slo) was missed.\n";
}

using refused = std::unexpected<usage>;
refused wrong(std::string line) { return refused{usage{"millrace-bench: " + std::move(line) + "\n"}}; }

std::expected<std::uint64_t, std::string> parse_count(std::string_view text) {
    double value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
    if (unit.ends_with("/s")) unit.remove_suffix(2);
    double factor = unit == "k" ? 1e3 : unit == "M" ? 1e6 : unit == "G" ? 1e9 : unit.empty() ? 1 : 0;
    if (error != std::errc{} || factor == 0 || !(value >= 0) || value * factor > 1e18)
        return std::unexpected{"\"" + std::string{text} + "\" is no number (50000, 50k, 1.5M)"};
    return static_cast<std::uint64_t>(value * factor + 0.5);
}

std::expected<runtime::nanoseconds, std::string> parse_time(std::string_view text) {
    if (text.ends_with("us")) {
        auto n = parse_count(text.substr(0, text.size() - 2));
        if (!n) return std::unexpected{n.error()};
        return runtime::microseconds{static_cast<std::int64_t>(*n)};
    }
    auto ms = config::parse_duration(text, config::time_unit::ms);
    if (!ms) return std::unexpected{ms.error()};
    if (*ms < 0 || *ms > 1000ll * 3600 * 24 * 366) return std::unexpected{"\"" + std::string{text} + "\" is no duration to wait for"};
    return runtime::milliseconds{*ms};
}

std::optional<records::codec> parse_codec(std::string_view text) {
    for (int i = 0; i < records::codec_count; ++i)
        if (text == records::name_of(static_cast<records::codec>(i))) return static_cast<records::codec>(i);
    return std::nullopt;
}

po::options_description options_of(const command_words& c) {
    auto text = [] { return po::value<std::string>()->value_name("X"); };
    po::options_description all{"options", 110};
    po::options_description general{"general", 110};
    general.add_options()("help,h", "this text")
        ("format", text(), "text or json")
        ("hgrm", text(), "FILE: the latencies as HdrHistogram's percentile distribution, in milliseconds")
        ("report", text(), "FILE.html: one page with charts")
        ("slo", po::value<std::vector<std::string>>()->value_name("X"), "what the run has to reach: 'p99<5ms', 'rate>100k'; else exit status 3")
        ("no-progress", "no line while it runs")
        ("pump", "also what the machine itself can do, and the ratio to it")
        ("dir", text(), "where the pump writes its file (.)");
    all.add(general);
    if (!c.cluster) {
        po::options_description pump{"pump", 110};
        pump.add_options()("bytes", text(), "how much to move (1GiB)")("chunk", text(), "in one call (1MiB)")
            ("only", text(), "one of loopback, sendfile, write, flush, spread, crc, echo, fan-out, wake")
            ("files", text(), "of spread, written in turn; 1 is what it is held against (10000)")
            ("file-chunk", text(), "in one write of spread (16KiB)")
            ("readers", text(), "of fan-out (8)")
            ("stream", text(), "bytes per second of fan-out (20000KiB)")
            ("piece", text(), "in which the stream comes (18KiB)")
            ("duration", text(), "of fan-out (3s)")
            ("waiters", text(), "of wake, each a connection (5000)");
        all.add(pump);
        return all;
    }
    po::options_description cluster{"cluster", 110};
    cluster.add_options()("bootstrap-server", text(), "host:port[,host:port...] (127.0.0.1:9092)")
        ("topic", text(), "(millrace-bench)")
        ("partitions", text(), "of the topic, which is made where it is not there yet")
        ("no-create", "fail where the topic is not there");
    if (c.name == "groups")
        cluster.add_options()("groups", text(), "(10)")("members", text(), "of each group (3)")("duration", text(), "(10s)");
    else
        cluster.add_options()("connections", text(), "of each kind (1)");
    all.add(cluster);
    if (c.produces || c.consumes) {
        po::options_description load{"load", 110};
        load.add_options()("duration", text(), "of the measurement (10s)")
            ("num-records", text(), "ends after so many records")
            ("warm-up", text(), "before the measurement (0s)")
            ("seed", text(), "the same one gives the same records again (1)");
        all.add(load);
    }
    if (c.produces) {
        po::options_description produce{"producing", 110};
        produce.add_options()("rate", text(), "records per second, latency counted from the intended time; 0: as fast as --depth allows")
            ("record-size", text(), "1KiB, or uniform:100:4KiB")
            ("keys", text(), "none, sequential, uniform:N, zipf:N[:EXPONENT]")
            ("batch-bytes", text(), "(16KiB); 1: each record alone")
            ("request-bytes", text(), "(1MiB)")
            ("linger", text(), "how long an open batch waits for more (0ms)")
            ("acks", text(), "0, 1 or all (all)")
            ("compression", text(), "none, gzip, snappy, lz4 or zstd")
            ("compressibility", text(), "0: noise, to 1: one byte repeated (0.5)")
            ("idempotence", "a producer id, and sequence numbers")
            ("depth", text(), "requests in flight per connection (5)")
            ("spin", text(), "look for so long before an intended time instead of sleeping (60us)")
            ("throughput", text(), "Kafka's word for --rate; -1: as fast as possible")
            ("producer-props", po::value<std::vector<std::string>>()->multitoken()->value_name("K=V"), "Kafka's: acks, batch.size, linger.ms, compression.type, ...")
            ("print-kafka-summary", "the last line of Kafka's producer-perf-test");
        all.add(produce);
    }
    if (c.consumes) {
        po::options_description consume{"consuming", 110};
        if (c.name != "connections") consume.add_options()("consumers", text(), "that read everything, each (1)");
        consume.add_options()
            ("fetch-bytes", text(), "of one answer (8MiB)")
            ("partition-fetch-bytes", text(), "(1MiB)")
            ("fetch-min-bytes", text(), "(1)")
            ("fetch-wait", text(), "how long the broker holds a fetch that finds too little (500ms)");
        if (c.name == "connections") consume.add_options()("polling", "each connection polls; otherwise they are idle")
            ("once", "with --polling: no second poll once the first was answered; a line on standard error says when all were");
        all.add(consume);
    }
    return all;
}

std::string suggestion(const po::options_description& known, const std::string& given) {
    auto name = given;
    while (name.starts_with('-')) name.erase(0, 1);
    name = name.substr(0, name.find('='));
    std::string best;
    auto nearest = std::max<std::size_t>(2, name.size() / 3) + 1;
    for (const auto& o : known.options()) {
        auto far = edit_distance(name, o->long_name());
        if (far < nearest) {
            nearest = far;
            best = o->long_name();
        }
    }
    auto out = "unknown option --" + name;
    return best.empty() ? out + "; see --help" : out + ": did you mean --" + best + "?";
}

// The words of Kafka's perf tool that mean something here.
std::expected<void, std::string> take_property(bench_options& out, std::string_view word) {
    auto equals = word.find('=');
    if (equals == word.npos) return std::unexpected{"--producer-props takes key=value, not " + std::string{word}};
    auto key = word.substr(0, equals), value = word.substr(equals + 1);
    std::int64_t n = 0;
    bool number = std::from_chars(value.data(), value.data() + value.size(), n).ptr == value.data() + value.size() && !value.empty();
    auto bad = [&] { return std::unexpected{std::string{value} + " is no value of " + std::string{key}}; };
    auto& plan = out.plan;
    if (key == "bootstrap.servers") {
        out.bootstrap_text = value;
    } else if (key == "acks") {
        if (value != "0" && value != "1" && value != "all" && value != "-1") return bad();
        plan.acks = value == "0" ? 0 : value == "1" ? 1 : -1;
    } else if (key == "linger.ms") {
        if (!number || n < 0) return bad();
        plan.linger = runtime::milliseconds{n};
    } else if (key == "batch.size") {
        if (!number || n < 0 || n > 1 << 30) return bad();
        plan.batch_bytes = static_cast<std::uint32_t>(std::max<std::int64_t>(n, 1));
    } else if (key == "max.request.size") {
        if (!number || n < 1 || n > 1 << 30) return bad();
        plan.request_bytes = static_cast<std::uint32_t>(n);
    } else if (key == "compression.type") {
        auto codec = parse_codec(value);
        if (!codec) return bad();
        plan.codec = *codec;
    } else if (key == "enable.idempotence") {
        if (value != "true" && value != "false") return bad();
        plan.idempotent = value == "true";
    } else if (key == "max.in.flight.requests.per.connection") {
        if (!number || n < 1 || n > 10'000) return bad();
        plan.depth = static_cast<std::uint32_t>(n);
    } else if (key != "client.id" && key != "buffer.memory" && key != "key.serializer" && key != "value.serializer") {
        return std::unexpected{"--producer-props: " + std::string{key} + " is not supported"};
    }
    return {};
}

} // namespace

std::expected<bench_options, usage> parse(std::span<const char* const> words) {
    if (words.empty()) return refused{usage{overview()}};
    std::string_view first = words[0];
    if (first == "--help" || first == "-h" || first == "help") return refused{usage{overview(), true}};
    if (first == "--version") return refused{usage{"millrace-bench 0.1.0\n", true}};
    const command_words* command = nullptr;
    std::string_view near;
    std::size_t nearest = 4;
    for (const auto& c : commands) {
        if (c.name == first) command = &c;
        if (auto far = edit_distance(c.name, first); far < nearest) nearest = far, near = c.name;
    }
    if (!command)
        return wrong("unknown command " + std::string{first} + (near.empty() ? "; see --help" : ": did you mean " + std::string{near} + "?"));

    auto known = options_of(*command);
    po::variables_map given;
    std::vector<std::string> rest(words.begin() + 1, words.end());
    try {
        namespace style = po::command_line_style;
        auto parsed = po::command_line_parser(rest).options(known).positional({}).style(style::unix_style & ~style::allow_guessing).run();
        po::store(parsed, given);
        po::notify(given);
    } catch (const po::unknown_option& e) {
        return wrong(suggestion(known, e.get_option_name()));
    } catch (const po::too_many_positional_options_error&) {
        return wrong(std::string{command->name} + " takes options only, and one word is none");
    } catch (const po::error& e) {
        return wrong(std::string{e.what()} + "; see --help");
    }
    if (given.contains("help")) {
        std::ostringstream text;
        text << "usage: millrace-bench " << command->name << " [OPTION...]\n" << command->name << ": " << command->what << "\n\n" << known;
        return refused{usage{text.str(), true}};
    }

    bench_options out;
    out.command = command->name;
    auto& plan = out.plan;
    auto has = [&](const char* name) { return given.contains(name); };
    auto text = [&](const char* name) { return given[name].as<std::string>(); };
    std::string error;
    auto number = [&](const char* name, auto& into, std::uint64_t min, std::uint64_t max) {
        if (!has(name) || !error.empty()) return;
        auto n = parse_count(text(name));
        if (!n || *n < min || *n > max)
            error = "--" + std::string{name} + " must be a number from " + std::to_string(min) + " to " + std::to_string(max) + ", not " + text(name);
        else
            into = static_cast<std::remove_reference_t<decltype(into)>>(*n);
    };
    auto bytes = [&](const char* name, auto& into, std::int64_t min, std::int64_t max) {
        if (!has(name) || !error.empty()) return;
        auto n = config::parse_bytes(text(name));
        if (!n || *n < min || *n > max) error = "--" + std::string{name} + ": " + (n ? text(name) + " is out of range" : n.error());
        else into = static_cast<std::remove_reference_t<decltype(into)>>(*n);
    };
    auto time = [&](const char* name, runtime::nanoseconds& into) {
        if (!has(name) || !error.empty()) return;
        auto t = parse_time(text(name));
        if (!t) error = "--" + std::string{name} + ": " + t.error();
        else into = *t;
    };

    if (out.command == "latency") plan.rate = 1000;
    if (out.command == "soak") plan.rate = 1000;
    if (out.command == "fanout") plan.rate = 1000, out.consumers = 8;
    if (has("producer-props"))
        for (const auto& word : given["producer-props"].as<std::vector<std::string>>())
            if (auto taken = take_property(out, word); !taken) return wrong(taken.error());
    if (has("bootstrap-server")) out.bootstrap_text = text("bootstrap-server");
    out.bootstrap = tool::parse_bootstrap(out.bootstrap_text);
    if (out.bootstrap.empty()) return wrong("--bootstrap-server must be host:port, not " + out.bootstrap_text);
    if (has("topic")) out.topic = text("topic");
    out.create = !has("no-create");
    number("partitions", out.partitions, 1, 1'000'000);
    number("connections", plan.connections, 1, 1'000'000);
    number("num-records", plan.records_max, 1, 1'000'000'000'000'000);
    number("seed", plan.seed, 0, ~std::uint64_t{0} >> 8);
    if (has("throughput") && text("throughput") == "-1") plan.rate = 0;
    else number("throughput", plan.rate, 0, schedule::rate_max);
    number("rate", plan.rate, 0, schedule::rate_max);
    number("depth", plan.depth, 1, 10'000);
    number("groups", out.groups, 1, 100'000);
    number("members", out.members, 1, 10'000);
    number("consumers", out.consumers, 1, 10'000);
    bytes("batch-bytes", plan.batch_bytes, 1, 1 << 30);
    bytes("request-bytes", plan.request_bytes, 1, 1 << 30);
    bytes("fetch-bytes", out.fetch_bytes, 1, 1 << 30);
    bytes("partition-fetch-bytes", out.partition_fetch_bytes, 1, 1 << 30);
    bytes("fetch-min-bytes", out.fetch_min_bytes, 0, 1 << 30);
    bytes("bytes", out.pump_bytes, 1 << 20, std::int64_t{1} << 40);
    bytes("chunk", out.pump_chunk, 1, 1 << 26);
    number("files", out.pump_files, 1, 1'000'000);
    bytes("file-chunk", out.pump_spread_chunk, 1, 1 << 26);
    number("readers", out.pump_readers, 1, 1000);
    number("waiters", out.pump_waiters, 1, 1'000'000);
    bytes("stream", out.pump_stream_bytes, 1 << 10, std::int64_t{1} << 40);
    bytes("piece", out.pump_piece_bytes, 1 << 10, 1 << 20);
    if (!command->cluster) time("duration", out.pump_stream_time);
    time("duration", plan.duration);
    time("warm-up", plan.warm_up);
    time("linger", plan.linger);
    time("spin", out.spin);
    time("fetch-wait", out.fetch_wait);
    if (!error.empty()) return wrong(error);
    if (has("duration") && plan.duration == runtime::nanoseconds{0}) return wrong("--duration must be longer than nothing");
    // A step of saturate has a duration of its own.
    if (!has("duration") && !has("num-records") && out.command != "saturate") plan.duration = runtime::seconds{out.command == "soak" ? 3600 : 10};
    if (has("record-size")) {
        auto size = parse_size(text("record-size"));
        if (!size) return wrong("--record-size: " + size.error());
        plan.size = *size;
    }
    if (has("keys")) {
        auto keys = parse_keys(text("keys"));
        if (!keys) return wrong("--keys: " + keys.error());
        plan.keys = *keys;
    }
    if (has("acks")) {
        auto acks = text("acks");
        if (acks != "0" && acks != "1" && acks != "all" && acks != "-1") return wrong("--acks must be 0, 1 or all, not " + acks);
        plan.acks = acks == "0" ? 0 : acks == "1" ? 1 : -1;
    }
    if (has("compression")) {
        auto codec = parse_codec(text("compression"));
        if (!codec) return wrong("--compression must be none, gzip, snappy, lz4 or zstd, not " + text("compression"));
        plan.codec = *codec;
    }
    if (has("compressibility")) {
        auto word = text("compressibility");
        auto [end, bad] = std::from_chars(word.data(), word.data() + word.size(), plan.compressibility);
        if (bad != std::errc{} || end != word.data() + word.size() || !(plan.compressibility >= 0 && plan.compressibility <= 1))
            return wrong("--compressibility must be from 0 to 1, not " + word);
    }
    if (has("idempotence")) plan.idempotent = true;
    if (plan.idempotent && plan.acks != -1) return wrong("idempotence needs acks=all");
    if (plan.idempotent && plan.depth > 5) return wrong("with idempotence --depth is at most 5: brokers remember the last five batches of a producer");
    out.polling = has("polling");
    out.once = has("once");
    if (out.once && !out.polling) return wrong("--once is of --polling");
    out.with_pump = has("pump");
    if (has("only")) {
        out.pump_only = text("only");
        if (std::ranges::find(pump_names, out.pump_only) == std::end(pump_names)) return wrong("--only: there is no pump " + out.pump_only + "; see --help");
    }
    if (has("dir")) out.directory = text("dir");
    out.progress = !has("no-progress");
    out.kafka_summary = has("print-kafka-summary");
    if (has("format")) {
        if (text("format") != "text" && text("format") != "json") return wrong("--format must be text or json, not " + text("format"));
        out.json = text("format") == "json";
    }
    if (has("hgrm")) out.hgrm_file = text("hgrm");
    if (has("report")) out.report_file = text("report");
    if (has("slo"))
        for (const auto& one : given["slo"].as<std::vector<std::string>>()) {
            auto parsed = parse_slos(one);
            if (!parsed) return wrong("--slo: " + parsed.error());
            out.slos.insert(out.slos.end(), parsed->begin(), parsed->end());
        }
    if (out.command == "saturate" && out.slos.empty()) out.slos = *parse_slos("p99<5ms");
    plan.stamped = command->produces && command->consumes;
    return out;
}

} // namespace millrace::bench
