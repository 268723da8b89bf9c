// Drives Debian's librdkafka; the commands are those of ../python/driver_loop.py.
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

#include "admin.h"
#include "member.h"
#include "records.h"
#include "session.h"

namespace {

using std::to_string;
using namespace session;

struct acknowledgements {
    std::map<int64_t, std::pair<int32_t, int64_t>> offsets;  // by record index
    string failure;
};

void delivered(rd_kafka_t*, const rd_kafka_message_t* m, void* opaque) {
    auto& acks = *static_cast<acknowledgements*>(opaque);
    if (m->err)
        acks.failure = rd_kafka_err2name(m->err);
    else
        acks.offsets[reinterpret_cast<intptr_t>(m->_private)] = {m->partition, m->offset};
}

client consumer() {
    return open(RD_KAFKA_CONSUMER, {{"group.id", "unused"},  // demanded by assign(); nothing is joined or committed
                                    {"enable.auto.commit", "false"},
                                    {"auto.offset.reset", "error"},
                                    {"fetch.wait.max.ms", "20"}});
}

struct topic_args {
    string topic;
    int partitions = 0;
    int64_t count = 0;
    string flavor;
    string codec;
    int idempotent = 0;
    bool full() const { return flavor == "full"; }
};

void produce(const topic_args& a) {
    acknowledgements acks;
    client producer = open(RD_KAFKA_PRODUCER,
                           {{"compression.type", a.codec},
                            {"enable.idempotence", a.idempotent ? "true" : "false"},
                            {"max.in.flight", a.idempotent ? "5" : "1"},  // a retry must not overtake
                            {"acks", "all"},
                            {"linger.ms", "5"}},
                           [&](rd_kafka_conf_t* conf) {
                               rd_kafka_conf_set_opaque(conf, &acks);
                               rd_kafka_conf_set_dr_msg_cb(conf, delivered);
                           });
    for (int64_t i = 0; i < a.count; ++i) {
        records::record r = records::make(a.full(), i);
        rd_kafka_headers_t* headers = rd_kafka_headers_new(r.headers.size());
        for (const auto& [name, value] : r.headers)
            rd_kafka_header_add(headers, name.c_str(), -1, value->data(), static_cast<ssize_t>(value->size()));
        auto at = [](records::bytes& b) { return b ? static_cast<void*>(b->data()) : nullptr; };
        auto size = [](const records::bytes& b) { return b ? b->size() : 0; };
        auto err = rd_kafka_producev(
            producer.get(), RD_KAFKA_V_TOPIC(a.topic.c_str()), RD_KAFKA_V_PARTITION(static_cast<int32_t>(i % a.partitions)),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(records::time_ms(i)),
            RD_KAFKA_V_KEY(at(r.key), size(r.key)), RD_KAFKA_V_VALUE(at(r.value), size(r.value)),
            RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(reinterpret_cast<void*>(static_cast<intptr_t>(i))),
            RD_KAFKA_V_END);
        require(err, "produce");
        rd_kafka_poll(producer.get(), 0);
    }
    require(rd_kafka_flush(producer.get(), wait_ms), "flush");
    if (!acks.failure.empty()) throw runtime_error("delivery: " + acks.failure);
    for (int64_t i = 0; i < a.count; ++i)
        if (acks.offsets[i] != std::pair(static_cast<int32_t>(i % a.partitions), i / a.partitions))
            throw runtime_error("record " + to_string(i) + " was not acknowledged at its offset");
}

void read_all(const topic_args& a) {
    client c = consumer();
    partition_list all(rd_kafka_topic_partition_list_new(a.partitions));
    for (int p = 0; p < a.partitions; ++p) rd_kafka_topic_partition_list_add(all.get(), a.topic.c_str(), p)->offset = 0;
    require(rd_kafka_assign(c.get(), all.get()), "assign");
    std::vector<int64_t> next(a.partitions, 0);
    for (int64_t left = a.count; left > 0; --left) {
        message m(rd_kafka_consumer_poll(c.get(), wait_ms));
        if (!m) throw runtime_error(to_string(left) + " records of " + a.topic + " did not come");
        require(m->err, a.topic);
        string where = spot(a.topic, m->partition, m->offset);
        if (m->offset != next[m->partition]++) throw runtime_error(where + ": out of order");
        check(m.get(), a.full(), m->offset * a.partitions + m->partition, where);
    }
    rd_kafka_consumer_close(c.get());
}

void first_at(rd_kafka_t* c, const topic_args& a, int p, int64_t offset) {
    require(rd_kafka_assign(c, one(a.topic, p, offset).get()), "assign");
    message m(rd_kafka_consumer_poll(c, wait_ms));
    string where = spot(a.topic, p, offset);
    if (!m) throw runtime_error(where + ": nothing came");
    require(m->err, where);
    if (m->partition != p || m->offset != offset) throw runtime_error(where + ": got " + spot(a.topic, m->partition, m->offset));
    check(m.get(), a.full(), offset * a.partitions + p, where);
}

void seek_offset(const topic_args& a) {
    client c = consumer();
    for (int p = 0; p < a.partitions; ++p) {
        int64_t low = -1, high = -1, n = records::count_in(p, a.partitions, a.count);
        require(rd_kafka_query_watermark_offsets(c.get(), a.topic.c_str(), p, &low, &high, wait_ms), "watermarks");
        if (low != 0 || high != n) throw runtime_error("partition spans " + to_string(low) + ".." + to_string(high));
        for (int64_t offset : records::offset_probes(p, a.partitions, a.count)) first_at(c.get(), a, p, offset);
    }
    rd_kafka_consumer_close(c.get());
}

void seek_time(const topic_args& a) {
    client c = consumer();
    for (int p = 0; p < a.partitions; ++p) {
        for (auto probe : records::time_probes(p, a.partitions, a.count)) {
            partition_list asked = one(a.topic, p, probe.stamp_ms);
            require(rd_kafka_offsets_for_times(c.get(), asked.get(), wait_ms), "offsets for times");
            require(asked->elems[0].err, "offsets for times");
            int64_t got = asked->elems[0].offset;
            if (got == RD_KAFKA_OFFSET_END) got = -1;
            if (got != probe.offset)
                throw runtime_error(spot(a.topic, p, probe.offset) + " expected at " + to_string(probe.stamp_ms) + ", got " + to_string(got));
            if (got >= 0) first_at(c.get(), a, p, got);
        }
    }
    rd_kafka_consumer_close(c.get());
}

}  // namespace

int main() {
    std::unique_ptr<member, member_end> joined;
    client owner = open(RD_KAFKA_PRODUCER, {});
    rd_kafka_t* admin_client = owner.get();
    std::map<string, std::function<void(const topic_args&)>> commands{
        {"create", [&](const topic_args& a) { admin::create(admin_client, a.topic, a.partitions); }},
        {"describe",
         [&](const topic_args& a) {
             if (admin::partition_count(admin_client, a.topic) != a.partitions) throw runtime_error("partition count differs");
             auto configs = admin::topic_configs(admin_client, a.topic);
             if (configs["retention.ms"] != "-1") throw runtime_error("retention.ms is " + configs["retention.ms"]);
             if (configs["cleanup.policy"] != "delete") throw runtime_error("cleanup.policy is " + configs["cleanup.policy"]);
         }},
        {"delete",
         [&](const topic_args& a) {
             admin::remove(admin_client, a.topic);
             for (int tries = 0; admin::partition_count(admin_client, a.topic) != -1; ++tries) {
                 if (tries == wait_ms / 100) throw runtime_error("still listed");
                 std::this_thread::sleep_for(std::chrono::milliseconds(100));
             }
         }},
        {"produce", produce},
        {"read", read_all},
        {"seek_offset", seek_offset},
        {"seek_time", seek_time},
    };
    for (string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        string name;
        topic_args a;
        words >> name >> a.topic >> a.partitions >> a.count >> a.flavor >> a.codec >> a.idempotent;
        if (name.empty()) continue;
        try {
            string said;
            if (name == "version")
                said = rd_kafka_version_str();
            else if (member_answers(joined, line, said))
                ;
            else
                commands.at(name)(a);
            std::cout << "ok " << said << std::endl;
        } catch (const std::exception& e) {
            std::cout << "fail " << e.what() << std::endl;
        }
    }
}
