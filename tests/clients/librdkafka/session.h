// What every command of the driver needs of librdkafka: owned handles, settings, and the check of a record that was read.
// Owner: the librdkafka driver, one thread.
// Invariant: throws std::runtime_error, with the reason, where librdkafka or the broker refuses.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

namespace session {

using std::runtime_error;
using std::string;

inline constexpr int wait_ms = 30'000;

struct client_closer {
    void operator()(rd_kafka_t* c) const { rd_kafka_destroy(c); }
};
using client = std::unique_ptr<rd_kafka_t, client_closer>;

struct list_closer {
    void operator()(rd_kafka_topic_partition_list_t* l) const { rd_kafka_topic_partition_list_destroy(l); }
};
using partition_list = std::unique_ptr<rd_kafka_topic_partition_list_t, list_closer>;

struct message_closer {
    void operator()(rd_kafka_message_t* m) const { rd_kafka_message_destroy(m); }
};
using message = std::unique_ptr<rd_kafka_message_t, message_closer>;

// `prepare` sets callbacks before the client is made.
client open(rd_kafka_type_t kind, std::map<string, string> settings, const std::function<void(rd_kafka_conf_t*)>& prepare = {});
partition_list one(const string& topic, int32_t partition, int64_t offset);
void require(rd_kafka_resp_err_t err, const string& what);
string spot(const string& topic, int64_t p, int64_t offset);
// Throws, naming the field, unless the message is record i.
void check(const rd_kafka_message_t* m, bool full, int64_t i, const string& where);

}  // namespace session
