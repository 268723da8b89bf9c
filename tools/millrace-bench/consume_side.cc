#include "consume_side.h"

#include "client/retry.h"
#include "record_stamp.h"
#include "records/record_iterator.h"

#include <algorithm>

namespace millrace::bench {

namespace {
using client::retry_pause;
constexpr auto patience = runtime::seconds{30};
constexpr std::size_t plain_bytes_max = 256 << 20;
} // namespace

consume_side::consume_side(client::cluster_link& link, const bench_options& options, measurement& into, run_notes& notes)
    : link_{link}, options_{options}, into_{into}, notes_{notes}, shard_{runtime::shard::current()} {}

runtime::task<client::result<void>> consume_side::open(load_target target, std::map<partition_index, log_offset> from) {
    target_ = std::move(target);
    for (std::uint32_t consumer = 0; consumer < options_.consumers; ++consumer) {
        for (std::size_t leader = 0; leader < target_.leaders.size(); ++leader) {
            const auto& partitions = target_.leaders[leader].partitions;
            // A consumer's partitions are shared out over its connections; none stays without one.
            auto count = std::min<std::size_t>(options_.plan.connections, partitions.size());
            for (std::size_t i = 0; i < count; ++i) {
                auto made = std::make_unique<reading_connection>(*this, leader);
                for (auto p = i; p < partitions.size(); p += count) made->places.push_back({partitions[p], from.at(partitions[p])});
                auto& c = *made;
                connections_.push_back(std::move(made));
                runtime::endpoint to = target_.leaders[leader].at;
                auto opened = co_await wire_pipe::open(*shard_.world().transport, to, c);
                if (!opened) co_return std::unexpected{std::move(opened.error())};
                c.pipe = std::move(*opened);
            }
        }
    }
    co_return client::result<void>{};
}

void consume_side::begin(consume_goal goal, std::function<void()> ended) {
    goal_ = std::move(goal);
    ended_ = std::move(ended);
    running_ = true;
    last_good_ = clock_now();
    for (auto& c : connections_) {
        for (auto& p : c->places)
            if (auto found = goal_.until.find(p.partition); found != goal_.until.end()) p.until = found->second;
        c->ask();
    }
    check_end();
}

bool consume_side::over(runtime::mono_time now) const {
    return stopped_ || now >= goal_.end || received_ >= goal_.records_max || (expected_ != no_limit && received_ >= expected_ * options_.consumers);
}

bool consume_side::reading_connection::reached() const {
    return std::all_of(places.begin(), places.end(), [](const place& p) { return p.until != no_offset && p.next >= p.until; });
}

void consume_side::reading_connection::ask() {
    if (!pipe || !pipe->usable() || side.over(side.clock_now()) || reached()) return;
    const auto& group = side.target_.leaders[leader];
    parts.clear();
    for (const auto& p : places) {
        if (p.until != no_offset && p.next >= p.until) continue;
        kafka::fetch_request::partition_entry one;
        one.partition = p.partition;
        one.fetch_offset = p.next;
        one.partition_max_bytes = static_cast<std::int32_t>(side.options_.partition_fetch_bytes);
        parts.push_back(one);
    }
    kafka::fetch_request::topic_entry topic;
    if (group.fetch_version >= 13)
        topic.topic_id = side.target_.topic_id;
    else
        topic.topic = side.target_.topic;
    topic.partitions = parts;
    kafka::fetch_request message;
    message.max_wait_ms = static_cast<std::int32_t>(side.options_.fetch_wait / runtime::milliseconds{1});
    message.min_bytes = static_cast<std::int32_t>(side.options_.fetch_min_bytes);
    message.max_bytes = static_cast<std::int32_t>(side.options_.fetch_bytes);
    message.topics = {&topic, 1};
    pipe->send(request, message, group.fetch_version);
}

void consume_side::reading_connection::answered(wire_request& r, reader& body) {
    auto now = side.clock_now();
    arena.reset();
    kafka::fetch_response said;
    if (!kafka::decode(body, r.version, arena, said)) {
        side.notes_.spoil("an answer to a fetch did not decode");
        side.stop();
        return;
    }
    side.last_good_ = now;
    std::uint64_t records = 0, bytes = 0;
    auto code = said.error_code;
    for (const auto& topic : said.responses)
        for (const auto& part : topic.partitions) {
            if (part.error_code != kafka::error_code::none) {
                code = part.error_code;
                continue;
            }
            auto at = std::find_if(places.begin(), places.end(), [&](const place& p) { return p.partition == part.partition_index; });
            if (at != places.end() && !take(*at, part.records.bytes(), now, records, bytes)) return side.stop();
        }
    if (code != kafka::error_code::none) {
        std::string text = "the broker refused a fetch: " + std::string{kafka::name_of(code)};
        if (code == kafka::error_code::unknown_topic_or_partition || code == kafka::error_code::unknown_topic_id)
            text += "; was topic " + side.target_.topic + " deleted?";
        side.notes_.spoil(std::move(text));
        if (!kafka::is_retriable(code)) return side.stop();
    }
    if (!side.goal_.run) {
        side.received_ += records;
        if (records > 0) side.into_.fetched(r.sent_at, now, records, bytes);
    }
}

// Counts by batch headers, and opens a batch only where stamps are looked for.
bool consume_side::reading_connection::take(place& at, bytes_view batches, runtime::mono_time now, std::uint64_t& records, std::uint64_t& bytes) {
    auto bad = [&](const char* what) {
        side.notes_.spoil(side.target_.topic + "-" + std::to_string(at.partition.value) + " at offset " + std::to_string(at.next.value) + ": " + what);
        side.into_.failed(1);
        return false;
    };
    // The last batch may be cut off at the fetch's limit.
    while (batches.size() >= records::header_size) {
        auto length = load_be<std::int32_t>(batches.data() + records::at::length);
        if (length < records::length_field_min) return bad("a batch with an impossible length");
        auto size = records::log_overhead + static_cast<std::size_t>(length);
        if (size > batches.size()) break;
        records::batch_view batch{batches.first(size)};
        batches = batches.subspan(size);
        if (batch.computed_crc() != batch.crc()) return bad("a batch with a wrong checksum");
        if (batch.next_offset() <= at.next) continue;
        auto first_new = std::max(batch.base_offset(), at.next);
        auto fresh = static_cast<std::uint64_t>(batch.next_offset() - first_new);
        if (!batch.is_control()) {
            records += std::min<std::uint64_t>(fresh, static_cast<std::uint64_t>(batch.record_count()));
            bytes += batch.payload().size();
        }
        if (side.goal_.run && !batch.is_control()) {
            auto payload = batch.payload();
            auto codec = batch.codec();
            if (!codec) return bad("an unknown codec");
            if (*codec != records::codec::none) {
                if (!side.decompressor_.run(*codec, payload, plain_bytes_max, side.plain_)) return bad("a batch that does not decompress");
                payload = side.plain_.view();
            }
            records::record_iterator walk{payload, batch.record_count()};
            records::record_view one;
            while (walk.next(one)) {
                if (batch.base_offset() + one.offset_delta < at.next || !one.value) continue;
                auto intended = read_stamp(*one.value, side.goal_.run);
                if (!intended) continue;
                ++side.received_;
                side.into_.completed(*intended, now, 1, one.value->size() + (one.key ? one.key->size() : 0));
            }
            if (walk.failed()) return bad("a malformed record");
        }
        at.next = batch.next_offset();
    }
    return true;
}

void consume_side::reading_connection::released(wire_request&) {
    if (!side.running_) return;
    if (!side.notes_.valid() && pipe && pipe->usable())
        side.tasks_.spawn(side.ask_later(*this)); // an error may pass; asking without a pause would be a storm
    else
        ask();
    side.check_end();
}

runtime::task<void> consume_side::ask_later(reading_connection& c) {
    co_await runtime::sleep_for(runtime::milliseconds{20});
    if (!running_) co_return;
    if (c.pipe && c.pipe->usable() && c.pipe->in_flight() == 0) c.ask();
    check_end();
}

void consume_side::reading_connection::broke(const client::failure& why) {
    if (side.closing_ || !side.running_) return;
    side.notes_.spoil("a consumer's connection broke: " + client::describe(why));
    side.tasks_.spawn(side.reconnect(*this));
}

runtime::task<void> consume_side::reconnect(reading_connection& c) {
    while (running_ && !closing_ && !stopped_) {
        co_await runtime::sleep_for(retry_pause);
        if (!running_ || closing_ || stopped_) break;
        auto found = co_await find_target(link_, target_.topic);
        if (!found) continue;
        for (const auto& group : found->leaders)
            if (group.leader == target_.leaders[c.leader].leader) target_.leaders[c.leader].at = group.at;
        target_.topic_id = found->topic_id;
        if (c.pipe) broken_.push_back(std::move(c.pipe));
        runtime::endpoint to = target_.leaders[c.leader].at;
        auto opened = co_await wire_pipe::open(*shard_.world().transport, to, c);
        if (!opened) continue;
        c.pipe = std::move(*opened);
        notes_.note("a consumer is connected again");
        last_good_ = clock_now();
        c.ask();
        break;
    }
    check_end();
}

void consume_side::expect(std::uint64_t records) {
    expected_ = records;
    last_good_ = clock_now();
    check_end();
}

std::uint64_t consume_side::missed() const {
    if (expected_ == no_limit) return 0;
    auto all = expected_ * options_.consumers;
    return all > received_ ? all - received_ : 0;
}

void consume_side::watch() {
    if (!running_) return;
    if (clock_now() - last_good_ > patience) {
        notes_.spoil("given up: no fetch was answered for " + std::to_string(runtime::seconds{patience}.count()) + " s");
        stop();
    }
    check_end();
}

void consume_side::stop() {
    stopped_ = true;
    check_end();
}

void consume_side::check_end() {
    if (!running_) return;
    auto now = clock_now();
    bool all = std::all_of(connections_.begin(), connections_.end(), [](const auto& c) { return c->reached(); });
    if (!all && !over(now)) return;
    running_ = false;
    ended_();
}

std::uint64_t consume_side::in_flight() const {
    std::uint64_t all = 0;
    for (const auto& c : connections_)
        if (c->pipe) all += c->pipe->in_flight();
    return all;
}

runtime::task<void> consume_side::close() {
    closing_ = true;
    running_ = false;
    co_await tasks_.drain();
    for (std::size_t i = 0; i < connections_.size(); ++i)
        if (connections_[i]->pipe) co_await connections_[i]->pipe->close();
    for (std::size_t i = 0; i < broken_.size(); ++i) co_await broken_[i]->close();
}

} // namespace millrace::bench
