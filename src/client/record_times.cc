#include "client/record_times.h"

#include "client/reader.h"

namespace millrace::client {

namespace {

constexpr int empty_polls_max = 3; // what is left of a compacted log may end before its end offset

struct first_times final : record_sink {
    partition_times found;
    bool record(const read_record& r) override {
        found.try_emplace(r.partition, r.timestamp);
        return true;
    }
};

} // namespace

runtime::task<result<partition_times>> first_record_times(cluster_link& link, std::string topic, partition_ranges ranges) {
    reader_options options;
    options.max_wait_ms = 50;
    options.partition_bytes_max = 16 << 10; // one record of each is enough; a larger batch comes whole all the same
    options.failures_max = 5;
    partition_reader reader{link, topic, options};
    for (const auto& [partition, range] : ranges)
        if (range.from < range.end) reader.assign(partition, range.from);
    first_times sink;
    for (int empty = 0; reader.assigned() && empty < empty_polls_max;) {
        auto got = co_await reader.poll(sink);
        if (!got) co_return std::unexpected{std::move(got.error())};
        bool progress = false;
        for (const auto& [partition, range] : ranges) {
            if (!reader.has(partition)) continue;
            if (!sink.found.contains(partition) && reader.position(partition) < range.end) continue;
            reader.unassign(partition);
            progress = true;
        }
        empty = progress ? 0 : empty + 1;
    }
    co_return std::move(sink.found);
}

} // namespace millrace::client
