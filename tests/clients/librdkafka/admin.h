// Topic administration through librdkafka's admin API, blocking.
// Owner: the librdkafka driver, one thread.
// Invariant: returns only when the broker has answered for the one topic asked about; throws std::runtime_error otherwise.
#pragma once

#include <librdkafka/rdkafka.h>

#include <map>
#include <string>

namespace admin {

void create(rd_kafka_t* client, const std::string& topic, int partitions);
void remove(rd_kafka_t* client, const std::string& topic);
std::map<std::string, std::string> topic_configs(rd_kafka_t* client, const std::string& topic);
// Partition count, after checking that each has this broker as leader and sole in-sync replica; -1: no such topic.
int partition_count(rd_kafka_t* client, const std::string& topic);

}  // namespace admin
