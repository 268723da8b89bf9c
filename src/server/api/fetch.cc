#include "server/api/fetch.h"

#include "server/api/errors.h"
#include "server/connection.h"

#include <algorithm>

namespace millrace::server {

using runtime::task;

namespace {
constexpr std::int16_t version_by_id = 13;
}

struct fetch_operation::visits_home {
    fetch_operation& o;
    bool await_ready() const noexcept { return o.away_ == 0; }
    void await_suspend(std::coroutine_handle<> h) noexcept { o.visits_waiter_ = h; }
    void await_resume() const noexcept {}
};

struct fetch_operation::change_or_time {
    fetch_operation& o;
    bool await_ready() const noexcept { return o.changed_; }
    void await_suspend(std::coroutine_handle<> h) noexcept {
        o.change_waiter_ = h;
        o.owner->on_close = h;
    }
    void await_resume() const noexcept {
        o.change_waiter_ = {};
        o.owner->on_close = {};
    }
};

// One coroutine frame per fetch, beside the system calls of its answer.
task<bool> fetch_operation::run(connection& c, frame request, kafka::request_header header, reader body) {
    version_ = header.version;
    correlation_id_ = header.correlation_id;
    auto fault = begin_request(c, std::move(request), body);
    if (!fault) {
        c.at().fetches().put(*this);
        co_return false;
    }
    c.expect(*this);
    if (*fault != kafka::error_code::none) {
        build(nullptr, *fault);
        c.answered(*this);
        co_return true;
    }
    begin_visits(!enough());
    if (!enough() && !c.closing()) {
        here_->stats.fetches_parked.add(1);
        c.receive_early();
        runtime::shard::current().arm_after(timer_, runtime::milliseconds{wait_ms_max_});
        change_or_time change{*this};
        do {
            changed_ = false;
            begin_again();
            co_await change;
        } while (!enough() && !c.closing() && timer_.armed());
        timer_.unlink();
    }
    recall_visits();
    visits_home all_home{*this};
    co_await all_home;
    apply_budget();
    build(&c.session(), kafka::error_code::none);
    c.answered(*this);
    co_return true;
}

// All that is kept of the request is in the session, the slots and here; its bytes go. Nothing: it does not decode.
std::optional<kafka::error_code> fetch_operation::begin_request(connection& c, frame request, reader body) {
    auto& scratch = c.at().for_fetches();
    auto& wanted = scratch.request;
    if (!decode(body, version_, scratch.arena, wanted)) {
        scratch.arena.reset();
        return std::nullopt;
    }
    here_ = &c.at().here();
    request_bytes_ = request.size;
    wait_ms_max_ = wanted.max_wait_ms;
    bytes_min_ = wanted.min_bytes;
    bytes_max_ = wanted.max_bytes;
    isolation_level_ = wanted.isolation_level;
    auto& session = c.session();
    auto fault = session.begin(wanted, version_, c.fresh_session_id());
    const bool from_replica = wanted.replica_id.value >= 0 || wanted.replica_state.replica_id.value >= 0;
    scratch.arena.reset();
    if (fault == kafka::error_code::none) lay_out(session, *here_->image, from_replica);
    return fault;
}

void fetch_operation::lay_out(fetch_session& session, const cluster::image& image, bool from_replica) {
    const std::size_t count = session.size();
    if (count > slot_capacity_) {
        slots_ = std::make_unique<fetch_slot[]>(count);
        slot_capacity_ = count;
    }
    const std::size_t shards = here_->shards.size();
    if (!visits_) visits_ = std::make_unique<fetch_visit[]>(shards);
    for (std::size_t i = 0; i < shards; ++i) {
        auto& v = visits_[i];
        v.first = v.last = nullptr;
        v.bytes_found = 0;
        v.failed = false;
    }
    slot_count_ = 0;
    failed_ = false;
    for (auto& wanted : session.partitions()) {
        auto& s = slots_[slot_count_++];
        s.wanted = &wanted;
        s.error = kafka::error_code::none;
        s.high_watermark = s.last_stable = s.log_start = no_offset;
        s.aborted.clear();
        s.diverging = {};
        s.slice = {};
        s.visit = nullptr;
        s.next = nullptr;
        const bool by_id = version_ >= version_by_id;
        const auto* topic = by_id ? image.find(wanted.id) : image.find(wanted.topic);
        if (!topic || wanted.partition.value < 0 || wanted.partition.value >= topic->partition_count) {
            s.error = !topic && by_id ? kafka::error_code::unknown_topic_id : kafka::error_code::unknown_topic_or_partition;
            failed_ = true;
            continue;
        }
        if (from_replica) { // of this broker there is one, and it leads
            s.error = kafka::error_code::not_leader_or_follower;
            failed_ = true;
            continue;
        }
        s.key = {topic->id, wanted.partition};
        s.from = wanted.fetch_offset;
        s.bytes_max = static_cast<std::uint32_t>(std::max(wanted.bytes_max, 0));
        s.current_epoch = wanted.current_leader_epoch;
        s.last_fetched_epoch = wanted.last_fetched_epoch;
        auto& v = visits_[here_->owner_of(s.key.topic, s.key.partition).value];
        s.visit = &v;
        (v.first ? v.last->next : v.first) = &s;
        v.last = &s;
    }
}

// Home first: what it has may be enough, and then the others are not waited for.
void fetch_operation::begin_visits(bool may_wait) {
    const auto bytes_max =
        static_cast<std::uint32_t>(std::max(std::min(bytes_max_, here_->options.fetch_max_bytes), 0));
    auto each = [&](shard_context* at) {
        auto& v = visits_[at->id.value];
        if (!v.first) return;
        v.owner = at;
        v.bytes_max = bytes_max;
        v.committed_only = isolation_level_ == 1;
        begin(v, may_wait ? fetch_visit::purpose::wait : fetch_visit::purpose::look);
    };
    each(here_);
    may_wait = may_wait && !enough();
    for (auto* at : here_->shards)
        if (at != here_) each(at);
}

void fetch_operation::begin(fetch_visit& v, fetch_visit::purpose why) {
    v.operation = this;
    v.why = why;
    v.bytes_before = v.bytes_found;
    v.at_home = false;
    v.recalled = v.woken = false;
    ++away_;
    if (v.owner == here_) {
        attend(v);
    } else {
        v.arrived = &arrived_at_owner;
        runtime::shard::current().send(v.owner->id, v);
    }
}

// Those that came home with something, but less than is wanted, wait for more.
void fetch_operation::begin_again() {
    for (std::size_t i = 0; i < here_->shards.size(); ++i) {
        auto& v = visits_[i];
        if (v.first && v.at_home) begin(v, fetch_visit::purpose::wait);
    }
}

void fetch_operation::recall_visits() {
    for (std::size_t i = 0; i < here_->shards.size(); ++i) {
        auto& v = visits_[i];
        if (!v.first || v.at_home || v.why == fetch_visit::purpose::look) continue;
        if (v.owner == here_) {
            call_back(v);
            continue;
        }
        ++away_;
        v.recall.visit = &v;
        v.recall.arrived = &recall_arrived;
        runtime::shard::current().send(v.owner->id, v.recall);
    }
}

void fetch_operation::came_home(fetch_visit& v) {
    v.at_home = true;
    const bool with_recall = v.recalled && v.owner != here_; // then that does not come back by itself
    if (with_recall) --away_;
    one_less_away();
}

// Last thing in a caller: the answer may go out in it.
void fetch_operation::one_less_away() {
    --away_;
    wake();
    if (away_ == 0 && visits_waiter_) std::exchange(visits_waiter_, {}).resume();
}

void fetch_operation::arrived_home(runtime::message& m) noexcept {
    auto& v = static_cast<fetch_visit&>(m);
    v.operation->came_home(v);
}

void fetch_operation::recall_came_back(runtime::message& m) noexcept {
    static_cast<fetch_visit::note&>(m).visit->operation->one_less_away();
}

void fetch_operation::wake() {
    changed_ = true;
    if (change_waiter_) std::exchange(change_waiter_, {}).resume();
}

bool fetch_operation::enough() const {
    if (wait_ms_max_ <= 0 || slot_count_ == 0 || failed_) return true;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < here_->shards.size(); ++i) {
        const auto& v = visits_[i];
        if (!v.first) continue;
        if (v.at_home && v.failed) return true;
        bytes += v.at_home ? v.bytes_found : v.bytes_before;
    }
    return static_cast<std::int64_t>(bytes) >= bytes_min_;
}

// Each owner had the whole of max_bytes to fill; here the answer as a whole is held to it. The first slice that has
// records stays, however large, so that a reader always gets on.
void fetch_operation::apply_budget() {
    std::int64_t left = std::min(bytes_max_, here_->options.fetch_max_bytes);
    bool first = true;
    for (std::size_t i = 0; i < slot_count_; ++i) {
        auto& slice = slots_[i].slice;
        if (slice.length == 0) continue;
        if (!first && slice.length > left) {
            slice = {};
            slots_[i].aborted.clear();
        }
        left -= slice.length;
        first = false;
    }
}

void fetch_operation::build(fetch_session* session, kafka::error_code error) {
    using response = kafka::fetch_response;
    auto& [arena, request, points] = owner->at().for_fetches();
    response answer;
    answer.error_code = error;
    std::size_t topic_count = 0;
    if (session) {
        answer.session_id = session->id();
        auto entries = arena.make_array<response::partition_entry>(slot_count_);
        auto topics = arena.make_array<response::topic_entry>(slot_count_);
        std::size_t used = 0, topic_began = 0;
        const fetched_partition* before = nullptr;
        for (std::size_t i = 0; i < slot_count_; ++i) {
            auto& s = slots_[i];
            auto& e = entries[used];
            e = {};
            e.partition_index = s.wanted->partition;
            e.error_code = s.error;
            e.high_watermark = s.high_watermark;
            e.last_stable_offset = s.last_stable;
            if (version_ >= 5) e.log_start_offset = s.log_start;
            if (version_ >= 12) e.diverging_epoch = s.diverging;
            if (isolation_level_ == 0 && s.error == kafka::error_code::none) e.aborted_transactions = decltype(e.aborted_transactions)::null();
            if (!s.aborted.empty()) {
                auto gone = arena.make_array<response::aborted_transaction_entry>(s.aborted.size());
                for (std::size_t a = 0; a < gone.size(); ++a) {
                    gone[a].producer_id = s.aborted[a].producer;
                    gone[a].first_offset = s.aborted[a].first;
                }
                e.aborted_transactions = gone;
            }
            e.records = kafka::records_field::by_size(s.slice.length);
            if (!session->include(*s.wanted, e)) continue;
            here_->stats.fetch_bytes.add(s.slice.length);
            if (s.slice.length) owner->worked(s.visit->owner->id, s.slice.length);
            const bool same_topic = before && before->id == s.wanted->id && before->topic == s.wanted->topic;
            if (!same_topic) {
                if (topic_count) topics[topic_count - 1].partitions = {entries.data() + topic_began, used - topic_began};
                topic_began = used;
                auto& t = topics[topic_count++];
                if (version_ >= version_by_id) t.topic_id = s.wanted->id;
                else t.topic = s.wanted->topic;
            }
            before = s.wanted;
            ++used;
        }
        if (topic_count) topics[topic_count - 1].partitions = {entries.data() + topic_began, used - topic_began};
        answer.responses = {topics.data(), topic_count};
    }
    const std::size_t header_size = kafka::response_header_size(response::api, version_);
    const std::size_t body_size = encoded_size(answer, version_);
    const std::size_t from_files = records_size(answer);
    bytes.resize(kafka::frame_prefix_bytes + header_size + body_size - from_files);
    writer out{bytes};
    out.i32(static_cast<std::int32_t>(header_size + body_size));
    kafka::encode_response_header(out, response::api, version_, correlation_id_);
    points.clear();
    encode_split(out, answer, version_, points);
    std::size_t at = 0, slot = 0;
    for (const auto& point : points) {
        pieces.push_back({bytes_view{bytes}.subspan(at, point.at - at)});
        at = point.at;
        // Points come in the order of the slots that have records; empty ones have none.
        while (slots_[slot].slice.length == 0) ++slot;
        const auto& slice = slots_[slot++].slice;
        pieces.push_back({{}, slice.file, slice.position, slice.length});
    }
    if (at < bytes.size()) pieces.push_back({bytes_view{bytes}.subspan(at)});
    arena.reset();
}

void fetch_operation::ended() noexcept {
    auto& c = *owner;
    for (std::size_t i = 0; i < slot_count_; ++i) slots_[i].slice = {};
    slot_count_ = 0;
    auto bytes = request_bytes_;
    c.at().fetches().put(*this);
    c.give_back(bytes); // last: others go on in it, and the connection may end
}

} // namespace millrace::server
