#include "load_run.h"

#include "client/offsets.h"
#include "core_use.h"
#include "printed.h"
#include "pump_command.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace millrace::bench {

namespace {
// For what was acknowledged and has not come to a consumer yet.
constexpr auto arrival_patience = runtime::seconds{10};
// For what was due in time and could not be sent then. A rate that no broker holds would go on for many times its duration.
constexpr auto overrun_max = runtime::seconds{5};

std::map<partition_index, log_offset> offsets_of(const client::found_offsets& found) {
    std::map<partition_index, log_offset> out;
    for (const auto& [partition, at] : found) out[partition] = at.offset;
    return out;
}
} // namespace

runtime::task<client::result<void>> load_run::open(client::cluster_link& link, paced_driver& pace) {
    const auto& plan = options_.plan;
    bool consumes_only = options_.command == "consume";
    auto found = co_await ready_target(link, options_.topic, options_.create && !consumes_only, options_.partitions);
    if (!found) co_return std::unexpected{std::move(found.error())};
    target_ = std::move(*found);
    if (consumes_only || plan.stamped) {
        auto ends = co_await client::list_offsets(link, options_.topic, target_.all(), client::latest_timestamp);
        if (!ends) co_return std::unexpected{std::move(ends.error())};
        from_ = offsets_of(*ends);
        if (consumes_only) {
            auto starts = co_await client::list_offsets(link, options_.topic, target_.all(), client::earliest_timestamp);
            if (!starts) co_return std::unexpected{std::move(starts.error())};
            until_ = std::exchange(from_, offsets_of(*starts));
        }
        consumer_ = std::make_unique<consume_side>(link, options_, consumed_, notes_);
        auto opened = co_await consumer_->open(target_, from_);
        if (!opened) co_return std::unexpected{std::move(opened.error())};
    }
    if (!consumes_only) {
        producer_ = std::make_unique<produce_side>(link, pace, shared_, produced_, notes_);
        auto opened = co_await producer_->open(target_);
        if (!opened) co_return std::unexpected{std::move(opened.error())};
    }
    co_return client::result<void>{};
}

runtime::task<int> load_run::run(client::cluster_link& link, paced_driver& pace) {
    auto& clock = *runtime::shard::current().world().clock;
    auto opened = co_await open(link, pace);
    if (!opened || interrupted_) {
        std::string why = opened ? "interrupted before it began" : client::describe(opened.error());
        std::fprintf(stderr, "millrace-bench: %s\n", why.c_str());
        if (producer_) co_await producer_->close();
        if (consumer_) co_await consumer_->close();
        co_return 1;
    }
    auto start = clock.now();
    shared_.begin(start);
    measured_from_ = start + options_.plan.warm_up;
    produced_ = measurement{measured_from_};
    consumed_ = measurement{measured_from_};
    core_use use{pace};
    ticking_ = true;
    tasks_.spawn(tick_along());
    if (consumer_) {
        consume_goal goal;
        if (producer_) {
            goal.run = shared_.run;
        } else {
            goal.until = until_;
            goal.records_max = options_.plan.records_max;
            goal.end = shared_.end;
        }
        consumer_->begin(std::move(goal), [this] { consume_end_.reached(); });
    }
    if (producer_) {
        producer_->begin([this] { produce_end_.reached(); });
        co_await produce_end_;
        produced_.finish(clock.now());
        if (overran_) note_overrun();
    }
    if (consumer_) {
        if (producer_) {
            consumer_->expect(interrupted_ ? 0 : producer_->acknowledged());
            arrival_deadline_ = clock.now() + arrival_patience;
        }
        co_await consume_end_;
        consumed_.finish(clock.now());
        if (auto lost = consumer_->missed())
            notes_.spoil(std::to_string(lost) + " records were acknowledged and did not come to a consumer within " +
                         std::to_string(runtime::seconds{arrival_patience}.count()) + " s");
    }
    ticking_ = false;
    auto client_core_share = use.share();
    if (interrupted_) notes_.spoil("interrupted");
    if (options_.progress && isatty(STDERR_FILENO)) std::fputs("\r\033[K", stderr);
    auto told = report(client_core_share);
    if (options_.with_pump) add_pump_ratio(options_, told);
    auto exit_code = deliver(options_, told);
    if (producer_) co_await producer_->close();
    if (consumer_) co_await consumer_->close();
    co_await tasks_.drain();
    co_return exit_code;
}

void load_run::interrupted() {
    interrupted_ = true;
    if (producer_) producer_->stop();
    if (consumer_ && !producer_) consumer_->stop();
}

void load_run::note_overrun() {
    auto due = shared_.records_scheduled;
    auto settled = produced_.records() + produced_.warm_up_records() + produced_.failed_records();
    notes_.spoil(printed("the rate was not held: %llu of %llu records that were due had not been sent %lld s after the end",
                         static_cast<unsigned long long>(due - std::min(due, settled)), static_cast<unsigned long long>(due),
                         static_cast<long long>(overrun_max.count())));
}

// Wakes often enough that the end of a run does not wait for it.
runtime::task<void> load_run::tick_along() {
    constexpr auto look_every = runtime::milliseconds{20};
    auto& clock = *runtime::shard::current().world().clock;
    // A soak of days must not keep a row for each second.
    runtime::nanoseconds row = runtime::seconds{options_.command == "soak" ? 60 : 1};
    auto next = measured_from_ + row, watch = measured_from_;
    while (ticking_) {
        auto now = clock.now();
        co_await runtime::sleep_for(std::clamp<runtime::nanoseconds>(next - now, runtime::milliseconds{1}, look_every));
        if (!ticking_) break;
        if (consumer_ && clock.now() >= arrival_deadline_) consumer_->stop();
        if (producer_ && !overran_ && shared_.end != runtime::never && clock.now() - shared_.end >= overrun_max && producer_->behind_or_waiting()) {
            overran_ = true;
            producer_->stop();
        }
        if (clock.now() >= watch) {
            watch += runtime::seconds{1};
            if (consumer_) consumer_->watch();
        }
        if (clock.now() < next) continue;
        next += row;
        tick();
    }
}

void load_run::tick() {
    auto now = runtime::shard::current().world().clock->now();
    if (producer_) produced_.tick(now, producer_->in_flight());
    if (consumer_) consumed_.tick(now, consumer_->in_flight());
    show(consumer_ ? producer_ ? "end to end" : "consume" : "produce", consumer_ ? consumed_ : produced_);
}

void load_run::show(const std::string& name, const measurement& m) {
    if (!options_.progress || m.rows().empty()) return;
    auto line = progress_line(name, m.rows().back());
    if (isatty(STDERR_FILENO))
        std::fprintf(stderr, "\r\033[K%s", line.c_str());
    else
        std::fprintf(stderr, "%s\n", line.c_str());
}

run_report load_run::report(double client_core_share) const {
    run_report r;
    r.command = options_.command;
    r.settings = settings_of(options_);
    if (consumer_) r.sections.push_back({producer_ ? "end to end" : "consume", &consumed_});
    if (producer_) r.sections.push_back({"produce", &produced_});
    r.client_core_share = client_core_share;
    r.slos = options_.slos;
    r.notes = notes_.lines();
    r.valid = notes_.valid();
    return r;
}

std::vector<std::pair<std::string, std::string>> settings_of(const bench_options& o) {
    const auto& plan = o.plan;
    std::vector<std::pair<std::string, std::string>> out{{"bootstrap_server", o.bootstrap_text}, {"topic", o.topic}};
    auto add = [&](const char* name, std::string value) { out.emplace_back(name, std::move(value)); };
    if (o.command == "groups") {
        add("groups", std::to_string(o.groups));
        add("members", std::to_string(o.members));
    } else {
        add("connections", std::to_string(plan.connections));
    }
    if (o.command != "consume" && o.command != "connections" && o.command != "groups") {
        add("rate", plan.rate ? std::to_string(plan.rate) : "as fast as possible");
        add("record_size", plan.size.min == plan.size.max ? std::to_string(plan.size.min) : printed("uniform:%u:%u", plan.size.min, plan.size.max));
        constexpr const char* kinds[] = {"none", "sequential", "uniform", "zipf"};
        std::string keys = kinds[static_cast<int>(plan.keys.kind)];
        if (plan.keys.count) keys += ":" + std::to_string(plan.keys.count);
        add("keys", keys);
        add("batch_bytes", std::to_string(plan.batch_bytes));
        add("linger", time_text(static_cast<double>(plan.linger.count())));
        add("acks", plan.acks == -1 ? "all" : std::to_string(plan.acks));
        add("compression", records::name_of(plan.codec));
        add("idempotence", plan.idempotent ? "true" : "false");
        add("depth", std::to_string(plan.depth));
    }
    if (o.command != "produce" && o.command != "saturate" && o.command != "connections" && o.command != "groups") add("consumers", std::to_string(o.consumers));
    if (plan.duration != runtime::nanoseconds::max()) add("duration", time_text(static_cast<double>(plan.duration.count())));
    if (plan.records_max != no_limit) add("num_records", std::to_string(plan.records_max));
    return out;
}

namespace {
bool write_file(const std::string& path, const std::string& text) {
    auto* file = std::fopen(path.c_str(), "w");
    bool good = file && std::fwrite(text.data(), 1, text.size(), file) == text.size();
    if (file) good = std::fclose(file) == 0 && good;
    if (!good) std::fprintf(stderr, "millrace-bench: %s could not be written: %s\n", path.c_str(), std::strerror(errno));
    return good;
}
} // namespace

int deliver(const bench_options& options, const run_report& r) {
    std::string out = options.json ? json_of(r) : text_of(r);
    if (options.kafka_summary && !options.json) out += kafka_summary(r.first());
    std::fwrite(out.data(), 1, out.size(), stdout);
    std::fflush(stdout);
    bool written = true;
    if (!options.hgrm_file.empty()) written = write_file(options.hgrm_file, r.first().latency().hgrm(1e6)) && written;
    if (!options.report_file.empty()) written = write_file(options.report_file, html_of(r)) && written;
    if (!r.valid || !written) return 1;
    return r.slos_met() ? 0 : 3;
}

} // namespace millrace::bench
