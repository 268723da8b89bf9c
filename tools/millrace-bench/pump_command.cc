#include "pump_command.h"

#include "../millrace/json.h"
#include "../millrace/table.h"
#include "crowd_pump.h"
#include "printed.h"
#include "pump.h"

#include <chrono>
#include <cstdio>
#include <functional>
#include <utility>

namespace millrace::bench {

namespace {

pump_settings settings_for(const bench_options& o, std::uint64_t bytes, std::uint32_t chunk) { return {bytes, chunk, o.directory, o.pump_files, o.pump_spread_chunk}; }

void append_figure(std::string& out, const pump_figure& f) {
    tool::json_object one{out};
    one.text("name", f.name);
    if (f.gb_per_second > 0) {
        one.member("gb_per_second") += printed("%.6f", f.gb_per_second);
        one.member("cpu_seconds_per_gb") += printed("%.6f", f.cpu_seconds_per_gb);
    }
    if (f.p50_ns) {
        one.member("p50_us") += printed("%.3f", static_cast<double>(f.p50_ns) / 1000);
        one.member("p99_us") += printed("%.3f", static_cast<double>(f.p99_ns) / 1000);
    }
    if (f.cpu_ns_each > 0) one.member("cpu_ns_each") += printed("%.1f", f.cpu_ns_each);
    one.close();
}

} // namespace

int pump_command(const bench_options& options) {
    auto s = settings_for(options, options.pump_bytes, options.pump_chunk);
    const crowd_settings crowd{options.pump_readers, static_cast<double>(options.pump_stream_bytes), options.pump_piece_bytes,
                               std::chrono::duration<double>(options.pump_stream_time).count(), options.pump_waiters};
    const std::pair<std::string_view, std::function<pump_result()>> pumps[] = {
        {"loopback", [&] { return pump_loopback(s); }},     {"sendfile", [&] { return pump_sendfile(s); }},
        {"write", [&] { return pump_write(s, false); }},    {"flush", [&] { return pump_write(s, true); }},
        {"spread", [&] { return pump_spread(s); }},         {"crc", [&] { return pump_crc(s); }},
        {"echo", [&] { return pump_echo(s); }},             {"fan-out", [&] { return pump_fan_out(s, crowd); }},
        {"wake", [&] { return pump_wake(s, crowd); }},
    };
    std::vector<pump_figure> figures;
    bool all = true;
    for (const auto& [name, pump] : pumps) {
        if (!options.pump_only.empty() && options.pump_only != name) continue;
        auto r = pump();
        if (r) {
            figures.push_back(std::move(*r));
        } else {
            all = false;
            std::fprintf(stderr, "millrace-bench: %s\n", r.error().c_str());
        }
    }
    std::string out;
    if (options.json) {
        tool::json_object whole{out};
        whole.text("tool", "millrace-bench");
        whole.text("command", "pump");
        whole.number("bytes", static_cast<std::int64_t>(s.bytes));
        whole.number("chunk", s.chunk);
        tool::append_json_array(whole.member("pumps"), figures, append_figure);
        whole.close();
        out += '\n';
    } else {
        tool::table t{{"pump", ">GB/s", ">CPU s/GB", ">p50", ">p99", ">CPU of one"}};
        for (const auto& f : figures)
            t.row({f.name, f.gb_per_second > 0 ? printed("%.3f", f.gb_per_second) : "",
                   f.gb_per_second > 0 ? printed("%.3f", f.cpu_seconds_per_gb) : "", f.p50_ns ? time_text(static_cast<double>(f.p50_ns)) : "",
                   f.p50_ns ? time_text(static_cast<double>(f.p99_ns)) : "", f.cpu_ns_each > 0 ? time_text(f.cpu_ns_each) : ""});
        out = t.text();
    }
    std::fputs(out.c_str(), stdout);
    return all ? 0 : 1;
}

void add_pump_ratio(const bench_options& options, run_report& r) {
    constexpr std::uint64_t ratio_bytes = 512 << 20;
    const auto& m = r.first();
    auto add = [&](const pump_result& got, double ours, double theirs, const std::string& text) {
        if (!got) {
            r.notes.push_back("no ratio to a pump: " + got.error());
            return;
        }
        r.more.emplace_back("pump: " + got->name, text + (theirs > 0 ? printed(", ratio %.3f", ours / theirs) : ""));
    };
    if (options.command == "latency") {
        auto echo = pump_echo(settings_for(options, 0, 0));
        auto theirs = echo ? static_cast<double>(echo->p50_ns) : 0;
        return add(echo, static_cast<double>(m.latency().at_percentile(50)), theirs, "p50 " + time_text(theirs));
    }
    bool reads = options.command == "consume";
    auto s = settings_for(options, ratio_bytes, reads ? options.partition_fetch_bytes : options.plan.batch_bytes);
    auto transfer = reads ? pump_sendfile(s) : pump_loopback(s);
    auto theirs = transfer ? transfer->gb_per_second : 0;
    auto ours = m.seconds() > 0 ? static_cast<double>(m.bytes()) / m.seconds() / 1e9 : 0;
    add(transfer, ours, theirs, printed("%.3f GB/s", theirs));
}

} // namespace millrace::bench
