// The clients of a hunt, but for the writer of keys (hunt_keyed.h): producers, a reader, one who deletes records, a committer of offsets, a member of a group that commits as such,
// and one who makes and deletes topics. Each is moved on from
// outside (`act`), never waits, and writes what it was told into the histories.
// Owner: the hunt; the test's thread; their connections end before the node does.
// Invariant: an answer is believed in the moment it is taken in (`hear`), and never afterwards taken back.
#pragma once

#include "hunt_reads.h"
#include "kafka/messages/delete_records.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/sync_group.h"
#include "sim/seeds.h"

#include <deque>
#include <memory>

namespace millrace::crash {

struct topic_plan {
    std::string name;
    int partitions = 1;
    std::string durability = "acks"; // millrace.durability
    bool numbered = true;            // producers that number their batches write to it
    retention goes = {};             // by itself

    promise asked(std::int16_t acks) const {
        if (durability == "flush") return promise::on_disk; // nothing is shown before
        if (acks == 0) return promise::none;
        return acks == -1 && durability == "acks" ? promise::on_disk : promise::in_memory;
    }
};

// All that is known of a run.
struct knowledge {
    moment now = 1;
    faults wrong;
    std::vector<topic_plan> topics; // of the last one records are deleted
    std::map<std::pair<std::string, std::int32_t>, partition_history> partitions;
    std::map<std::string, topic_history> changing; // topics that come and go
    std::optional<key_history> newest; // of the compacted topic
    commit_history commits{"group readers"}, member_commits{"group members"};
    std::uint64_t deletions_told = 0, commits_told = 0, member_commits_told = 0, topic_changes_told = 0;

    partition_history& of(const std::string& topic, std::int32_t partition) {
        return partitions.try_emplace({topic, partition}, topic + "-" + std::to_string(partition)).first->second;
    }
};

struct sent_batch {
    std::string topic;
    std::int32_t partition;
    int sequence; // of the first record
    std::vector<std::string> values;
    moment sent = never, told = never;
    std::int64_t time;
};

// Numbers its batches (idempotent) and sends again what it was not told about; or neither.
class producer {
  public:
    static constexpr int in_flight_max = 4; // per partition: brokers remember the last five batches

    producer(int number, bool idempotent, std::int16_t acks) : number_{number}, idempotent_{idempotent}, acks_{idempotent ? std::int16_t{-1} : acks} {}

    void connect(bt::whole_node& n) {
        c_ = std::make_unique<bt::wire>(n);
        ++stream_;
        waiting_.clear();
        if (!idempotent_) return;
        for (std::size_t i = 0; i < batches_.size(); ++i)
            if (batches_[i].told == never) put_on_wire(*c_, i, waiting_);
    }
    void disconnect() { c_.reset(); }

    void act(bt::whole_node& n, knowledge& k, sim::seeded_random& random, std::size_t value_bytes, std::int64_t time) {
        if (!c_ || c_->ended()) connect(n);
        // What a power cut took from a producer that numbers its batches it would have to begin anew for, and of what was deleted nobody
        // can say whether it is there once.
        auto usable = idempotent_ ? static_cast<std::size_t>(std::count_if(k.topics.begin(), k.topics.end(), [](auto& t) { return t.numbered; }))
                                  : k.topics.size();
        auto& topic = k.topics[random.next() % usable]; // those come first
        auto partition = static_cast<std::int32_t>(random.next() % static_cast<std::uint64_t>(topic.partitions));
        auto& open = open_[{topic.name, partition}];
        if (open >= in_flight_max || waiting_.size() > 20) return;
        sent_batch b{topic.name, partition, sequences_[{topic.name, partition}], {}, k.now++, never, time};
        auto count = 1 + random.next() % 3;
        for (std::uint64_t i = 0; i < count; ++i) {
            auto value = std::to_string(number_) + "." + std::to_string(values_++) + " of " + topic.name + "-" + std::to_string(partition) + " ";
            value.append(random.next() % (value_bytes + 1), static_cast<char>('a' + random.next() % 26));
            k.of(topic.name, partition).sent(value, source{number_, idempotent_ ? 0 : stream_}, topic.asked(acks_), time);
            b.values.push_back(std::move(value));
        }
        sequences_[{topic.name, partition}] += static_cast<int>(count);
        if (acks_ != 0) ++open;
        batches_.push_back(std::move(b));
        put_on_wire(*c_, batches_.size() - 1, waiting_);
    }

    void hear(knowledge& k) {
        while (c_ && c_->answers() > 0 && !waiting_.empty()) {
            auto got = bt::outcome(c_->next<kafka::produce_response>()->message);
            auto& b = batches_[waiting_.front()];
            waiting_.pop_front();
            if (b.told != never) continue;
            if (got.code != kafka::error_code::none) {
                // A broker on its way out refuses; then the connection is given up, and what was refused is sent again.
                if (got.code != kafka::error_code::kafka_storage_error && got.code != kafka::error_code::not_leader_or_follower)
                    k.wrong.push_back("producer " + std::to_string(number_) + ": error " + std::to_string(static_cast<int>(got.code)) +
                                      " for \"" + b.values.front().substr(0, 30) + "\"");
                if (!idempotent_) b.told = k.now++, --open_[{b.topic, b.partition}];
                refused_ = true;
                continue;
            }
            b.told = k.now++;
            --open_[{b.topic, b.partition}];
            for (std::size_t i = 0; i < b.values.size(); ++i)
                k.of(b.topic, b.partition).acknowledged(b.values[i], got.offset.value + static_cast<std::int64_t>(i), b.told, k.wrong);
        }
        if (refused_ && idempotent_) c_.reset();
        refused_ = false;
    }
    // After a crash nobody answers for what was under way.
    void forget() {
        c_.reset();
        if (idempotent_) return;
        for (auto& b : batches_)
            if (b.told == never) b.told = 0;
        open_.clear();
    }

    // Into a branch of the run: sends again what was sent and not acknowledged by `at`, on `c`; how many answers that makes.
    // The values, by partition, are what has to be there once afterwards.
    std::size_t send_again(bt::wire& c, moment at, std::map<std::pair<std::string, std::int32_t>, std::vector<std::string>>& values) {
        if (!idempotent_) return 0;
        std::deque<std::size_t> sent;
        for (std::size_t i = 0; i < batches_.size(); ++i) {
            auto& b = batches_[i];
            if (b.sent >= at || b.told < at) continue;
            put_on_wire(c, i, sent);
            auto& into = values[{b.topic, b.partition}];
            into.insert(into.end(), b.values.begin(), b.values.end());
        }
        return sent.size();
    }

  private:
    void put_on_wire(bt::wire& c, std::size_t index, std::deque<std::size_t>& waiting) {
        auto& b = batches_[index];
        bt::producer_state who;
        if (idempotent_) who = {producer_id{4711 + number_}, 0, b.sequence};
        bt::send_produce(c, acks_, {{b.topic, b.partition, bt::batch(b.values, who, b.time)}});
        if (acks_ != 0) waiting.push_back(index);
    }

    int number_;
    bool idempotent_;
    std::int16_t acks_;
    std::unique_ptr<bt::wire> c_;
    int stream_ = 0;
    std::vector<sent_batch> batches_;
    std::deque<std::size_t> waiting_; // batches on the wire, in the order of their answers
    std::map<std::pair<std::string, std::int32_t>, int> open_, sequences_;
    std::uint64_t values_ = 0;
    bool refused_ = false;
};

// Reads anywhere, and remembers all of it.
class reader {
  public:
    void act(bt::whole_node& n, knowledge& k, sim::seeded_random& random) {
        if (!c_ || c_->ended()) c_ = std::make_unique<bt::wire>(n);
        if (c_->unanswered() > 0) return;
        std::vector<bt::wanted> ask;
        for (auto& t : k.topics)
            for (std::int32_t p = 0; p < t.partitions; ++p) {
                auto& to = next_[{t.name, p}];
                auto from = random.next() % 4 == 0 ? static_cast<std::int64_t>(random.next() % static_cast<std::uint64_t>(to + 1)) : to;
                asked_[{t.name, p}] = from;
                ask.push_back({t.name, p, from});
            }
        bt::send_fetch(*c_, std::move(ask), static_cast<std::int32_t>(random.next() % 3));
    }
    void hear(knowledge& k) {
        while (c_ && c_->answers() > 0) {
            auto answer = c_->next<kafka::fetch_response>();
            for (auto& [at, part] : read_fetch(answer->message, k.wrong)) {
                auto& history = k.of(at.first, at.second);
                if (part.code == kafka::error_code::offset_out_of_range) next_[at] = history.last_deletion() + (next_[at] == history.last_deletion());
                if (part.code != kafka::error_code::none) continue;
                history.start_told(part.log_start, k.now++);
                history.watermark(part.high_watermark, k.now++, k.wrong);
                for (auto& r : part.records) {
                    if (r.offset < asked_[at]) continue; // of the batch that holds the first one
                    history.read(r.offset, r.value, k.now++, k.wrong);
                    next_[at] = std::max(next_[at], r.offset + 1);
                }
            }
        }
    }
    void forget() {
        c_.reset();
        next_.clear();
    }

  private:
    std::unique_ptr<bt::wire> c_;
    std::map<std::pair<std::string, std::int32_t>, std::int64_t> next_, asked_;
};

// What one client asked of one partition, answered next.
template <class Response> bool next_is_good(bt::wire& c) {
    return c.next<Response>()->message.topics[0].partitions[0].error_code == kafka::error_code::none;
}

// Deletes records from the front of the last topic, never more than readers were told of.
class deleter {
  public:
    void act(bt::whole_node& n, knowledge& k, sim::seeded_random& random) {
        if (!c_ || c_->ended()) c_ = std::make_unique<bt::wire>(n), waiting_.clear();
        if (waiting_.size() >= 2) return;
        auto& history = k.of(k.topics.back().name, 0);
        auto low = history.last_deletion(), high = history.highest_watermark();
        if (high <= low) return;
        auto offset = low + 1 + static_cast<std::int64_t>(random.next() % static_cast<std::uint64_t>(std::min<std::int64_t>(high - low, 5)));
        kafka::delete_records_request::partition_entry p;
        p.partition_index = {0};
        p.offset = {offset};
        kafka::delete_records_request::topic_entry t;
        t.name = k.topics.back().name;
        t.partitions = {&p, 1};
        kafka::delete_records_request in;
        in.topics = {&t, 1};
        in.timeout_ms = 30'000;
        history.deletion_sent(offset, k.now++);
        c_->send(in, 2);
        waiting_.push_back(offset);
    }
    void hear(knowledge& k) {
        while (c_ && c_->answers() > 0) {
            if (next_is_good<kafka::delete_records_response>(*c_)) {
                ++k.deletions_told;
                k.of(k.topics.back().name, 0).deletion_acknowledged(waiting_.front(), k.now++);
            }
            waiting_.pop_front();
        }
    }
    void forget() {
        c_.reset();
        waiting_.clear();
    }

  private:
    std::unique_ptr<bt::wire> c_;
    std::deque<std::int64_t> waiting_;
};

inline void send_commit(bt::wire& c, std::string_view topic, std::string_view group, std::string_view member, std::int32_t generation,
                        std::int64_t offset) {
    kafka::offset_commit_request::partition_entry p;
    p.partition_index = {0};
    p.committed_offset = {offset};
    p.committed_metadata = std::string_view{""};
    kafka::offset_commit_request::topic_entry t;
    t.name = topic;
    t.partitions = {&p, 1};
    kafka::offset_commit_request in;
    in.group_id = group;
    in.generation_id_or_member_epoch = generation;
    in.member_id = member;
    in.topics = {&t, 1};
    c.send(in, 8);
}

// Commits growing offsets of a group that nobody is a member of.
class committer {
  public:
    static constexpr auto group = "readers", topic = "flows";

    void act(bt::whole_node& n, knowledge& k, sim::seeded_random& random) {
        if (!c_ || c_->ended()) c_ = std::make_unique<bt::wire>(n), waiting_.clear();
        if (waiting_.size() >= 3) return;
        auto offset = k.commits.last() + 1 + static_cast<std::int64_t>(random.next() % 3);
        k.commits.sent(offset, k.now++);
        send_commit(*c_, topic, group, "", -1, offset);
        waiting_.push_back(offset);
    }
    void hear(knowledge& k) {
        while (c_ && c_->answers() > 0) {
            if (next_is_good<kafka::offset_commit_response>(*c_)) {
                ++k.commits_told;
                k.commits.acknowledged(waiting_.front(), k.now++);
            }
            waiting_.pop_front();
        }
    }
    void forget() { c_.reset(); }

  private:
    std::unique_ptr<bt::wire> c_;
    std::deque<std::int64_t> waiting_;
};

// The only member of its group: joins, takes its assignment, commits growing offsets as this member of this generation, and joins again when it
// is refused or, at times, for no reason.
class member {
  public:
    static constexpr auto group = "members", topic = committer::topic;

    void act(bt::whole_node& n, knowledge& k, sim::seeded_random& random) {
        if (!c_ || c_->ended()) {
            c_ = std::make_unique<bt::wire>(n);
            state_ = state::outside;
            waiting_.clear();
        }
        if (state_ == state::joining || state_ == state::syncing || waiting_.size() >= 3) return;
        if (state_ == state::inside && waiting_.empty() && random.next() % 10 == 0) state_ = state::outside;
        if (state_ == state::outside) {
            if (waiting_.empty()) join();
            return;
        }
        auto offset = k.member_commits.last() + 1 + static_cast<std::int64_t>(random.next() % 3);
        k.member_commits.sent(offset, k.now++);
        send_commit(*c_, topic, group, id_, generation_, offset);
        waiting_.push_back(offset);
    }
    void hear(knowledge& k) {
        while (c_ && c_->answers() > 0) {
            if (state_ == state::joining) {
                auto told = c_->next<kafka::join_group_response>();
                id_ = std::string{told->message.member_id};
                generation_ = told->message.generation_id;
                if (told->message.error_code == kafka::error_code::none) sync();
                else leave();
            } else if (state_ == state::syncing) {
                auto told = c_->next<kafka::sync_group_response>();
                if (told->message.error_code == kafka::error_code::none) state_ = state::inside;
                else leave();
            } else {
                if (next_is_good<kafka::offset_commit_response>(*c_)) {
                    ++k.member_commits_told;
                    k.member_commits.acknowledged(waiting_.front(), k.now++);
                } else {
                    state_ = state::outside;
                }
                waiting_.pop_front();
            }
        }
    }
    void forget() {
        c_.reset();
        waiting_.clear();
        state_ = state::outside; // and asks under its old name, which a broker that lost it answers as it likes
    }

  private:
    enum class state { outside, joining, syncing, inside };

    void leave() {
        id_.clear();
        state_ = state::outside;
    }
    void join() {
        kafka::join_group_request::protocol_entry p;
        p.name = "range";
        kafka::join_group_request in;
        in.group_id = group;
        in.session_timeout_ms = 30'000;
        in.rebalance_timeout_ms = 30'000;
        in.member_id = id_;
        in.protocol_type = "consumer";
        in.protocols = {&p, 1};
        c_->send(in, 2);
        state_ = state::joining;
    }
    void sync() {
        kafka::sync_group_request::assignment_entry mine;
        mine.member_id = id_;
        kafka::sync_group_request in;
        in.group_id = group;
        in.generation_id = generation_;
        in.member_id = id_;
        in.assignments = {&mine, 1};
        c_->send(in, 1);
        state_ = state::syncing;
    }

    std::unique_ptr<bt::wire> c_;
    std::string id_;
    std::int32_t generation_ = -1;
    state state_ = state::outside;
    std::deque<std::int64_t> waiting_;
};

// Makes and deletes topics, one change at a time, and puts a record into what it has made.
class topic_changer {
  public:
    void act(bt::whole_node& n, knowledge& k, sim::seeded_random& random) {
        if (!c_ || c_->ended()) c_ = std::make_unique<bt::wire>(n);
        if (c_->unanswered() > 0 || !under_way_.empty()) return;
        under_way_ = "passing-" + std::to_string(random.next() % 3);
        auto& history = k.changing.try_emplace(under_way_, under_way_).first->second;
        auto there = history.expected(k.now);
        creates_ = there ? !*there : random.next() % 2 == 0;
        history.begun(creates_, k.now++);
        if (creates_) bt::send_create(*c_, under_way_, 1 + static_cast<std::int32_t>(random.next() % 3));
        else bt::send_delete(*c_, under_way_);
    }
    void hear(knowledge& k) {
        if (!c_ || c_->answers() == 0) return;
        auto code = creates_ ? c_->next<kafka::create_topics_response>()->message.topics[0].error_code
                             : c_->next<kafka::delete_topics_response>()->message.responses[0].error_code;
        k.topic_changes_told += code == kafka::error_code::none;
        k.changing.at(under_way_).ended(code == kafka::error_code::none, k.now++);
        under_way_.clear();
    }
    void forget() {
        c_.reset();
        under_way_.clear();
    }

  private:
    std::unique_ptr<bt::wire> c_;
    std::string under_way_;
    bool creates_ = false;
};

} // namespace millrace::crash
