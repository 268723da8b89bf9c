#include "broker/counters_line.h"

#include "kafka/api_key.h"

namespace millrace::broker {

namespace {

void field(std::string& out, const char* name, std::uint64_t value) {
    out += ",\"";
    out += name;
    out += "\":";
    out += std::to_string(value);
}

// As many buckets as hold something, so that the line stays short.
void field(std::string& out, const char* name, const runtime::log2_histogram& of) {
    std::size_t used = runtime::log2_histogram::buckets;
    while (used > 0 && of.read(used - 1) == 0) --used;
    out += ",\"";
    out += name;
    out += "\":[";
    for (std::size_t i = 0; i < used; ++i) out += (i ? "," : "") + std::to_string(of.read(i));
    out += ']';
}

void longest_stall(std::string& out, const runtime::stall_record& of) {
    field(out, "longest_stall_ns", of.ns());
    out += ",\"longest_stall_cause\":[";
    if (of.ns() > 0) {
        out += std::string{"\""} + name_of(of.part()) + '"';
        auto steps = of.steps();
        for (std::size_t i = 0; i < static_cast<std::size_t>(runtime::step::kinds); ++i)
            if (auto s = static_cast<runtime::step>(i); steps.has(s)) out += std::string{",\""} + name_of(s) + '"';
        for (std::int16_t key = 0; key < static_cast<std::int16_t>(runtime::step_keys_max); ++key)
            if (steps.has(runtime::request_step(key)))
                out += ",\"request " + std::string{kafka::name_of(static_cast<kafka::api_key>(key))} + '"';
    }
    out += ']';
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
        field(out, "turn_us", c.turn_us);
        for (std::size_t i = 0; i < runtime::turn_parts; ++i) {
            auto name = std::string{"stalls_"} + name_of(static_cast<runtime::turn_part>(i));
            field(out, name.c_str(), c.stalls[i].read());
        }
        longest_stall(out, c.longest_stall);
        MR_FIELD(c, visits);
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
        MR_FIELD(c, window_hits);
        MR_FIELD(c, window_reads);
        MR_FIELD(c, bytes_read_ring);
        MR_FIELD(c, bytes_written);
        MR_FIELD(c, bytes_copied);
        MR_FIELD(c, places_known);
        MR_FIELD(c, places_sought);
        MR_FIELD(c, slices_damaged);
        MR_FIELD(c, appends_inline);
        MR_FIELD(c, appends_slow);
        MR_FIELD(c, appends_ring);
        MR_FIELD(c, batches_recompressed);
        MR_FIELD(c, appends_no_space);
        MR_FIELD(c, syncs);
        MR_FIELD(c, segments_removed);
        MR_FIELD(c, segment_bytes_removed);
        const auto& keeper = host->keeper().stats();
        MR_FIELD(keeper, compactions);
        MR_FIELD(keeper, compactions_failed);
        MR_FIELD(keeper, compaction_bytes_before);
        MR_FIELD(keeper, compaction_bytes_after);
        MR_FIELD(keeper, compaction_records_dropped);
        MR_FIELD(keeper, compaction_map_bytes);
        MR_FIELD(c, flushes);
        field(out, "flush_batches", c.flush_batches);
        field(out, "flush_bytes", c.flush_bytes);
        MR_FIELD(c, journal_commits);
        MR_FIELD(c, journal_bytes);
        MR_FIELD(c, journal_full);
        MR_FIELD(c, journal_settles);
        const auto& s = host->context().stats;
        MR_FIELD(s, connections_accepted);
        MR_FIELD(s, connections_closed);
        MR_FIELD(s, connections_refused);
        MR_FIELD(s, connections_expired);
        MR_FIELD(s, connections_moved);
        MR_FIELD(s, requests);
        MR_FIELD(s, frames_refused);
        MR_FIELD(s, requests_waited);
        MR_FIELD(s, asides_waited);
        MR_FIELD(s, answers_cut);
        MR_FIELD(s, joins_too_large);
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
