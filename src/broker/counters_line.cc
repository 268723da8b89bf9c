#include "broker/counters_line.h"

namespace millrace::broker {

namespace {

void field(std::string& out, const char* name, std::uint64_t value) {
    out += ",\"";
    out += name;
    out += "\":";
    out += std::to_string(value);
}

} // namespace

std::string counters_line(node& n) {
    std::string out = "{\"shards\":[";
    for (auto& host : n.hosts()) {
        if (out.back() != '[') out += ',';
        out += "{\"id\":" + std::to_string(host->shard().id().value);
        const auto& c = host->shard().stats();
#define MR_FIELD(of, name) field(out, #name, of.name.read())
        MR_FIELD(c, turns);
        MR_FIELD(c, waits);
        MR_FIELD(c, busy_ns);
        MR_FIELD(c, stalls_parse);
        MR_FIELD(c, stalls_append);
        MR_FIELD(c, stalls_commit);
        MR_FIELD(c, stalls_send);
        MR_FIELD(c, longest_stall_ns);
        MR_FIELD(c, doorbells_rung);
        MR_FIELD(c, messages_sent);
        MR_FIELD(c, messages_delayed);
        MR_FIELD(c, ring_enters);
        MR_FIELD(c, ring_submissions);
        MR_FIELD(c, ring_punts);
        MR_FIELD(c, system_calls);
        MR_FIELD(c, receives);
        MR_FIELD(c, bytes_received);
        MR_FIELD(c, bytes_sent_memory);
        MR_FIELD(c, bytes_sent_file);
        MR_FIELD(c, bytes_read_file);
        MR_FIELD(c, bytes_read_ring);
        MR_FIELD(c, bytes_written);
        MR_FIELD(c, bytes_copied);
        MR_FIELD(c, appends_inline);
        MR_FIELD(c, appends_slow);
        MR_FIELD(c, appends_ring);
        MR_FIELD(c, syncs);
        const auto& s = host->context().stats;
        MR_FIELD(s, connections_accepted);
        MR_FIELD(s, connections_closed);
        MR_FIELD(s, connections_refused);
        MR_FIELD(s, connections_expired);
        MR_FIELD(s, connections_moved);
        MR_FIELD(s, requests);
        MR_FIELD(s, frames_refused);
        MR_FIELD(s, requests_waited);
        MR_FIELD(s, batches_appended);
        MR_FIELD(s, batches_refused);
        MR_FIELD(s, appends_forwarded);
        MR_FIELD(s, fetches_parked);
        MR_FIELD(s, fetch_bytes);
#undef MR_FIELD
        out += '}';
    }
    out += "]}";
    return out;
}

} // namespace millrace::broker
