#include "groups_run.h"

#include "client/retry.h"
#include "client/groups.h"
#include "core_use.h"
#include "load_run.h"
#include "printed.h"
#include "runtime/random.h"

#include <cstdio>

namespace millrace::bench {

namespace {
using client::membership;
constexpr std::int32_t leave_epoch = -1;
constexpr std::int32_t rebalance_timeout_ms = 60'000;
using client::retry_pause;
constexpr auto leave_patience = runtime::seconds{2};
constexpr auto look_every = runtime::milliseconds{2};
constexpr int phases = 97;
} // namespace

runtime::task<client::result<void>> groups_run::open(client::cluster_link& link) {
    auto found = co_await ready_target(link, options_.topic, options_.create, options_.partitions);
    if (!found) co_return std::unexpected{std::move(found.error())};
    target_ = std::move(*found);
    auto& random = *shard_->world().random;
    auto of_this_run = random.next_uuid().to_string();
    for (std::uint32_t g = 0; g < options_.groups && !interrupted_; ++g) {
        auto made = std::make_unique<group>();
        made->name = "millrace-bench-" + of_this_run + "-" + std::to_string(g);
        client::result<client::connection*> at = client::fail(client::errc::closed);
        for (int left = 100; left > 0; --left) { // the first group makes the topic of the offsets
            at = co_await client::coordinator_of(link, made->name);
            if (at || !client::is_retriable(at.error())) break;
            co_await runtime::sleep_for(retry_pause);
        }
        if (!at) co_return std::unexpected{std::move(at.error())};
        auto version = (*at)->version_of(kafka::api_key::consumer_group_heartbeat);
        if (!version) co_return client::fail(client::errc::unsupported, (*at)->address() + " has no groups by the consumer protocol (KIP-848)");
        made->version = *version;
        const auto& address = (*at)->address();
        auto colon = address.rfind(':');
        made->coordinator = {address.substr(0, colon), static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1)))};
        groups_.push_back(std::move(made));
        for (std::uint32_t m = 0; m < options_.members; ++m) {
            members_.push_back(std::make_unique<group_member>(*this, *groups_.back(), random.next_uuid().to_string()));
            auto& member = *members_.back();
            member.phase = 1 + static_cast<int>(members_.size() % phases);
            runtime::endpoint to = groups_.back()->coordinator;
            auto opened = co_await wire_pipe::open(*shard_->world().transport, to, member);
            if (!opened) co_return std::unexpected{std::move(opened.error())};
            member.pipe = std::move(*opened);
        }
    }
    co_return client::result<void>{};
}

void groups_run::group_member::beat(std::int32_t epoch, const membership::heartbeat& news) {
    kafka::consumer_group_heartbeat_request message;
    message.group_id = in.name;
    message.member_id = id;
    message.member_epoch = epoch;
    std::string_view names[1] = {run.options_.topic};
    kafka::consumer_group_heartbeat_request::topic_entry owned;
    owned.topic_id = run.target_.topic_id;
    if (news.introduces) {
        message.rebalance_timeout_ms = rebalance_timeout_ms;
        message.subscribed_topic_names = {names, 1};
    }
    if (news.owned) {
        owned.partitions = *news.owned;
        message.topic_partitions = {&owned, news.owned->empty() ? 0u : 1u};
    }
    busy = true;
    pipe->send(request, message, in.version);
}

void groups_run::group_member::answered(wire_request& r, reader& body) {
    auto now = run.clock_now();
    arena.reset();
    kafka::consumer_group_heartbeat_response said;
    if (!kafka::decode(body, r.version, arena, said)) {
        run.notes_.spoil("an answer to a heartbeat did not decode");
        out = true;
        return;
    }
    if (run.leaving_) {
        out = true;
        return;
    }
    run.beats_.fetched(r.sent_at, now, 1, 0);
    in.owned -= membership.owned().size();
    switch (membership.take(membership::heard(said, run.target_.topic_id))) {
    case membership::verdict::carry_on: {
        membership.settled();
        auto interval = runtime::milliseconds{std::max(said.heartbeat_interval_ms, 1)};
        // Members that began at once must not beat at once for ever.
        auto wait = joined ? runtime::nanoseconds{interval} : runtime::nanoseconds{interval} * phase / phases;
        next = membership.has_news() ? now : r.sent_at + wait;
        break;
    }
    case membership::verdict::ask_again: next = now + retry_pause; break;
    case membership::verdict::lost:
        run.notes_.note("a member was put out of its group and joined again");
        next = now;
        break;
    case membership::verdict::refused:
        run.notes_.spoil("the coordinator refused a member: " + std::string{kafka::name_of(said.error_code)});
        run.beats_.failed(1);
        out = true;
        break;
    }
    in.owned += membership.owned().size();
    if (!joined && membership.in_group()) {
        joined = true;
        run.joins_.fetched(began, now, 1, 0);
    }
    if (!in.settled && in.owned == run.target_.partitions()) {
        in.settled = true;
        ++run.settled_;
        run.settlings_.fetched(run.start_, now, 1, 0);
    }
}

void groups_run::group_member::broke(const client::failure& why) {
    if (!run.leaving_) run.notes_.spoil("a member's connection broke: " + client::describe(why));
    out = true;
}

runtime::task<int> groups_run::run(client::cluster_link& link, paced_driver& pace) {
    shard_ = &runtime::shard::current();
    auto opened = co_await open(link);
    if (!opened) {
        std::fprintf(stderr, "millrace-bench: %s\n", client::describe(opened.error()).c_str());
        for (std::size_t i = 0; i < members_.size(); ++i)
            if (members_[i]->pipe) co_await members_[i]->pipe->close();
        co_return 1;
    }
    start_ = clock_now();
    beats_ = joins_ = settlings_ = measurement{start_};
    core_use use{pace};
    auto until = start_ + options_.plan.duration, row = start_ + runtime::seconds{1};
    for (auto& m : members_) m->began = m->next = start_;
    while (clock_now() < until && !interrupted_) {
        auto now = clock_now();
        bool any = false;
        for (auto& m : members_) {
            any = any || !m->out;
            if (m->busy || m->out || m->next > now) continue;
            auto news = m->membership.next();
            m->beat(news.epoch, news);
        }
        if (!any) break;
        co_await runtime::sleep_for(look_every);
        if (clock_now() < row) continue;
        row += runtime::seconds{1};
        beats_.tick(clock_now(), members_.size());
        if (options_.progress) std::fprintf(stderr, "%s  groups with all partitions %zu\n", progress_line("heartbeat", beats_.rows().back()).c_str(), settled_);
    }
    beats_.finish(clock_now());
    joins_.finish(clock_now());
    settlings_.finish(clock_now());
    auto core_share = use.share();
    // Members that leave let the broker forget their groups.
    leaving_ = true;
    for (auto deadline = clock_now() + leave_patience; clock_now() < deadline;) {
        bool all = true;
        for (auto& m : members_) {
            all = all && m->out;
            if (m->busy || m->out || !m->pipe->usable()) continue;
            membership::heartbeat farewell;
            m->beat(leave_epoch, farewell);
        }
        if (all) break;
        co_await runtime::sleep_for(look_every);
    }
    if (interrupted_) notes_.spoil("interrupted");
    if (settled_ < groups_.size() && !interrupted_)
        notes_.spoil(printed("%zu of %zu groups had all partitions before the end", settled_, groups_.size()));
    run_report r;
    r.command = options_.command;
    r.settings = settings_of(options_);
    r.sections = {{"heartbeat", &beats_}, {"join", &joins_}, {"all partitions", &settlings_}};
    r.more.emplace_back("groups that had all partitions", printed("%zu of %zu", settled_, groups_.size()));
    r.client_core_share = core_share;
    r.slos = options_.slos;
    r.notes = notes_.lines();
    r.valid = notes_.valid();
    auto exit_code = deliver(options_, r);
    for (std::size_t i = 0; i < members_.size(); ++i) co_await members_[i]->pipe->close();
    co_return exit_code;
}

} // namespace millrace::bench
