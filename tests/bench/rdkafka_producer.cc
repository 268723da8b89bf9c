// A librdkafka producer as an application would set it up for throughput: rdkafka_producer BOOTSTRAP TOPIC RECORDS [SIZE] [ACKS [PARTITIONS]]
// Batches of 1 MB, into partition 0, or where librdkafka's partitioner wants them if there are more. Ends when everything is acknowledged.
// One JSON line: bytes of values, seconds, own CPU seconds.
#include "cpu_seconds.h"

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>


namespace {

std::uint64_t failed = 0;

void delivered(rd_kafka_t*, const rd_kafka_message_t* message, void*) { failed += message->err != RD_KAFKA_RESP_ERR_NO_ERROR; }

// Text-like and not the same in any two records.
void fill(std::vector<char>& value, std::uint64_t seed) {
    for (auto& byte : value) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        byte = static_cast<char>('a' + (seed >> 60));
    }
}

} // namespace

int main(int count, char** words) {
    if (count < 4) {
        std::fprintf(stderr, "usage: rdkafka_producer BOOTSTRAP TOPIC RECORDS [SIZE] [ACKS [PARTITIONS]]\n");
        return 2;
    }
    auto records = std::strtoull(words[3], nullptr, 10);
    auto size = count > 4 ? std::strtoull(words[4], nullptr, 10) : 1024;
    std::int32_t partition = count > 6 && std::atoi(words[6]) > 1 ? RD_KAFKA_PARTITION_UA : 0;
    char error[512];
    auto* settings = rd_kafka_conf_new();
    const std::string pairs[][2] = {{"bootstrap.servers", words[1]}, {"acks", count > 5 ? words[5] : "1"}, {"linger.ms", "100"},
                                    {"batch.size", "1000000"}, {"queue.buffering.max.kbytes", "65536"},
                                    {"queue.buffering.max.messages", "1000000"}, {"delivery.report.only.error", "true"}};
    for (const auto& [name, value] : pairs)
        if (rd_kafka_conf_set(settings, name.c_str(), value.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK) {
            std::fprintf(stderr, "%s\n", error);
            return 1;
        }
    rd_kafka_conf_set_dr_msg_cb(settings, delivered);
    auto* producer = rd_kafka_new(RD_KAFKA_PRODUCER, settings, error, sizeof error);
    if (!producer) {
        std::fprintf(stderr, "%s\n", error);
        return 1;
    }
    auto* topic = rd_kafka_topic_new(producer, words[2], nullptr);
    // A few hundred values made beforehand: the measurement is of sending, not of making.
    std::vector<std::vector<char>> values(256, std::vector<char>(size));
    for (std::size_t i = 0; i < values.size(); ++i) fill(values[i], i + 1);
    auto cpu = cpu_seconds();
    auto began = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < records;) {
        auto& value = values[i % values.size()];
        if (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, value.data(), size, nullptr, 0, nullptr) == 0) {
            if (++i % 1000 == 0) rd_kafka_poll(producer, 0);
        } else if (rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_poll(producer, 5);
        } else {
            std::fprintf(stderr, "produce: %s\n", rd_kafka_err2str(rd_kafka_last_error()));
            return 1;
        }
    }
    auto left = rd_kafka_flush(producer, 120'000);
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("{\"bytes\":%llu,\"seconds\":%.4f,\"client_cpu\":%.4f,\"failed\":%llu}\n", records * size, took.count(),
                cpu_seconds() - cpu, static_cast<unsigned long long>(failed));
    return left == RD_KAFKA_RESP_ERR_NO_ERROR && failed == 0 ? 0 : 1;
}
