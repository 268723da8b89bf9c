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
    bool await_ready() const noexcept { return o.visits_away_ == 0; }
    void await_suspend(std::coroutine_handle<> h) noexcept { o.visits_waiter_ = h; }
    void await_resume() const noexcept {}
};

struct fetch_operation::hint_or_time {
    fetch_operation& o;
    bool await_ready() const noexcept { return o.hinted_; }
    void await_suspend(std::coroutine_handle<> h) noexcept {
        o.hint_waiter_ = h;
        o.owner->on_close = h;
    }
    void await_resume() const noexcept {
        o.hint_waiter_ = {};
        o.owner->on_close = {};
    }
};

// One coroutine frame per fetch, beside the system calls of its answer.
task<bool> fetch_operation::run(connection& c, frame request, kafka::request_header header, reader body) {
    arena_.reset();
    if (!decode(body, header.version, arena_, request_)) {
        c.at().fetches().put(*this);
        co_return false;
    }
    frame_ = std::move(request);
    request_bytes_ = frame_.size;
    version_ = header.version;
    correlation_id_ = header.correlation_id;
    here_ = &c.at().here();
    c.expect(*this);

    auto& session = c.session();
    auto fault = session.begin(request_, version_, c.fresh_session_id());
    if (fault != kafka::error_code::none) {
        build(nullptr, fault);
        c.answered(*this);
        co_return true;
    }
    lay_out(session, *here_->image);
    visits_home all_home{*this};
    begin_visits(fetch_visit::purpose::look);
    co_await all_home;
    if (!enough()) {
        here_->stats.fetches_parked.add(1);
        auto deadline = runtime::shard::current().now() + runtime::milliseconds{request_.max_wait_ms};
        hint_or_time hint{*this};
        bool in_time = true;
        while (in_time) {
            hinted_ = false;
            begin_visits(fetch_visit::purpose::arm);
            co_await all_home;
            if (!enough() && !c.closing()) {
                runtime::shard::current().arm(timer_, deadline);
                co_await hint;
                in_time = timer_.armed() && !c.closing();
                timer_.unlink();
            } else {
                in_time = false;
            }
            begin_visits(fetch_visit::purpose::disarm);
            co_await all_home;
            if (enough()) break;
        }
    }
    apply_budget();
    build(&session, kafka::error_code::none);
    c.answered(*this);
    co_return true;
}

void fetch_operation::lay_out(fetch_session& session, const cluster::image& image) {
    const std::size_t count = session.size();
    if (count > slot_capacity_) {
        slots_ = std::make_unique<fetch_slot[]>(count);
        slot_capacity_ = count;
    }
    const std::size_t shards = here_->shards.size();
    if (!visits_) visits_ = std::make_unique<fetch_visit[]>(shards);
    for (std::size_t i = 0; i < shards; ++i) visits_[i].first = visits_[i].last = nullptr;
    slot_count_ = 0;
    const bool from_replica = request_.replica_id.value >= 0 || request_.replica_state.replica_id.value >= 0;
    for (auto& wanted : session.partitions()) {
        auto& s = slots_[slot_count_++];
        s.wanted = &wanted;
        s.error = kafka::error_code::none;
        s.high_watermark = s.log_start = no_offset;
        s.diverging = {};
        s.slice = {};
        s.visit = nullptr;
        s.next = nullptr;
        const bool by_id = version_ >= version_by_id;
        const auto* topic = by_id ? image.find(wanted.id) : image.find(wanted.topic);
        if (!topic || wanted.partition.value < 0 || wanted.partition.value >= topic->partition_count) {
            s.error = !topic && by_id ? kafka::error_code::unknown_topic_id : kafka::error_code::unknown_topic_or_partition;
            continue;
        }
        if (from_replica) { // of this broker there is one, and it leads
            s.error = kafka::error_code::not_leader_or_follower;
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

void fetch_operation::begin_visits(fetch_visit::purpose why) {
    const auto bytes_max =
        static_cast<std::uint32_t>(std::max(std::min(request_.max_bytes, here_->options.fetch_max_bytes), 0));
    visits_away_ = 1; // ours: none ends before all have begun
    for (std::size_t i = 0; i < here_->shards.size(); ++i) {
        auto& v = visits_[i];
        if (!v.first) continue;
        v.operation = this;
        v.owner = here_->shards[i];
        v.why = why;
        v.bytes_max = bytes_max;
        ++visits_away_;
        if (v.owner == here_) {
            visit_owner(v);
        } else {
            v.arrived = &arrived_at_owner;
            runtime::shard::current().send(v.owner->id, v);
        }
    }
    visit_ended();
}

void fetch_operation::visit_ended() {
    if (--visits_away_ == 0 && visits_waiter_) std::exchange(visits_waiter_, {}).resume();
}

void fetch_operation::arrived_at_owner(runtime::message& m) noexcept { visit_owner(static_cast<fetch_visit&>(m)); }
void fetch_operation::arrived_home(runtime::message& m) noexcept { static_cast<fetch_visit&>(m).operation->visit_ended(); }

// --- on the owner's shard ----------------------------------------------------------------------------------------

void fetch_operation::visit_owner(fetch_visit& v) {
    fetch_slot* at = v.first;
    if (v.why == fetch_visit::purpose::disarm) {
        for (auto* s = v.first; s; s = s->next) partition::replica::cancel(s->watermark);
        // At home nothing keeps a hint in front of the end of this visit. From afar it has come before the answer does.
        if (v.owner == v.operation->here_) v.hint_message.unlink();
    }
    std::uint32_t left = v.bytes_max;
    bool found = false;
    v.hinted = false;
    if (look(v, at, left, found)) finish_visit(v);
    else v.owner->visits.spawn(look_slowly(v, at, left, found));
}

// Everything about one slot that needs no read. Null: there is nothing to read, `s` says why. Not kept across a suspension.
hosted_partition* fetch_operation::check(fetch_visit& v, fetch_slot& s) {
    s.error = kafka::error_code::none;
    s.slice = {};
    s.diverging = {};
    auto* hosted = v.owner->partitions.find(s.key);
    if (!hosted || !hosted->replica) {
        s.error = hosted ? kafka::error_code::kafka_storage_error : kafka::error_code::not_leader_or_follower;
        return nullptr;
    }
    auto& replica = *hosted->replica;
    auto epoch_fits = replica.check_epoch(s.current_epoch);
    if (!epoch_fits) {
        s.error = to_kafka(epoch_fits.error());
        return nullptr;
    }
    s.high_watermark = replica.high_watermark();
    s.log_start = replica.log_start_offset();
    if (s.last_fetched_epoch != no_epoch) {
        // KIP-595: a reader whose last record is of an epoch that ended earlier here has records that we do not have.
        auto end = replica.log().epoch_end_offset(s.last_fetched_epoch, replica.log_end_offset());
        if (end.end_offset == no_offset) {
            s.error = kafka::error_code::offset_out_of_range;
            s.high_watermark = s.log_start = no_offset;
            return nullptr;
        }
        if (end.epoch < s.last_fetched_epoch || end.end_offset < s.from) {
            s.diverging = {end.epoch, end.end_offset};
            return nullptr;
        }
    }
    auto offset_fits = replica.check_offset(s.from);
    if (!offset_fits) {
        s.error = to_kafka(offset_fits.error());
        s.high_watermark = s.log_start = no_offset;
        return nullptr;
    }
    if (v.why == fetch_visit::purpose::arm) {
        s.watermark.slot = &s;
        s.watermark.woken = &watermark_moved;
        replica.wait(s.watermark);
    }
    return hosted;
}

// True: all slots from `at` on are answered. False: `at` needs a read that suspends.
bool fetch_operation::look(fetch_visit& v, fetch_slot*& at, std::uint32_t& left, bool& found) {
    for (; at; at = at->next) {
        auto* hosted = check(v, *at);
        if (!hosted) continue;
        auto* replica = hosted->replica.get();
        auto quick = replica->log().try_read(at->from, std::min(at->bytes_max, left), replica->high_watermark(), !found);
        if (!quick) {
            partition::replica::cancel(at->watermark); // look_slowly checks anew
            return false;
        }
        if (!*quick) {
            at->error = to_kafka(quick->error());
            continue;
        }
        at->slice = std::move(**quick);
        left -= std::min(left, at->slice.length);
        found |= at->slice.length > 0;
    }
    return true;
}

// Cold: the place is found by an index file and headers on disk.
task<void> fetch_operation::look_slowly(fetch_visit& v, fetch_slot* from, std::uint32_t left, bool found) {
    for (fetch_slot* at = from; at; at = at->next) {
        auto* hosted = check(v, *at);
        if (!hosted) continue;
        auto replica = hosted->replica; // a reference of our own: the topic may be deleted while we read
        auto slice = co_await replica->log().read(at->from, std::min(at->bytes_max, left), replica->high_watermark(), !found);
        if (!slice) {
            at->error = to_kafka(slice.error());
            continue;
        }
        at->slice = std::move(*slice);
        left -= std::min(left, at->slice.length);
        found |= at->slice.length > 0;
    }
    finish_visit(v);
}

void fetch_operation::finish_visit(fetch_visit& v) {
    auto& home = *v.operation->here_;
    if (v.owner == &home) {
        v.operation->visit_ended();
        return;
    }
    v.arrived = &arrived_home;
    runtime::shard::current().send(home.id, v);
}

void fetch_operation::watermark_moved(partition::watermark_waiter& w) noexcept {
    auto& v = *static_cast<fetch_slot::waiter&>(w).slot->visit;
    if (v.hinted) return;
    v.hinted = true;
    v.hint_message.visit = &v;
    v.hint_message.arrived = &hint_arrived;
    // Also on the home shard by message, later in this turn: a wake in the middle of an append would run the whole
    // answer inside it, and batches of the same turn would each cause an answer of their own.
    runtime::shard::current().send(v.operation->here_->id, v.hint_message);
}

// --- at home -----------------------------------------------------------------------------------------------------

void fetch_operation::hint_arrived(runtime::message& m) noexcept { static_cast<fetch_visit::hint&>(m).visit->operation->wake(); }

void fetch_operation::wake() {
    hinted_ = true;
    if (hint_waiter_) std::exchange(hint_waiter_, {}).resume();
}

bool fetch_operation::enough() {
    if (request_.max_wait_ms <= 0 || slot_count_ == 0) return true;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < slot_count_; ++i) {
        const auto& s = slots_[i];
        if (s.error != kafka::error_code::none || s.diverging.epoch != no_epoch) return true;
        bytes += s.slice.length;
    }
    return static_cast<std::int64_t>(bytes) >= request_.min_bytes;
}

// Each owner had the whole of max_bytes to fill; here the answer as a whole is held to it. The first slice that has
// records stays, however large, so that a reader always gets on.
void fetch_operation::apply_budget() {
    std::int64_t left = std::min(request_.max_bytes, here_->options.fetch_max_bytes);
    bool first = true;
    for (std::size_t i = 0; i < slot_count_; ++i) {
        auto& slice = slots_[i].slice;
        if (slice.length == 0) continue;
        if (!first && slice.length > left) slice = {};
        left -= slice.length;
        first = false;
    }
}

void fetch_operation::build(fetch_session* session, kafka::error_code error) {
    using response = kafka::fetch_response;
    response answer;
    answer.error_code = error;
    std::size_t topic_count = 0;
    if (session) {
        answer.session_id = session->id();
        auto entries = arena_.make_array<response::partition_entry>(slot_count_);
        auto topics = arena_.make_array<response::topic_entry>(slot_count_);
        std::size_t used = 0, topic_began = 0;
        const fetched_partition* before = nullptr;
        for (std::size_t i = 0; i < slot_count_; ++i) {
            auto& s = slots_[i];
            auto& e = entries[used];
            e = {};
            e.partition_index = s.wanted->partition;
            e.error_code = s.error;
            e.high_watermark = s.high_watermark;
            e.last_stable_offset = s.high_watermark; // no transaction can be open
            if (version_ >= 5) e.log_start_offset = s.log_start;
            if (version_ >= 12) e.diverging_epoch = s.diverging;
            if (request_.isolation_level == 0 && s.error == kafka::error_code::none) e.aborted_transactions = decltype(e.aborted_transactions)::null();
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
    points_.clear();
    encode_split(out, answer, version_, points_);
    std::size_t at = 0, slot = 0;
    for (const auto& point : points_) {
        pieces.push_back({bytes_view{bytes}.subspan(at, point.at - at)});
        at = point.at;
        // Points come in the order of the slots that have records; empty ones have none.
        while (slots_[slot].slice.length == 0) ++slot;
        const auto& slice = slots_[slot++].slice;
        pieces.push_back({{}, slice.file, slice.position, slice.length});
    }
    if (at < bytes.size()) pieces.push_back({bytes_view{bytes}.subspan(at)});
}

void fetch_operation::ended() noexcept {
    auto& c = *owner;
    for (std::size_t i = 0; i < slot_count_; ++i) slots_[i].slice = {};
    slot_count_ = 0;
    frame_ = {};
    auto bytes = request_bytes_;
    c.at().fetches().put(*this);
    c.give_back(bytes); // last: others go on in it, and the connection may end
}

} // namespace millrace::server
