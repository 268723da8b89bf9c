// One client connection with frames made by hand: pipelined, broken, silent, as a test needs them.
// Owner: the test; its stream lives on shard 0 of the world, whichever shard the broker accepts it on.
// Invariant: answers are taken in the order of the requests that have one, and each must carry its request's number.
#pragma once

#include "kafka/header.h"
#include "kafka/message_arena.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/produce.h"
#include "records/batch_builder.h"
#include "records/record_iterator.h"
#include "whole_node.h"

#include <deque>

namespace millrace::broker::test {

// A decoded answer with what it points into.
template <class Response> struct told {
    std::vector<std::byte> bytes;
    kafka::message_arena arena;
    Response message;
};

class wire {
  public:
    explicit wire(whole_node& n) : n_{n} {
        n.w.run(connect(*this));
        REQUIRE(stream_);
        n.w.spawn(shard_id{0}, tasks_, receive(*this));
        REQUIRE(n.w.run_until([this] { return ended_ || tasks_.running() == 1; })); // the node may close it at once
    }
    ~wire() {
        close();
        n_.w.run_until([this] { return tasks_.running() == 0 && left_ == 0; });
    }
    void close() { stream_->close(); }

    void send_bytes(std::vector<std::byte> bytes) {
        auto& m = sent_.emplace_back(*this);
        m.bytes = std::move(bytes);
        m.pieces.push_back({m.bytes});
        ++left_;
        stream_->send(m);
    }
    template <class Request> std::vector<std::byte> frame_of(const Request& in, std::int16_t version) {
        kafka::request_header header{static_cast<std::int16_t>(Request::api), version, ++last_number_,
                                     kafka::nullable_string{"test"}};
        auto size = kafka::encoded_size(header) + encoded_size(in, version);
        std::vector<std::byte> frame(kafka::frame_prefix_bytes + size);
        writer out{frame};
        out.i32(static_cast<std::int32_t>(size));
        kafka::encode(out, header);
        encode(out, in, version);
        return frame;
    }
    void expect(kafka::api_key key, std::int16_t version) { expected_.push_back({key, version, last_number_}); }
    template <class Request> void send(const Request& in, std::int16_t version, bool answered = true) {
        send_bytes(frame_of(in, version));
        if (answered) expect(Request::api, version);
    }

    std::size_t answers() const { return answers_.size(); }
    bool ended() const { return ended_; }
    std::size_t unanswered() const { return expected_.size() - answers_.size(); }
    // False: the connection ended, or the answer can never come.
    bool wait(std::size_t count = 1) {
        return n_.w.run_until([&] { return answers_.size() >= count || ended_; }) && answers_.size() >= count;
    }
    bool wait_end() {
        return n_.w.run_until([&] { return ended_; });
    }
    template <class Response> std::unique_ptr<told<Response>> next() {
        REQUIRE(wait());
        auto out = std::make_unique<told<Response>>();
        out->bytes = std::move(answers_.front());
        answers_.pop_front();
        auto asked = expected_.front();
        expected_.pop_front();
        REQUIRE(Response::api == asked.key);
        reader in{out->bytes};
        std::int32_t number = 0;
        REQUIRE(kafka::decode_response_header(in, asked.key, asked.version, number));
        CHECK(number == asked.number);
        REQUIRE(decode(in, asked.version, out->arena, out->message));
        return out;
    }
    template <class Response, class Request> std::unique_ptr<told<Response>> ask(const Request& in, std::int16_t version) {
        send(in, version);
        return next<Response>();
    }

  private:
    struct outgoing : runtime::outgoing {
        wire& owner;
        std::vector<std::byte> bytes;
        explicit outgoing(wire& w)
            : runtime::outgoing{[](runtime::completion& c) noexcept {
                  --static_cast<outgoing&>(static_cast<runtime::outgoing&>(c)).owner.left_;
              }},
              owner{w} {}
    };
    struct asked {
        kafka::api_key key;
        std::int16_t version;
        std::int32_t number;
    };

    static task<void> connect(wire& self) {
        runtime::endpoint to{"127.0.0.1", whole_node::port};
        auto made = co_await self.n_.w.ports(shard_id{0}).transport->connect(to);
        if (made) self.stream_ = std::move(*made);
    }
    static task<void> receive(wire& self) {
        runtime::receive_awaiter op;
        for (;;) {
            std::byte prefix[4];
            mutable_bytes into{prefix};
            int got = co_await runtime::receive_all(*self.stream_, op, into);
            if (got < 4) break;
            std::vector<std::byte> body(static_cast<std::size_t>(load_be<std::int32_t>(prefix)));
            into = body;
            got = co_await runtime::receive_all(*self.stream_, op, into);
            if (got < static_cast<int>(body.size())) break;
            self.answers_.push_back(std::move(body));
        }
        self.ended_ = true;
    }

    whole_node& n_;
    std::unique_ptr<runtime::stream> stream_;
    std::deque<outgoing> sent_;
    std::size_t left_ = 0;
    std::deque<std::vector<std::byte>> answers_;
    std::deque<asked> expected_;
    std::int32_t last_number_ = 0;
    bool ended_ = false;
    runtime::scope tasks_;
};

// --- requests and what they carry --------------------------------------------------------------------------------

struct producer_state {
    producer_id id = no_producer;
    int epoch = 0;
    int sequence = -1;
};

inline std::vector<std::byte> batch(std::vector<std::string> values, producer_state who = {},
                                    std::int64_t time = 1'700'000'000'000) {
    records::builder_options with;
    records::batch_builder builder{with};
    for (const auto& v : values) builder.append(timestamp_ms{time}, as_bytes("k"), as_bytes(v), {});
    records::batch_identity identity;
    if (who.id != no_producer) {
        identity.producer_id = who.id;
        identity.producer_epoch = {static_cast<std::int16_t>(who.epoch)};
        identity.base_sequence = {who.sequence};
    }
    auto made = builder.finish(identity);
    return {made.begin(), made.end()};
}

struct batch_to {
    std::string topic;
    std::int32_t partition = 0;
    std::vector<std::byte> bytes;
    topic_id id{};
};

constexpr std::int16_t produce_by_name = 9, produce_by_id = 13, fetch_by_name = 12, fetch_by_id = 13;

struct produce_message {
    std::vector<batch_to> batches;
    std::vector<kafka::produce_request::topic_entry> topics;
    std::vector<kafka::produce_request::partition_entry> parts;
    kafka::produce_request in;

    produce_message(std::int16_t acks, std::vector<batch_to> b, bool by_id = false) : batches{std::move(b)} {
        parts.resize(batches.size());
        topics.resize(batches.size());
        for (std::size_t i = 0; i < batches.size(); ++i) {
            parts[i].index = {batches[i].partition};
            parts[i].records = kafka::records_field{bytes_view{batches[i].bytes}};
            if (by_id) topics[i].topic_id = batches[i].id;
            else topics[i].name = batches[i].topic;
            topics[i].partition_data = {&parts[i], 1};
        }
        in.acks = acks;
        in.timeout_ms = 30'000;
        in.topic_data = topics;
    }
    produce_message(const produce_message&) = delete;
};

struct produced {
    error_code code = error_code::unknown_server_error;
    log_offset offset = no_offset;
};

inline produced outcome(const kafka::produce_response& r, std::size_t i = 0) {
    REQUIRE(i < r.responses.size());
    const auto& p = r.responses[i].partition_responses[0];
    return {p.error_code, p.base_offset};
}
inline void send_produce(wire& c, std::int16_t acks, std::vector<batch_to> batches) {
    produce_message m{acks, std::move(batches)};
    c.send(m.in, produce_by_name, acks != 0);
}
inline produced produce(wire& c, std::string topic, std::int32_t partition, std::vector<std::string> values,
                        std::int16_t acks = -1, producer_state who = {}) {
    send_produce(c, acks, {{std::move(topic), partition, batch(std::move(values), who)}});
    return outcome(c.next<kafka::produce_response>()->message);
}

struct wanted {
    std::string topic;
    std::int32_t partition = 0;
    std::int64_t from = 0;
    topic_id id{};
    std::int32_t bytes_max = 1 << 20;
};

struct fetch_message {
    std::vector<wanted> parts_wanted;
    std::vector<kafka::fetch_request::topic_entry> topics;
    std::vector<kafka::fetch_request::partition_entry> parts;
    kafka::fetch_request in;

    fetch_message(std::vector<wanted> w, std::int32_t max_wait_ms, std::int32_t min_bytes = 1, bool by_id = false)
        : parts_wanted{std::move(w)} {
        parts.resize(parts_wanted.size());
        topics.resize(parts_wanted.size());
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const auto& one = parts_wanted[i];
            parts[i].partition = {one.partition};
            parts[i].fetch_offset = {one.from};
            parts[i].partition_max_bytes = one.bytes_max;
            if (by_id) topics[i].topic_id = one.id;
            else topics[i].topic = one.topic;
            topics[i].partitions = {&parts[i], 1};
        }
        in.max_wait_ms = max_wait_ms;
        in.min_bytes = min_bytes;
        in.max_bytes = 64 << 20;
        in.topics = topics;
    }
    fetch_message(const fetch_message&) = delete;
};

inline void send_fetch(wire& c, std::vector<wanted> w, std::int32_t max_wait_ms, std::int32_t min_bytes = 1) {
    fetch_message m{std::move(w), max_wait_ms, min_bytes};
    c.send(m.in, fetch_by_name);
}

struct fetched {
    error_code code = error_code::none;
    std::int64_t high_watermark = -1;
    std::vector<std::string> values;
    std::vector<std::int64_t> offsets;
};

inline fetched read_part(const kafka::fetch_response::partition_entry& p) {
    fetched out;
    out.code = p.error_code;
    out.high_watermark = p.high_watermark.value;
    bytes_view left = p.records.bytes();
    while (left.size() >= records::header_size) {
        auto size = records::log_overhead + static_cast<std::size_t>(load_be<std::int32_t>(left.data() + records::at::length));
        if (size > left.size()) break;
        records::batch_view b{left.first(size)};
        CHECK(b.computed_crc() == b.crc());
        records::record_iterator walk{b.payload(), b.record_count()};
        records::record_view one;
        while (walk.next(one)) {
            out.values.emplace_back(as_text(one.value.value_or(bytes_view{})));
            out.offsets.push_back((b.base_offset() + one.offset_delta).value);
        }
        left = left.subspan(size);
    }
    return out;
}
// The answer's partitions by topic name and number.
inline std::map<std::pair<std::string, std::int32_t>, fetched> read_answer(const kafka::fetch_response& r) {
    std::map<std::pair<std::string, std::int32_t>, fetched> out;
    for (const auto& t : r.responses)
        for (const auto& p : t.partitions) out[{std::string{t.topic}, p.partition_index.value}] = read_part(p);
    return out;
}
inline fetched fetch(wire& c, std::string topic, std::int32_t partition, std::int64_t from = 0) {
    send_fetch(c, {{topic, partition, from}}, 0);
    auto answer = c.next<kafka::fetch_response>();
    REQUIRE(answer->message.error_code == error_code::none);
    auto parts = read_answer(answer->message);
    REQUIRE(parts.size() == 1);
    return parts.begin()->second;
}
// Everything from `from` up to the high watermark.
inline std::vector<std::string> read_all(wire& c, std::string topic, std::int32_t partition, std::int64_t from = 0) {
    std::vector<std::string> out;
    for (;;) {
        auto some = fetch(c, topic, partition, from);
        REQUIRE(some.code == error_code::none);
        for (std::size_t i = 0; i < some.values.size(); ++i) {
            if (some.offsets[i] < from) continue;
            CHECK(some.offsets[i] == from);
            ++from;
            out.push_back(some.values[i]);
        }
        if (from >= some.high_watermark) return out;
        REQUIRE_FALSE(some.values.empty());
    }
}

inline void send_create(wire& c, std::string name, std::int32_t partitions = 1,
                        std::vector<std::pair<std::string, std::string>> configs = {}) {
    std::vector<kafka::create_topics_request::config_entry> entries(configs.size());
    for (std::size_t i = 0; i < configs.size(); ++i) {
        entries[i].name = configs[i].first;
        entries[i].value = configs[i].second;
    }
    kafka::create_topics_request::topic_entry t;
    t.name = name;
    t.num_partitions = partitions;
    t.replication_factor = 1;
    t.configs = entries;
    kafka::create_topics_request in;
    in.topics = {&t, 1};
    c.send(in, 7);
}
inline error_code create(wire& c, std::string name, std::int32_t partitions = 1,
                         std::vector<std::pair<std::string, std::string>> configs = {}) {
    send_create(c, std::move(name), partitions, std::move(configs));
    return c.next<kafka::create_topics_response>()->message.topics[0].error_code;
}
inline void send_delete(wire& c, std::string name) {
    kafka::delete_topics_request::topic_entry t;
    t.name = name;
    kafka::delete_topics_request in;
    in.topics = {&t, 1};
    c.send(in, 6);
}
inline error_code remove(wire& c, std::string name) {
    send_delete(c, std::move(name));
    return c.next<kafka::delete_topics_response>()->message.responses[0].error_code;
}

inline producer_id take_id(wire& c) {
    kafka::init_producer_id_request in;
    in.transactional_id = std::nullopt;
    in.transaction_timeout_ms = 1000;
    auto answer = c.ask<kafka::init_producer_id_response>(in, 4);
    REQUIRE(answer->message.error_code == error_code::none);
    return answer->message.producer_id;
}

} // namespace millrace::broker::test
