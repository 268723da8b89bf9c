#include "session.h"

#include <cstdlib>

#include "records.h"

namespace session {

namespace {

records::bytes span(const void* at, size_t size) {
    return at ? records::bytes(string(static_cast<const char*>(at), size)) : std::nullopt;
}

}  // namespace

client open(rd_kafka_type_t kind, std::map<string, string> settings, const std::function<void(rd_kafka_conf_t*)>& prepare) {
    char text[512];
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    settings["bootstrap.servers"] = std::getenv("MILLRACE_BOOTSTRAP");
    for (const auto& [name, value] : settings)
        if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK)
            throw runtime_error(text);
    if (prepare) prepare(conf);
    client opened(rd_kafka_new(kind, conf, text, sizeof text));
    if (!opened) throw runtime_error(text);
    if (kind == RD_KAFKA_CONSUMER) rd_kafka_poll_set_consumer(opened.get());
    return opened;
}

partition_list one(const string& topic, int32_t partition, int64_t offset) {
    partition_list made(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(made.get(), topic.c_str(), partition)->offset = offset;
    return made;
}

void require(rd_kafka_resp_err_t err, const string& what) {
    if (err) throw runtime_error(what + ": " + rd_kafka_err2name(err));
}

void check(const rd_kafka_message_t* m, bool full, int64_t i, const string& where) {
    require(m->err, where);
    records::record got{span(m->key, m->key_len), span(m->payload, m->len), {}};
    rd_kafka_headers_t* headers = nullptr;
    if (!rd_kafka_message_headers(m, &headers)) {
        const char* name = nullptr;
        const void* value = nullptr;
        size_t size = 0;
        for (size_t h = 0; !rd_kafka_header_get_all(headers, h, &name, &value, &size); ++h)
            got.headers.emplace_back(name, span(value, size));
    }
    records::record want = records::make(full, i);
    if (got.key != want.key) throw runtime_error(where + ": key differs from record " + std::to_string(i));
    if (got.value != want.value) throw runtime_error(where + ": value differs from record " + std::to_string(i));
    if (got.headers != want.headers) throw runtime_error(where + ": headers differ from record " + std::to_string(i));
    rd_kafka_timestamp_type_t kind;
    int64_t stamp_ms = rd_kafka_message_timestamp(m, &kind);
    bool right = full ? stamp_ms == records::time_ms(i) : stamp_ms > records::base_ms;
    if (!right || kind != RD_KAFKA_TIMESTAMP_CREATE_TIME) throw runtime_error(where + ": timestamp " + std::to_string(stamp_ms));
}

string spot(const string& topic, int64_t p, int64_t offset) { return topic + "-" + std::to_string(p) + "@" + std::to_string(offset); }

}  // namespace session
