#include "produce_side.h"

#include "client/producer_id.h"
#include "client/retry.h"

#include <algorithm>

namespace millrace::bench {

namespace {
using client::retry_pause;
constexpr auto watch_every = runtime::milliseconds{200};
constexpr std::int32_t request_timeout_ms = 30'000;
} // namespace

produce_side::produce_side(client::cluster_link& link, paced_driver& pace, load_progress& shared, measurement& into, run_notes& notes)
    : link_{link}, pace_{pace}, shared_{shared}, into_{into}, notes_{notes}, shard_{runtime::shard::current()} {
    due_.owner = this;
    due_.done = [](runtime::completion& c) noexcept { static_cast<due_completion&>(c).owner->step(); };
    watch_.owner = this;
    watch_.fired = [](runtime::timer& t) noexcept { static_cast<watch_timer&>(t).owner->watch(); };
}

produce_side::lane_connection::lane_connection(produce_side& of, std::size_t at, std::uint32_t which)
    : side{of}, leader{at}, source{of.shared_, of.into_, of.target_.leaders[at].partitions, which} {}

runtime::task<client::result<void>> produce_side::open(load_target target) {
    target_ = std::move(target);
    for (std::uint32_t i = 0; i < shared_.plan.connections; ++i) {
        connections_.push_back(std::make_unique<lane_connection>(*this, i % target_.leaders.size(), i));
        auto connected = co_await connect(*connections_.back());
        if (!connected) co_return std::unexpected{std::move(connected.error())};
    }
    co_return client::result<void>{};
}

runtime::task<client::result<void>> produce_side::identify(load_source& source) {
    if (!shared_.plan.idempotent) co_return client::result<void>{};
    auto given = co_await client::patiently(&client::take_producer_id, link_);
    if (!given) co_return std::unexpected{std::move(given.error())};
    source.identify(given->id, given->epoch);
    co_return client::result<void>{};
}

runtime::task<client::result<void>> produce_side::connect(lane_connection& c) {
    auto known = co_await identify(c.source);
    if (!known) co_return std::unexpected{std::move(known.error())};
    runtime::endpoint to = target_.leaders[c.leader].at;
    auto opened = co_await wire_pipe::open(*shard_.world().transport, to, c);
    if (!opened) co_return std::unexpected{std::move(opened.error())};
    c.pipe = std::move(*opened);
    co_return client::result<void>{};
}

void produce_side::begin(std::function<void()> ended) {
    ended_ = std::move(ended);
    running_ = true;
    last_good_ = clock_now();
    shard_.arm_after(watch_, watch_every);
    step();
}

void produce_side::step() {
    auto now = clock_now();
    auto next = runtime::never;
    for (auto& c : connections_) {
        c->send_due(now);
        if (c->pipe && c->pipe->usable()) next = std::min(next, c->wants_time(now));
    }
    wakes_ = next;
    pace_.wake_at(next, due_);
    check_end();
}

void produce_side::wake_no_later_than(runtime::mono_time when) {
    if (when >= wakes_) return;
    wakes_ = when;
    pace_.wake_at(when, due_);
}

// In the closed loop only a pause has an end to be woken for.
runtime::mono_time produce_side::lane_connection::wants_time(runtime::mono_time now) const {
    if (now < pause_until) return pause_until;
    return source.next_due();
}

void produce_side::lane_connection::send_due(runtime::mono_time now) {
    auto& shared = side.shared_;
    auto wall = side.shard_.wall();
    source.advance(now, wall);
    if (!pipe || !pipe->usable() || now < pause_until) return;
    const auto& group = side.target_.leaders[leader];
    while (true) {
        if (free.empty()) {
            slots.push_back(std::make_unique<slot>());
            free.push_back(slots.back().get());
        }
        auto& s = *free.back();
        if (!source.take(s.load, now, wall)) return;
        free.pop_back();
        s.parts.clear();
        for (auto* b : s.load.batches) {
            kafka::produce_request::partition_entry part;
            part.index = source.partition(*b);
            part.records = bytes_view{b->wire};
            s.parts.push_back(part);
        }
        kafka::produce_request::topic_entry topic;
        // Topics are named by id from version 13 on (KIP-516).
        if (group.produce_version >= 13)
            topic.topic_id = side.target_.topic_id;
        else
            topic.name = side.target_.topic;
        topic.partition_data = s.parts;
        kafka::produce_request request;
        request.acks = shared.plan.acks;
        request.timeout_ms = request_timeout_ms;
        request.topic_data = {&topic, 1};
        pipe->send(s, request, group.produce_version, shared.plan.acks != 0);
    }
}

void produce_side::refused(kafka::error_code code, std::string_view message) {
    std::string text = "the broker refused records: " + std::string{kafka::name_of(code)};
    if (!message.empty()) text += " (" + std::string{message} + ")";
    if (code == kafka::error_code::unknown_topic_or_partition || code == kafka::error_code::unknown_topic_id)
        text += "; was topic " + target_.topic + " deleted?";
    notes_.spoil(std::move(text));
}

void produce_side::lane_connection::answered(wire_request& request, reader& body) {
    auto& s = static_cast<slot&>(request);
    auto now = side.clock_now();
    bool any_good = !request.expects_answer, any_bad = false;
    if (!request.expects_answer) {
        for (auto* b : s.load.batches) {
            side.acknowledged_ += static_cast<std::uint64_t>(b->builder.record_count());
            source.accepted(*b, now);
        }
    } else {
        arena.reset();
        kafka::produce_response said;
        bool good = kafka::decode(body, request.version, arena, said) && said.responses.size() == 1;
        for (auto* b : s.load.batches) {
            const kafka::produce_response::partition_entry* one = nullptr;
            if (good)
                for (const auto& p : said.responses[0].partition_responses)
                    if (p.index == source.partition(*b)) one = &p;
            auto records = static_cast<std::uint64_t>(b->builder.record_count());
            if (one && one->error_code == kafka::error_code::none) {
                side.acknowledged_ += records;
                any_good = true;
                source.accepted(*b, now);
                continue;
            }
            any_bad = true;
            if (one) side.refused(one->error_code, one->error_message.value());
            else side.notes_.spoil("an answer to a produce request did not decode");
            source.refused(*b);
        }
    }
    if (any_good) side.last_good_ = now;
    if (any_bad && !any_good) pause_until = now + retry_pause;
    source.done(s.load, now, true);
}

void produce_side::lane_connection::lost(wire_request& request) {
    auto& s = static_cast<slot&>(request);
    for (auto* b : s.load.batches) source.refused(*b);
    source.done(s.load, side.clock_now(), false);
}

void produce_side::lane_connection::released(wire_request& request) {
    free.push_back(&static_cast<slot&>(request));
    if (!side.running_) return;
    auto now = side.clock_now();
    send_due(now);
    side.wake_no_later_than(wants_time(now));
    if (source.finished()) side.check_end();
}

void produce_side::lane_connection::broke(const client::failure& why) {
    if (side.closing_) return;
    side.notes_.spoil("a connection broke: " + client::describe(why));
    if (side.running_ && !side.shared_.stopped) side.tasks_.spawn(side.reconnect(*this));
}

runtime::task<void> produce_side::reconnect(lane_connection& c) {
    while (running_ && !closing_ && !shared_.stopped) {
        co_await runtime::sleep_for(retry_pause);
        if (!running_ || closing_ || shared_.stopped) break;
        auto found = co_await find_target(link_, target_.topic);
        if (!found) {
            // Gone for good, not for a moment: after the patience of everything else.
            if (found.error().code == kafka::error_code::unknown_topic_or_partition)
                notes_.spoil("topic " + target_.topic + " is gone");
            continue;
        }
        for (const auto& group : found->leaders)
            if (group.leader == target_.leaders[c.leader].leader) target_.leaders[c.leader].at = group.at;
        target_.topic_id = found->topic_id;
        // Its last release may be still to come.
        if (c.pipe) broken_.push_back(std::move(c.pipe));
        auto connected = co_await connect(c);
        if (!connected) continue;
        notes_.note("connected again to " + target_.leaders[c.leader].at.host + ":" + std::to_string(target_.leaders[c.leader].at.port));
        last_good_ = clock_now();
        if (running_) step();
        co_return;
    }
    check_end();
}

void produce_side::watch() {
    if (!running_) return;
    auto now = clock_now();
    bool waits = in_flight() > 0;
    for (auto& c : connections_) waits = waits || !c->pipe || !c->pipe->usable() || c->source.behind(now) > 0;
    if (waits && now - last_good_ > patience)
        give_up("given up: no record was accepted for 30 s");
    else if (stopped_at_ != runtime::never && now - stopped_at_ > stop_patience)
        give_up("what was under way was not answered");
    step();
    if (running_) shard_.arm_after(watch_, watch_every);
}

void produce_side::give_up(const char* why) {
    static_assert(patience == runtime::seconds{30}, "the text says so");
    notes_.spoil(why);
    shared_.stopped = true;
    for (auto& c : connections_)
        if (c->pipe) c->pipe->give_up({client::errc::timed_out, kafka::error_code::none, target_.topic});
}

void produce_side::stop() {
    shared_.stopped = true;
    if (stopped_at_ == runtime::never) stopped_at_ = clock_now();
    check_end();
}

void produce_side::check_end() {
    if (!running_) return;
    for (auto& c : connections_)
        if (!c->source.finished()) return;
    running_ = false;
    pace_.wake_at(runtime::never, due_);
    runtime::shard::cancel(watch_);
    ended_();
}

std::uint64_t produce_side::in_flight() const {
    std::uint64_t all = 0;
    for (const auto& c : connections_) all += c->source.in_flight();
    return all;
}

std::uint64_t produce_side::behind() const {
    std::uint64_t all = 0;
    auto now = clock_now();
    for (const auto& c : connections_) all += c->source.behind(now);
    return all;
}

bool produce_side::behind_or_waiting() const {
    return shared_.plan.rate > 0 && std::ranges::any_of(connections_, [](const auto& c) { return !c->source.all_sent(); });
}

runtime::task<void> produce_side::close() {
    closing_ = true;
    running_ = false;
    pace_.wake_at(runtime::never, due_);
    runtime::shard::cancel(watch_);
    co_await tasks_.drain();
    for (std::size_t i = 0; i < connections_.size(); ++i)
        if (connections_[i]->pipe) co_await connections_[i]->pipe->close();
    for (std::size_t i = 0; i < broken_.size(); ++i) co_await broken_[i]->close();
}

} // namespace millrace::bench
