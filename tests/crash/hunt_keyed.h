// The client of a hunt that writes a compacted topic: numbers for a few keys, and at times the removal of one.
// Owner: the hunt; the test's thread; its connection ends before the node does.
// Invariant: of a key nothing is sent twice, and on one connection at a time, so that its numbers lie in order.
#pragma once

#include "../broker/wire.h"
#include "hunt_reads.h"
#include "key_history.h"
#include "sim/seeds.h"

#include <deque>
#include <memory>

namespace millrace::crash {

class keyed_writer {
  public:
    static constexpr auto topic = "newest";
    static constexpr int keys = 5;

    void act(bt::whole_node& n, key_history& known, moment& now, faults&, sim::seeded_random& random, std::size_t value_bytes, std::int64_t time) {
        if (!c_ || c_->ended()) c_ = std::make_unique<bt::wire>(n), waiting_.clear();
        if (waiting_.size() >= 5) return;
        records::builder_options with;
        if (random.next() % 3 == 0) with.codec = records::codec::lz4;
        records::batch_builder builder{with};
        std::vector<written> all;
        for (auto count = 1 + random.next() % 3; count > 0; --count) {
            written one{"k" + std::to_string(random.next() % keys), 0};
            one.number = ++numbers_[one.key];
            const bool removes = random.next() % 8 == 0;
            known.sent(one.key, one.number, removes, now++);
            auto value = key_history::shown_value(one.key, one.number);
            value.append(random.next() % (value_bytes + 1), static_cast<char>('a' + random.next() % 26));
            builder.append(timestamp_ms{time}, as_bytes(one.key), removes ? std::nullopt : std::optional{as_bytes(value)}, {});
            all.push_back(std::move(one));
        }
        auto made = builder.finish({});
        bt::send_produce(*c_, -1, {{topic, 0, {made.begin(), made.end()}}});
        waiting_.push_back(std::move(all));
    }
    void hear(key_history& known, moment& now, faults& wrong) {
        while (c_ && c_->answers() > 0 && !waiting_.empty()) {
            auto got = bt::outcome(c_->next<kafka::produce_response>()->message);
            auto all = std::move(waiting_.front());
            waiting_.pop_front();
            if (got.code == kafka::error_code::kafka_storage_error || got.code == kafka::error_code::not_leader_or_follower) continue;
            if (got.code != kafka::error_code::none) wrong.push_back("the writer of keys: error " + std::to_string(static_cast<int>(got.code)));
            else
                for (std::size_t i = 0; i < all.size(); ++i)
                    known.acknowledged(all[i].key, all[i].number, got.offset.value + static_cast<std::int64_t>(i), now++);
        }
    }
    void forget() {
        c_.reset();
        waiting_.clear();
    }

  private:
    struct written {
        std::string key;
        int number;
    };
    std::unique_ptr<bt::wire> c_;
    std::deque<std::vector<written>> waiting_;
    std::map<std::string, int> numbers_;
};

} // namespace millrace::crash
