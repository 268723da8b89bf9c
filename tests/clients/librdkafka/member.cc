#include "member.h"

#include <chrono>
#include <cstring>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "session.h"

using namespace session;

class member {
public:
    member(const string& group, string topic, int partitions, const string& flavor, const string& assignor,
           const string& instance, const string& session_ms)
        : topic_(std::move(topic)), partitions_(partitions), full_(flavor == "full") {
        std::map<string, string> settings{{"group.id", group},
                                          {"enable.auto.commit", "false"},
                                          {"auto.offset.reset", "earliest"},
                                          {"fetch.wait.max.ms", "50"},
                                          {"session.timeout.ms", session_ms},
                                          {"heartbeat.interval.ms", "300"},
                                          {"reconnect.backoff.max.ms", "500"}};
        if (assignor != "-") settings["partition.assignment.strategy"] = assignor;
        if (instance != "-") settings["group.instance.id"] = instance;
        client_ = open(RD_KAFKA_CONSUMER, settings, [this](rd_kafka_conf_t* conf) {
            rd_kafka_conf_set_opaque(conf, this);
            rd_kafka_conf_set_rebalance_cb(conf, rebalanced);
        });
        require(rd_kafka_subscribe(client_.get(), one(topic_, RD_KAFKA_PARTITION_UA, 0).get()), "subscribe");
    }

    string poll(int ms) {
        auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
        for (;;) {
            auto left = end - std::chrono::steady_clock::now();
            if (left.count() <= 0) break;
            message m(rd_kafka_consumer_poll(client_.get(), static_cast<int>(left / std::chrono::milliseconds(1)) + 1));
            if (!m) break;
            string where = spot(topic_, m->partition, m->offset);
            // Without a broker the client tries again by itself.
            if (m->err == RD_KAFKA_RESP_ERR__TRANSPORT || m->err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) continue;
            check(m.get(), full_, m->offset * partitions_ + m->partition, where);
            auto& runs = read_[m->partition];
            if (runs.empty() || runs.back().second != m->offset) runs.emplace_back(m->offset, m->offset);
            ++runs.back().second;
        }
        std::ostringstream said;
        said << rebalances_ << ' ' << assigned() << ' ';
        bool any = false;
        for (const auto& [p, runs] : read_)
            for (auto [first, next] : runs) said << (std::exchange(any, true) ? "," : "") << p << ':' << first << '-' << next;
        if (!any) said << '-';
        read_.clear();
        return said.str();
    }

    void commit() {
        auto err = rd_kafka_commit(client_.get(), nullptr, 0);
        if (err != RD_KAFKA_RESP_ERR__NO_OFFSET) require(err, "commit");
    }

    void leave() {
        commit();
        require(rd_kafka_consumer_close(client_.get()), "close");
    }

private:
    static void rebalanced(rd_kafka_t* c, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t* moved, void* opaque) {
        auto& self = *static_cast<member*>(opaque);
        bool cooperative = !std::strcmp(rd_kafka_rebalance_protocol(c), "COOPERATIVE");
        if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
            ++self.rebalances_;
            if (cooperative)
                rd_kafka_error_destroy(rd_kafka_incremental_assign(c, moved));
            else
                rd_kafka_assign(c, moved);
            return;
        }
        if (!rd_kafka_assignment_lost(c)) rd_kafka_commit(c, nullptr, 0);
        if (cooperative)
            rd_kafka_error_destroy(rd_kafka_incremental_unassign(c, moved));
        else
            rd_kafka_assign(c, nullptr);
    }

    string assigned() const {
        rd_kafka_topic_partition_list_t* got = nullptr;
        require(rd_kafka_assignment(client_.get(), &got), "assignment");
        partition_list owned(got);
        string said;
        for (int i = 0; i < got->cnt; ++i) said += (i ? "," : "") + std::to_string(got->elems[i].partition);
        return said.empty() ? "-" : said;
    }

    client client_;
    string topic_;
    int partitions_;
    bool full_;
    int rebalances_ = 0;
    std::map<int32_t, std::vector<std::pair<int64_t, int64_t>>> read_;  // runs of offsets since the last answer
};

void member_end::operator()(member* m) const { delete m; }

namespace {

string committed(const string& group, const string& topic, int partitions) {
    client asking = open(RD_KAFKA_CONSUMER, {{"group.id", group}});
    partition_list asked(rd_kafka_topic_partition_list_new(partitions));
    for (int p = 0; p < partitions; ++p) rd_kafka_topic_partition_list_add(asked.get(), topic.c_str(), p);
    require(rd_kafka_committed(asking.get(), asked.get(), wait_ms), "committed");
    string said;
    for (int p = 0; p < partitions; ++p) {
        require(asked->elems[p].err, "committed");
        int64_t offset = asked->elems[p].offset;
        said += (p ? "," : "") + std::to_string(offset == RD_KAFKA_OFFSET_INVALID ? -1 : offset);
    }
    return said;
}

void reset(const string& group, const string& topic, int partitions, int64_t stamp_ms) {
    client setting = open(RD_KAFKA_CONSUMER, {{"group.id", group}});
    partition_list asked(rd_kafka_topic_partition_list_new(partitions));
    for (int p = 0; p < partitions; ++p) rd_kafka_topic_partition_list_add(asked.get(), topic.c_str(), p)->offset = stamp_ms;
    require(rd_kafka_offsets_for_times(setting.get(), asked.get(), wait_ms), "offsets for times");
    for (int p = 0; p < partitions; ++p) require(asked->elems[p].err, "offsets for times");
    require(rd_kafka_commit(setting.get(), asked.get(), 0), "commit");
}

}  // namespace

bool member_answers(std::unique_ptr<member, member_end>& joined, const string& line, string& said) {
    std::istringstream words(line);
    string name, group, topic, flavor, assignor, instance, session_ms;
    int number = 0;
    words >> name;
    if (name == "join") {
        words >> group >> topic >> number >> flavor >> assignor >> instance >> session_ms;
        joined.reset(new member(group, topic, number, flavor, assignor, instance, session_ms));
    } else if (name == "committed") {
        words >> group >> topic >> number;
        said = committed(group, topic, number);
    } else if (name == "reset") {
        int64_t stamp_ms = 0;
        words >> group >> topic >> number >> stamp_ms;
        reset(group, topic, number, stamp_ms);
    } else if (name == "poll" && joined) {
        words >> number;
        said = joined->poll(number);
    } else if (name == "commit" && joined) {
        joined->commit();
    } else if (name == "leave" && joined) {
        joined->leave();
        joined.reset();
    } else {
        return false;
    }
    return true;
}
