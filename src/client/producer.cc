#include "client/producer.h"

#include "client/producer_id.h"
#include "kafka/messages/produce.h"
#include "runtime/random.h"

namespace millrace::client {

namespace {
constexpr std::size_t spare_batches_max = 16;
constexpr std::size_t record_overhead_bytes = 32; // varints and bookkeeping of one record, for the buffer's account
} // namespace

producer::producer(cluster_link& link, std::string topic, const producer_options& options, delivery_listener& listener)
    : link_{link}, topic_{std::move(topic)}, options_{options}, listener_{listener} {
    linger_.owner = this;
    linger_.fired = [](runtime::timer& t) noexcept { static_cast<owned_timer&>(t).owner->seal_all(); };
    wake_.owner = this;
    wake_.done = [](runtime::completion& c) noexcept {
        auto& self = *static_cast<owned_completion&>(c).owner;
        self.wake_.posted = false;
        if (self.waiter_ && self.satisfied(self.waiter_wants_all_)) std::exchange(self.waiter_, {}).resume();
    };
}

runtime::task<result<void>> producer::start() {
    // A topic that the broker has just created needs a moment until it has leaders.
    auto give_up = runtime::shard::current().now() + runtime::seconds{10};
    std::shared_ptr<const topic_info> info;
    while (true) {
        auto known = co_await link_.topic(topic_, options_.create_topic);
        if (known) {
            info = *known;
            break;
        }
        bool creating = options_.create_topic && known.error().what == errc::refused && is_retriable(known.error());
        if (!creating || runtime::shard::current().now() >= give_up) co_return std::unexpected{std::move(known.error())};
        co_await runtime::sleep_for(options_.retry_backoff);
    }
    topic_id_ = info->id;
    for (const auto& p : info->partitions) lanes_.push_back(std::make_unique<producer_lane>(p.index));
    if (lanes_.empty()) co_return refuse(kafka::error_code::leader_not_available);
    if (auto* random = runtime::shard::current().world().random) sticky_ = sticky_choice{random->next()};
    if (!options_.idempotent) co_return result<void>{};

    while (true) {
        auto given = co_await take_producer_id(link_);
        if (given) {
            identity_ = *given;
            co_return result<void>{};
        }
        bool passes = given.error().what == errc::refused && is_retriable(given.error());
        if (!passes || runtime::shard::current().now() >= give_up) co_return std::unexpected{std::move(given.error())};
        co_await runtime::sleep_for(options_.retry_backoff);
    }
}

partition_index producer::choose(std::optional<bytes_view> key) const {
    return key ? partition_of_key(*key, partition_count()) : sticky_.current(partition_count());
}

bool producer::append(partition_index to, timestamp_ms timestamp, std::optional<bytes_view> key,
                      std::optional<bytes_view> value, std::span<const records::record_header> headers,
                      std::int64_t tag) {
    if (buffered_ >= options_.buffer_bytes_max) return false;
    auto& lane = *lanes_[static_cast<std::size_t>(to.value)];
    auto size = record_overhead_bytes + (key ? key->size() : 0) + (value ? value->size() : 0);
    for (const auto& h : headers) size += h.key.size() + (h.value ? h.value->size() : 0);
    if (lane.open() && !lane.open()->builder.empty() && lane.open()->builder.size_bytes() + size > options_.batch_bytes) {
        seal(lane);
        if (to == sticky_.current(partition_count())) sticky_.move_on();
    }
    if (!lane.open()) lane.begin(fresh_batch());
    auto& batch = *lane.open();
    batch.builder.append(timestamp, key, value, headers);
    batch.tags.push_back(tag);
    batch.charged_bytes += size;
    buffered_ += size;
    ++undelivered_;
    if (!linger_.armed()) runtime::shard::current().arm_after(linger_, options_.linger);
    return true;
}

std::unique_ptr<producer_batch> producer::fresh_batch() {
    if (!spare_.empty()) {
        auto batch = std::move(spare_.back());
        spare_.pop_back();
        return batch;
    }
    records::builder_options options;
    options.codec = options_.codec;
    options.level = options_.codec_level;
    options.payload_size_hint = options_.batch_bytes;
    return std::make_unique<producer_batch>(options);
}

void producer::seal_all() {
    for (auto& lane : lanes_)
        if (lane->open() && !lane->open()->builder.empty()) seal(*lane);
}

void producer::seal(producer_lane& lane) {
    lane.seal(identity_, runtime::shard::current().now() + options_.delivery_timeout);
    kick(lane);
}

void producer::kick(producer_lane& lane) {
    if (!lane.pumping && lane.may_send(options_.in_flight_max) && !tasks_.closed()) tasks_.spawn(pump(lane));
}

runtime::task<void> producer::pump(producer_lane& lane) {
    lane.pumping = true;
    while (lane.may_send(options_.in_flight_max)) {
        if (lane.repeating()) co_await runtime::sleep_for(options_.retry_backoff);
        auto over = co_await link_.leader_of(topic_, lane.partition());
        if (!over) {
            if (is_retriable(over.error()) && runtime::shard::current().now() < lane.front().deadline) {
                co_await runtime::sleep_for(options_.retry_backoff);
                continue;
            }
            auto lost = lane.take();
            lane.ended();
            result<log_offset> outcome = std::unexpected{over.error()};
            settle(lane, std::move(lost), outcome);
            continue;
        }
        if (lane.repeating()) {
            // One alone, until it has passed: a second failure must not overtake it.
            lane.repeated();
            co_await send_one(lane, **over, lane.take());
        } else {
            tasks_.spawn(send_one(lane, **over, lane.take()));
        }
    }
    lane.pumping = false;
}

runtime::task<void> producer::send_one(producer_lane& lane, connection& over, std::unique_ptr<producer_batch> batch) {
    auto outcome = co_await produce(lane.partition(), over, batch->sealed);
    lane.ended();
    bool again = !outcome && is_retriable(outcome.error());
    if (!outcome && outcome.error().code == kafka::error_code::duplicate_sequence_number) outcome = no_offset;
    // Behind a batch that failed, its successors are out of order through no fault of theirs.
    if (!outcome && outcome.error().code == kafka::error_code::out_of_order_sequence_number && lane.repeating()) again = true;
    if (again && runtime::shard::current().now() < batch->deadline) {
        link_.forget(topic_);
        lane.put_back(std::move(batch));
    } else {
        settle(lane, std::move(batch), outcome);
    }
    kick(lane);
}

runtime::task<result<log_offset>> producer::produce(partition_index partition, connection& over, bytes_view batch) {
    kafka::produce_request request;
    kafka::produce_request::partition_entry part;
    part.index = partition;
    part.records = batch;
    kafka::produce_request::topic_entry topic;
    // Topics are named by id from version 13 on (KIP-516).
    if (over.version_of(kafka::api_key::produce).value_or(0) >= 13)
        topic.topic_id = topic_id_;
    else
        topic.name = topic_;
    topic.partition_data = {&part, 1};
    request.acks = options_.acks;
    request.timeout_ms = options_.request_timeout_ms;
    request.topic_data = {&topic, 1};
    if (options_.acks == 0) {
        auto left = co_await over.call_unanswered(request);
        if (!left) co_return std::unexpected{std::move(left.error())};
        co_return no_offset;
    }
    auto got = co_await over.call<kafka::produce_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    const auto& said = **got;
    if (said.responses.size() != 1 || said.responses[0].partition_responses.size() != 1)
        co_return fail(errc::malformed, over.address());
    const auto& one = said.responses[0].partition_responses[0];
    if (one.error_code != kafka::error_code::none) co_return refuse(one.error_code, one.error_message.value());
    co_return one.base_offset;
}

void producer::settle(producer_lane& lane, std::unique_ptr<producer_batch> batch, const result<log_offset>& outcome) {
    if (outcome)
        listener_.delivered(lane.partition(), *outcome, batch->tags);
    else
        listener_.not_delivered(lane.partition(), batch->tags, outcome.error());
    undelivered_ -= batch->tags.size();
    buffered_ -= batch->charged_bytes;
    batch->builder.reset();
    batch->tags.clear();
    batch->charged_bytes = 0;
    if (spare_.size() < spare_batches_max) spare_.push_back(std::move(batch));
    wake_if_satisfied();
}

void producer::wake_if_satisfied() {
    if (!waiter_ || wake_.posted || !satisfied(waiter_wants_all_)) return;
    wake_.posted = true;
    runtime::shard::current().post(wake_);
}

runtime::task<void> producer::close() {
    runtime::shard::cancel(linger_);
    co_await tasks_.drain();
}

} // namespace millrace::client
