// What a batch may need before it is admitted and must not run on the loop: a look at its compressed keys, and the topic's codec.
#include "partition/replica.h"

#include "records/compressed_walk.h"
#include "records/recompress.h"
#include "runtime/offload.h"

#include <limits>

namespace millrace::partition {

using runtime::task;

namespace {
// What a compressed batch may grow to while it is looked at.
constexpr std::size_t decompressed_bytes_max = 256 << 20;
} // namespace

// As in Kafka, a batch that has the topic's codec stays as it is, whatever its level.
bool replica::needs_other_codec(const append_request& r) const { return config_.codec && !r.made_here && *config_.codec != r.info.codec; }

// The header shows the time of the first record and the newest, of which one that is too old need be neither: where a topic limits that, each
// record is looked at. Of what is too new the newest is enough.
bool replica::needs_gate(const append_request& r) const {
    const bool all_times = config_.timestamps.type == records::timestamp_type::create_time &&
                           config_.timestamps.before_max_ms < std::numeric_limits<std::int64_t>::max();
    return needs_other_codec(r) || ((config_.compacted || all_times) && r.info.codec != records::codec::none);
}

task<void> replica::run_gate() {
    gate_running_ = true;
    while (append_request* r = gate_.pop_front()) {
        bool ready = true;
        if (needs_other_codec(*r)) ready = co_await recompress(*r);
        else if (needs_gate(*r)) ready = co_await look_inside(*r);
        --gated_;
        if (ready) admit(*r);
    }
    gate_running_ = false;
}

// False: refused.
task<bool> replica::look_inside(append_request& r) {
    auto rules = records::producer_rules(config_.batch_size_max, r.produce_version, config_.compacted);
    records::result<records::walk_info> found = std::unexpected{records::errc::bad_compressed_data};
    auto look = [&found, &r, rules] {
        records::decompressor with;
        records::byte_buffer scratch;
        found = records::walk_compressed(r.records, rules, decompressed_bytes_max, with, scratch);
    };
    auto job = runtime::off_loop(*runtime::shard::current().world().offload, look);
    bool ran = co_await job;
    co_return accept_look(r, ran, found);
}

// False: refused. The batch in the topic's codec belongs to the request until it is written.
task<bool> replica::recompress(append_request& r) {
    auto rules = records::producer_rules(config_.batch_size_max, r.produce_version, config_.compacted);
    const auto to = *config_.codec;
    const int level = config_.codec_level;
    records::result<records::walk_info> found = std::unexpected{records::errc::bad_compressed_data};
    auto made = std::make_unique<records::byte_buffer>(); // one for a batch that costs a thousand times more
    auto work = [&found, &made, &r, rules, to, level] {
        found = records::recompress(r.records.first(r.info.size_bytes), rules, to, level, decompressed_bytes_max, *made);
    };
    auto job = runtime::off_loop(*runtime::shard::current().world().offload, work);
    bool ran = co_await job;
    if (!accept_look(r, ran, found)) co_return false;
    runtime::shard::current().stats().batches_recompressed.add(1);
    r.recompressed = std::move(made);
    r.records = r.recompressed->bytes();
    r.info.codec = to;
    r.info.size_bytes = r.records.size();
    co_return true;
}

// What the records say about their times is known now, and held against the topic's rules.
bool replica::accept_look(append_request& r, bool ran, const records::result<records::walk_info>& found) {
    if (!ran) {
        refuse(r, errc::overloaded);
        return false;
    }
    auto judged = found ? records::result<void>{} : std::unexpected{found.error()};
    if (found && r.info.timestamp_type == records::timestamp_type::create_time) {
        r.info.walked = true;
        r.info.timestamp_min = found->timestamp_min;
        r.info.max_timestamp = found->max_timestamp;
        r.info.max_timestamp_offset = found->max_timestamp_delta < 0 ? no_offset : log_offset{found->max_timestamp_delta};
        judged = records::check_timestamps(r.info, config_.timestamps, runtime::shard::current().wall());
    }
    if (judged) return true;
    r.batch_fault = judged.error();
    refuse(r, errc::invalid_batch);
    return false;
}

} // namespace millrace::partition
