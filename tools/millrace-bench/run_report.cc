#include "run_report.h"

#include "../millrace/json.h"
#include "../millrace/table.h"
#include "printed.h"

#include <algorithm>
#include <cmath>

namespace millrace::bench {

namespace {

struct named_percentile {
    const char* name;
    double percentile;
};
constexpr named_percentile percentiles[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99_9", 99.9}, {"p99_99", 99.99}};

double rate_of(const measurement& m) { return m.seconds() > 0 ? static_cast<double>(m.records()) / m.seconds() : 0; }
double mb_of(const measurement& m) { return m.seconds() > 0 ? static_cast<double>(m.bytes()) / m.seconds() / 1e6 : 0; }
std::string us(double ns) { return printed("%.3f", ns / 1000); }
std::string us(std::int64_t ns) { return us(static_cast<double>(ns)); }
std::string count_text(double n) {
    if (n >= 1e6) return printed("%.2f M", n / 1e6);
    if (n >= 1e4) return printed("%.1f k", n / 1e3);
    return printed("%.0f", n);
}

void append_latency(std::string& out, const histogram& h) {
    tool::json_object one{out};
    one.number("count", static_cast<std::int64_t>(h.count()));
    one.member("mean") += us(h.mean());
    one.member("min") += us(h.min());
    for (const auto& p : percentiles) one.member(p.name) += us(h.at_percentile(p.percentile));
    one.member("max") += us(h.max());
    one.number("above_range", static_cast<std::int64_t>(h.above_range()));
    tool::append_json_array(one.member("curve"), h.steps(), [](std::string& to, const histogram::step& s) {
        to += printed("[%.9g,%.3f]", s.percentile, static_cast<double>(s.value) / 1000);
    });
    one.close();
}

void append_section(std::string& out, const report_section& s) {
    const auto& m = *s.of;
    tool::json_object one{out};
    one.text("name", s.name);
    one.number("records", static_cast<std::int64_t>(m.records()));
    one.number("bytes", static_cast<std::int64_t>(m.bytes()));
    one.number("requests", static_cast<std::int64_t>(m.requests()));
    one.number("failed_records", static_cast<std::int64_t>(m.failed_records()));
    one.number("warm_up_records", static_cast<std::int64_t>(m.warm_up_records()));
    one.member("seconds") += printed("%.6f", m.seconds());
    one.member("records_per_second") += printed("%.3f", rate_of(m));
    one.member("mb_per_second") += printed("%.6f", mb_of(m));
    append_latency(one.member("latency_us"), m.latency());
    append_latency(one.member("service_us"), m.service());
    tool::append_json_array(one.member("intervals"), m.rows(), [](std::string& to, const interval_row& r) {
        tool::json_object row{to};
        row.member("second") += printed("%.3f", r.second);
        row.member("length") += printed("%.3f", r.length);
        row.number("records", static_cast<std::int64_t>(r.records));
        row.number("bytes", static_cast<std::int64_t>(r.bytes));
        row.number("failed", static_cast<std::int64_t>(r.failed));
        row.member("p50_us") += us(r.p50);
        row.member("p99_us") += us(r.p99);
        row.member("p99_9_us") += us(r.p999);
        row.member("max_us") += us(r.max);
        row.number("in_flight", static_cast<std::int64_t>(r.in_flight));
        row.close();
    });
    one.close();
}

std::string slo_value(const slo& s, const measurement& m) {
    auto got = s.value(m);
    switch (s.what) {
    case slo::of::percentile:
    case slo::of::mean:
    case slo::of::max: return time_text(got);
    case slo::of::rate: return count_text(got) + " records/s";
    case slo::of::mb: return printed("%.1f MB/s", got);
    case slo::of::errors: return printed("%.0f", got);
    }
    return {};
}

} // namespace

bool run_report::slos_met() const {
    return std::all_of(slos.begin(), slos.end(), [&](const slo& s) { return s.met(first()); });
}

std::string time_text(double ns) {
    if (ns < 1e3) return printed("%.0f ns", ns);
    if (ns < 1e6) return printed("%.1f us", ns / 1e3);
    if (ns < 1e9) return printed("%.2f ms", ns / 1e6);
    return printed("%.2f s", ns / 1e9);
}

std::string progress_line(const std::string& name, const interval_row& row) {
    auto length = std::max(row.length, 1e-9);
    auto out = printed("%6.1f s  %s  %s records/s  %.1f MB/s  p50 %s  p99 %s  p99.9 %s", row.second, name.c_str(),
                       count_text(static_cast<double>(row.records) / length).c_str(), static_cast<double>(row.bytes) / length / 1e6,
                       time_text(static_cast<double>(row.p50)).c_str(), time_text(static_cast<double>(row.p99)).c_str(),
                       time_text(static_cast<double>(row.p999)).c_str());
    out += "  in flight " + std::to_string(row.in_flight);
    if (row.failed) out += "  failed " + std::to_string(row.failed);
    return out;
}

std::string text_of(const run_report& r) {
    tool::table figures{{"", ">records", ">records/s", ">MB/s", ">mean", ">p50", ">p90", ">p99", ">p99.9", ">p99.99", ">max", ">failed"}};
    for (const auto& s : r.sections) {
        const auto& m = *s.of;
        std::vector<std::string> row{s.name, std::to_string(m.records()), count_text(rate_of(m)), printed("%.1f", mb_of(m)), time_text(m.latency().mean())};
        for (const auto& p : percentiles) row.push_back(time_text(static_cast<double>(m.latency().at_percentile(p.percentile))));
        row.push_back(time_text(static_cast<double>(m.latency().max())));
        row.push_back(std::to_string(m.failed_records()));
        figures.row(std::move(row));
        if (m.service().count() == 0) continue;
        row = {"  from sending", "", count_text(m.seconds() > 0 ? static_cast<double>(m.requests()) / m.seconds() : 0) + " requests/s", "", time_text(m.service().mean())};
        for (const auto& p : percentiles) row.push_back(time_text(static_cast<double>(m.service().at_percentile(p.percentile))));
        row.push_back(time_text(static_cast<double>(m.service().max())));
        row.push_back("");
        figures.row(std::move(row));
    }
    auto out = figures.text();
    for (const auto& [name, value] : r.more) out += name + ": " + value + "\n";
    out += printed("client: %.0f %% of its core%s\n", r.client_core_share * 100,
                   r.client_bound() ? "; client-bound: the broker may be able to do more than this" : "");
    for (const auto& s : r.slos)
        out += "objective " + s.text + ": " + (s.met(r.first()) ? "met" : "MISSED") + ", " + slo_value(s, r.first()) + "\n";
    for (const auto& note : r.notes) out += "note: " + note + "\n";
    if (!r.valid) out += "the run is NOT valid\n";
    return out;
}

std::string json_of(const run_report& r) {
    std::string out;
    tool::json_object all{out};
    all.text("tool", "millrace-bench");
    all.text("command", r.command);
    {
        tool::json_object settings{all.member("settings")};
        for (const auto& [name, value] : r.settings) settings.text(name, value);
        settings.close();
    }
    tool::append_json_array(all.member("sections"), r.sections, append_section);
    {
        tool::json_object more{all.member("more")};
        for (const auto& [name, value] : r.more) more.text(name, value);
        more.close();
    }
    all.member("client_core_share") += printed("%.4f", r.client_core_share);
    all.flag("client_bound", r.client_bound());
    tool::append_json_array(all.member("objectives"), r.slos, [&](std::string& to, const slo& s) {
        tool::json_object one{to};
        one.text("objective", s.text);
        one.text("value", slo_value(s, r.first()));
        one.flag("met", s.met(r.first()));
        one.close();
    });
    tool::append_json_array(all.member("notes"), r.notes, [](std::string& to, const std::string& note) { tool::append_json_string(to, note); });
    all.flag("valid", r.valid);
    all.close();
    return out + "\n";
}

std::string kafka_summary(const measurement& m) {
    auto ms = [&](double percentile) { return static_cast<int>(std::llround(static_cast<double>(m.latency().at_percentile(percentile)) / 1e6)); };
    return printed("%llu records sent, %f records/sec (%.2f MB/sec), %.2f ms avg latency, %.2f ms max latency, %d ms 50th, %d ms 95th, %d ms 99th, %d ms 99.9th.\n",
                   static_cast<unsigned long long>(m.records()), rate_of(m), mb_of(m) * 1e6 / 1048576, m.latency().mean() / 1e6,
                   static_cast<double>(m.latency().max()) / 1e6, ms(50), ms(95), ms(99), ms(99.9));
}

} // namespace millrace::bench
