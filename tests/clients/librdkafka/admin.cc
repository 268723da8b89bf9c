#include "admin.h"

#include <memory>
#include <stdexcept>

namespace admin {
namespace {

constexpr int wait_ms = 30'000;

struct queue_closer {
    void operator()(rd_kafka_queue_t* q) const { rd_kafka_queue_destroy(q); }
};
struct event_closer {
    void operator()(rd_kafka_event_t* e) const { rd_kafka_event_destroy(e); }
};
using queue = std::unique_ptr<rd_kafka_queue_t, queue_closer>;
using event = std::unique_ptr<rd_kafka_event_t, event_closer>;

void require(rd_kafka_resp_err_t err, const char* text, const std::string& what) {
    if (err) throw std::runtime_error(what + ": " + rd_kafka_err2name(err) + " " + (text ? text : ""));
}

event answer(const queue& q, const std::string& what) {
    event got(rd_kafka_queue_poll(q.get(), wait_ms));
    if (!got) throw std::runtime_error(what + ": no answer");
    require(rd_kafka_event_error(got.get()), rd_kafka_event_error_string(got.get()), what);
    return got;
}

void require_topics(const rd_kafka_topic_result_t** rows, size_t count, const std::string& what) {
    if (count != 1) throw std::runtime_error(what + ": " + std::to_string(count) + " results");
    require(rd_kafka_topic_result_error(rows[0]), rd_kafka_topic_result_error_string(rows[0]), what);
}

}  // namespace

void create(rd_kafka_t* client, const std::string& topic, int partitions) {
    char text[256];
    queue q(rd_kafka_queue_new(client));
    rd_kafka_NewTopic_t* wanted = rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, text, sizeof text);
    rd_kafka_NewTopic_set_config(wanted, "retention.ms", "-1");
    rd_kafka_CreateTopics(client, &wanted, 1, nullptr, q.get());
    rd_kafka_NewTopic_destroy(wanted);
    event got = answer(q, "create");
    size_t count = 0;
    auto rows = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(got.get()), &count);
    require_topics(rows, count, "create " + topic);
}

void remove(rd_kafka_t* client, const std::string& topic) {
    queue q(rd_kafka_queue_new(client));
    rd_kafka_DeleteTopic_t* doomed = rd_kafka_DeleteTopic_new(topic.c_str());
    rd_kafka_DeleteTopics(client, &doomed, 1, nullptr, q.get());
    rd_kafka_DeleteTopic_destroy(doomed);
    event got = answer(q, "delete");
    size_t count = 0;
    auto rows = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(got.get()), &count);
    require_topics(rows, count, "delete " + topic);
}

std::map<std::string, std::string> topic_configs(rd_kafka_t* client, const std::string& topic) {
    queue q(rd_kafka_queue_new(client));
    rd_kafka_ConfigResource_t* asked = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
    rd_kafka_DescribeConfigs(client, &asked, 1, nullptr, q.get());
    rd_kafka_ConfigResource_destroy(asked);
    event got = answer(q, "describe configs");
    size_t count = 0;
    auto result = rd_kafka_event_DescribeConfigs_result(got.get());
    auto rows = rd_kafka_DescribeConfigs_result_resources(result, &count);
    if (count != 1) throw std::runtime_error("describe configs: wrong number of results");
    require(rd_kafka_ConfigResource_error(rows[0]), rd_kafka_ConfigResource_error_string(rows[0]), "describe configs");
    auto entries = rd_kafka_ConfigResource_configs(rows[0], &count);
    std::map<std::string, std::string> found;
    for (size_t i = 0; i < count; ++i) {
        const char* value = rd_kafka_ConfigEntry_value(entries[i]);
        found[rd_kafka_ConfigEntry_name(entries[i])] = value ? value : "";
    }
    return found;
}

int partition_count(rd_kafka_t* client, const std::string& topic) {
    const struct rd_kafka_metadata* all = nullptr;
    require(rd_kafka_metadata(client, 1, nullptr, &all, wait_ms), nullptr, "metadata");
    std::unique_ptr<const struct rd_kafka_metadata, void (*)(const struct rd_kafka_metadata*)> owner(all, rd_kafka_metadata_destroy);
    for (int t = 0; t < all->topic_cnt; ++t) {
        const auto& row = all->topics[t];
        if (topic != row.topic) continue;
        require(row.err, nullptr, "metadata of " + topic);
        for (int p = 0; p < row.partition_cnt; ++p) {
            const auto& part = row.partitions[p];
            require(part.err, nullptr, "metadata of " + topic);
            bool alone = part.replica_cnt == 1 && part.isr_cnt == 1 && part.replicas[0] == part.leader;
            if (!alone || part.leader < 0 || part.id < 0 || part.id >= row.partition_cnt)
                throw std::runtime_error("metadata of " + topic + ": leader or replicas are wrong");
        }
        return row.partition_cnt;
    }
    return -1;
}

}  // namespace admin
