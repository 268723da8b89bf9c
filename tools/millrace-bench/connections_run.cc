#include "connections_run.h"

#include "client/offsets.h"
#include "core_use.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/fetch.h"
#include "load_run.h"
#include "printed.h"

#include <cstdio>
#include <sys/resource.h>

namespace millrace::bench {

namespace {
// Brokers' listen queues are short; more at once would be refused or sent again a second later.
constexpr std::size_t openers_max = 64;
constexpr std::size_t descriptors_beside = 64;
} // namespace

runtime::task<client::result<void>> connections_run::find(client::cluster_link& link) {
    auto found = co_await ready_target(link, options_.topic, options_.create, options_.partitions);
    if (!found) co_return std::unexpected{std::move(found.error())};
    target_ = std::move(*found);
    for (std::size_t i = 0; i < target_.leaders.size(); ++i)
        for (auto p : target_.leaders[i].partitions) places_.emplace_back(p, i);
    auto ends = co_await client::list_offsets(link, options_.topic, target_.all(), client::latest_timestamp);
    if (!ends) co_return std::unexpected{std::move(ends.error())};
    for (const auto& [partition, at] : *ends) ends_[partition] = at.offset;
    co_return client::result<void>{};
}

runtime::task<void> connections_run::open_some() {
    while (next_ < options_.plan.connections && !interrupted_) {
        auto which = next_++;
        auto& c = *connections_.emplace_back(std::make_unique<held_connection>(*this, which));
        c.began = clock_now();
        runtime::endpoint to = target_.leaders[places_[which % places_.size()].second].at;
        auto made = co_await wire_pipe::open(*shard_->world().transport, to, c);
        if (!made) {
            ++lost_;
            notes_.spoil("a connection was not made: " + client::describe(made.error()));
            continue;
        }
        c.pipe = std::move(*made);
        c.request = std::make_unique<wire_request>();
        kafka::api_versions_request ask;
        c.pipe->send(*c.request, ask, 0);
        // The broker has to take it before the next one is begun.
        while (!c.open && c.pipe->usable() && !interrupted_) co_await runtime::sleep_for(runtime::milliseconds{1});
    }
    if (--openers_ == 0) all_open_.reached();
}

void connections_run::held_connection::poll() {
    auto [partition, leader] = run.places_[which % run.places_.size()];
    kafka::fetch_request::partition_entry part;
    part.partition = partition;
    part.fetch_offset = run.ends_[partition];
    part.partition_max_bytes = static_cast<std::int32_t>(run.options_.partition_fetch_bytes);
    kafka::fetch_request::topic_entry topic;
    auto version = run.target_.leaders[leader].fetch_version;
    if (version >= 13) topic.topic_id = run.target_.topic_id;
    else topic.topic = run.target_.topic;
    topic.partitions = {&part, 1};
    kafka::fetch_request message;
    message.max_wait_ms = static_cast<std::int32_t>(run.options_.fetch_wait / runtime::milliseconds{1});
    message.min_bytes = static_cast<std::int32_t>(std::max<std::uint32_t>(1, run.options_.fetch_min_bytes));
    message.max_bytes = static_cast<std::int32_t>(run.options_.fetch_bytes);
    message.topics = {&topic, 1};
    pipe->send(*request, message, version);
}

void connections_run::held_connection::answered(wire_request& r, reader&) {
    auto now = run.clock_now();
    if (!open) {
        open = true;
        run.most_open_ = std::max(run.most_open_, ++run.open_count_);
        run.opened_.fetched(began, now, 1, 0);
        return;
    }
    run.polled_.fetched(r.sent_at, now, 0, 0);
    ++run.answered_;
    if (run.options_.once && run.answered_ == run.asked_) run.told_all_answered();
}

void connections_run::held_connection::released(wire_request&) {
    if (run.polling_ && pipe->usable() && !run.options_.once) poll();
}

// Whoever watches the broker from outside learns from the line that the last one has its answer.
void connections_run::told_all_answered() {
    last_answer_ = clock_now();
    if (options_.progress)
        std::fprintf(stderr, "all %zu polls answered after %.3f s\n", asked_, std::chrono::duration<double>(last_answer_ - held_from_).count());
}

void connections_run::held_connection::broke(const client::failure& why) {
    if (open) --run.open_count_;
    ++run.lost_;
    run.notes_.spoil("a connection was lost: " + client::describe(why));
}

runtime::task<int> connections_run::run(client::cluster_link& link, paced_driver& pace) {
    shard_ = &runtime::shard::current();
    auto count = options_.plan.connections;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (count + descriptors_beside > limit.rlim_max) {
        std::fprintf(stderr, "millrace-bench: --connections %u needs more descriptors than this process may have (%llu); raise the hard limit (ulimit -Hn)\n", count,
                     static_cast<unsigned long long>(limit.rlim_max));
        co_return 1;
    }
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    auto found = co_await find(link);
    if (!found) {
        std::fprintf(stderr, "millrace-bench: %s\n", client::describe(found.error()).c_str());
        co_return 1;
    }
    connections_.reserve(count);
    auto start = clock_now();
    opened_ = measurement{start};
    openers_ = std::min<std::size_t>(openers_max, count);
    for (auto left = openers_; left > 0; --left) tasks_.spawn(open_some());
    co_await all_open_;
    auto open_seconds = std::chrono::duration<double>(clock_now() - start).count();
    opened_.finish(clock_now());
    auto opened = open_count_;
    if (options_.progress) std::fprintf(stderr, "%zu connections open after %.2f s\n", opened, open_seconds);

    held_from_ = clock_now();
    polled_ = measurement{held_from_};
    core_use use{pace};
    polling_ = options_.polling;
    if (polling_)
        for (auto& c : connections_)
            if (c->open && c->pipe->usable() && c->pipe->in_flight() == 0) {
                ++asked_;
                c->poll();
            }
    auto until = held_from_ + options_.plan.duration, row = held_from_ + runtime::seconds{1};
    while (clock_now() < until && !interrupted_ && open_count_ > 0) {
        co_await runtime::sleep_for(runtime::milliseconds{20});
        if (clock_now() < row) continue;
        row += runtime::seconds{1};
        if (polling_) polled_.tick(clock_now(), open_count_);
        if (options_.progress && polling_) std::fprintf(stderr, "%s\n", progress_line("poll", polled_.rows().back()).c_str());
    }
    polling_ = false;
    polled_.finish(clock_now());
    run_report r;
    r.command = options_.command;
    r.settings = settings_of(options_);
    if (options_.polling) r.sections.push_back({"poll", &polled_});
    r.sections.push_back({"open", &opened_});
    r.more.emplace_back("connections opened", printed("%zu of %u in %.2f s", opened, count, open_seconds));
    r.more.emplace_back("connections open at the end", std::to_string(open_count_));
    if (options_.polling)
        r.more.emplace_back("polls", printed("%llu, %.0f/s", static_cast<unsigned long long>(polled_.requests()),
                                             polled_.seconds() > 0 ? static_cast<double>(polled_.requests()) / polled_.seconds() : 0));
    if (options_.once)
        r.more.emplace_back("polls answered", printed("%zu of %zu", answered_, asked_) +
                                                  (last_answer_ > held_from_ ? printed(", the last after %.3f s", std::chrono::duration<double>(last_answer_ - held_from_).count()) : ""));
    if (interrupted_) notes_.spoil("interrupted");
    r.client_core_share = use.share();
    r.slos = options_.slos;
    r.notes = notes_.lines();
    r.valid = notes_.valid() && opened == count;
    auto exit_code = deliver(options_, r);
    for (std::size_t i = 0; i < connections_.size(); ++i)
        if (connections_[i]->pipe) co_await connections_[i]->pipe->close();
    co_await tasks_.drain();
    co_return exit_code;
}

void connections_run::interrupted() { interrupted_ = true; }

} // namespace millrace::bench
