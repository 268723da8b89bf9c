#include "saturate_run.h"

#include "core_use.h"
#include "load_run.h"
#include "printed.h"
#include "rate_search.h"

#include <cstdio>

namespace millrace::bench {

namespace {
constexpr std::uint64_t first_rate = 1000;
constexpr std::uint64_t highest_rate = 100'000'000;
constexpr auto step_duration = runtime::seconds{3};
constexpr auto step_warm_up = runtime::seconds{1};
constexpr double kept_up = 0.95; // of the asked rate
} // namespace

runtime::task<client::result<void>> saturate_run::try_rate(client::cluster_link& link, paced_driver& pace, load_target target, attempt& with) {
    auto& clock = *runtime::shard::current().world().clock;
    produce_side producer{link, pace, with.shared, with.measured, with.notes};
    auto opened = co_await producer.open(target);
    if (opened) {
        auto start = clock.now();
        with.shared.begin(start);
        with.measured = measurement{start + with.plan.warm_up};
        core_use use{pace};
        run_end end;
        running_ = &producer;
        producer.begin([&end] { end.reached(); });
        co_await end;
        running_ = nullptr;
        with.measured.finish(clock.now());
        with.client_core_share = use.share();
    }
    co_await producer.close();
    co_return std::move(opened);
}

runtime::task<int> saturate_run::run(client::cluster_link& link, paced_driver& pace) {
    auto target = co_await ready_target(link, options_.topic, options_.create, options_.partitions);
    if (!target) {
        std::fprintf(stderr, "millrace-bench: %s\n", client::describe(target.error()).c_str());
        co_return 1;
    }
    rate_search search{options_.plan.rate ? options_.plan.rate : first_rate, highest_rate};
    std::unique_ptr<attempt> best, last;
    run_notes notes;
    bool doubted = false;
    while (search.next() && !interrupted_) {
        auto plan = options_.plan;
        plan.rate = search.next();
        if (plan.duration == runtime::nanoseconds::max()) plan.duration = step_duration;
        if (plan.warm_up == runtime::nanoseconds{0}) plan.warm_up = step_warm_up;
        last = std::make_unique<attempt>(plan);
        auto tried = co_await try_rate(link, pace, *target, *last);
        if (!tried) {
            notes.spoil("stopped: " + client::describe(tried.error()));
            break;
        }
        if (interrupted_) break;
        const auto& m = last->measured;
        auto rate = m.seconds() > 0 ? static_cast<double>(m.records()) / m.seconds() : 0;
        bool held = m.failed_records() == 0 && rate >= kept_up * static_cast<double>(plan.rate);
        for (const auto& s : options_.slos) held = held && s.met(m);
        if (options_.progress)
            std::fprintf(stderr, "%10llu records/s  %-6s  %.0f records/s  p50 %s  p99 %s  client %.0f %%\n", static_cast<unsigned long long>(plan.rate),
                         held ? "held" : "missed", rate, time_text(static_cast<double>(m.latency().at_percentile(50))).c_str(),
                         time_text(static_cast<double>(m.latency().at_percentile(99))).c_str(), last->client_core_share * 100);
        if (!last->notes.valid()) {
            for (const auto& line : last->notes.lines()) notes.spoil(line);
            break;
        }
        // On a busy machine one bad second is not the broker's limit: a miss has to happen twice.
        if (!held && !std::exchange(doubted, true)) continue;
        doubted = false;
        search.told(held);
        if (held) best = std::move(last);
    }
    if (interrupted_) notes.spoil("interrupted");
    if (!best) {
        if (!last) co_return 1;
        notes.spoil("no rate held " + (options_.slos.empty() ? std::string{"the schedule"} : options_.slos.front().text));
    }
    const auto& shown = best ? *best : *last;
    run_report r;
    r.command = options_.command;
    r.settings = settings_of(options_);
    r.sections.push_back({"produce", &shown.measured});
    r.more.emplace_back("highest rate that held", best ? std::to_string(search.best()) + " records/s" : "none");
    r.client_core_share = shown.client_core_share;
    r.slos = options_.slos;
    r.notes = notes.lines();
    r.valid = notes.valid();
    co_return deliver(options_, r);
}

void saturate_run::interrupted() {
    interrupted_ = true;
    if (running_) running_->stop();
}

} // namespace millrace::bench
