// A librdkafka consumer by assignment: rdkafka_consumer BOOTSTRAP TOPIC RECORDS
// Partition 0 from its beginning, until RECORDS have come. One JSON line: bytes of values, seconds, own CPU seconds.
#include "cpu_seconds.h"

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>


namespace {

// consume_batch waits for a full batch or the end of its time, whichever is first.
constexpr int poll_ms = 20;
constexpr int quiet_polls_max = 1000;

} // namespace

int main(int count, char** words) {
    if (count < 4) {
        std::fprintf(stderr, "usage: rdkafka_consumer BOOTSTRAP TOPIC RECORDS\n");
        return 2;
    }
    auto wanted = std::strtoull(words[3], nullptr, 10);
    char error[512];
    auto* settings = rd_kafka_conf_new();
    if (rd_kafka_conf_set(settings, "bootstrap.servers", words[1], error, sizeof error) != RD_KAFKA_CONF_OK) return 1;
    auto* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, settings, error, sizeof error);
    if (!consumer) {
        std::fprintf(stderr, "%s\n", error);
        return 1;
    }
    auto* topic = rd_kafka_topic_new(consumer, words[2], nullptr);
    auto cpu = cpu_seconds();
    auto began = std::chrono::steady_clock::now();
    if (rd_kafka_consume_start(topic, 0, 0) != 0) {
        std::fprintf(stderr, "%s\n", rd_kafka_err2str(rd_kafka_last_error()));
        return 1;
    }
    std::vector<rd_kafka_message_t*> messages(10'000);
    std::uint64_t records = 0, bytes = 0;
    int quiet_polls = 0;
    while (records < wanted) {
        auto got = rd_kafka_consume_batch(topic, 0, poll_ms, messages.data(), messages.size());
        quiet_polls = got > 0 ? 0 : quiet_polls + 1;
        if (got < 0 || quiet_polls > quiet_polls_max) {
            std::fprintf(stderr, "nothing more after %llu records\n", static_cast<unsigned long long>(records));
            return 1;
        }
        for (ssize_t i = 0; i < got; ++i) {
            auto* message = messages[static_cast<std::size_t>(i)];
            if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                ++records;
                bytes += message->len;
            }
            rd_kafka_message_destroy(message);
        }
    }
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("{\"bytes\":%llu,\"seconds\":%.4f,\"client_cpu\":%.4f}\n", static_cast<unsigned long long>(bytes), took.count(),
                cpu_seconds() - cpu);
    std::fflush(stdout);
    _Exit(0); // librdkafka's own shutdown waits for its threads, which is not what is measured
}
