// A log of a few small segments that lies on a disk, to be damaged and opened again.
// Owner: the test.
// Invariant: `restore` brings back every byte as it was written.
#pragma once

#include "fixture.h"
#include "log/block_sums.h"
#include "runtime/report.h"

#include <map>
#include <string>
#include <vector>

namespace millrace::log::samples {

inline std::string last_report;
inline void keep_report(runtime::severity, std::string_view line) { last_report = std::string{line}; }

struct stored_log {
    fixture f;
    std::map<std::int64_t, std::vector<std::byte>> batches; // by base offset
    std::map<std::string, std::vector<std::byte>> files;
    std::vector<std::int64_t> times; // by offset
    log_offset end{0};

    // Three segments, three epochs, stopped cleanly. `begins_at`: records before it were deleted, their segment is still there.
    explicit stored_log(log_offset begins_at = {0}) {
        runtime::set_report_sink(&keep_report);
        f.config.segment_bytes = 700;
        f.config.index_interval_bytes = 150;
        REQUIRE(f.open());
        f.log->snapshot_source = [](log_offset) { return std::vector<std::byte>(50, std::byte{1}); };
        for (int i = 0; i < 18; ++i) {
            auto& e = f.append(1 + i % 3, 1000 + i, 20, records::codec::none, i / 6);
            batches[e.base_offset.value] = e.bytes;
            for (int r = 0; r < 1 + i % 3; ++r) times.push_back(1000 + i + r);
            f.turns(5);
        }
        REQUIRE(f.flush(f.log->end_offset()));
        REQUIRE(f.log->sizes().segments >= 3);
        if (begins_at > log_offset{0}) REQUIRE(f.await(f.log->delete_records(begins_at)));
        end = f.log->end_offset();
        f.checkpoints.recovery_points = {{{"orders", {0}}, end}};
        f.checkpoints.recovery_topics = {{"orders", f.log->id()}};
        REQUIRE(f.await(f.log->close()));
        f.abandon();
        for (auto& [path, n] : f.disk.files) files[path] = n->now;
    }
    ~stored_log() { runtime::set_report_sink(nullptr); }
    void restore() {
        f.disk.files.clear();
        for (auto& [path, bytes] : files) {
            auto n = std::make_shared<node>();
            n->now = n->durable = bytes;
            f.disk.files[path] = n;
        }
        f.disk.durable_files = f.disk.files;
        f.disk.directories = {"/data", "/data/orders-0"};
        f.commits = std::make_unique<committer>(shard_id{0}, f.disk);
        f.env.commits = f.commits.get();
        last_report.clear();
    }
    std::string segment(int number) {
        for (auto& [path, bytes] : files)
            if (path.ends_with(".log") && number-- == 0) return path;
        REQUIRE(false);
        return {};
    }
    // What readers get, in slices of `bytes_max`; an error ends it. Whether everything is there.
    bool serves_only_what_was_written(std::uint32_t bytes_max) {
        log_offset at = f.log->start_offset();
        while (at < f.log->end_offset()) {
            auto got = f.await(f.log->read(at, bytes_max, log_offset{1'000'000}, true));
            if (!got) return false;
            if (got->length == 0) break;
            auto bytes = f.bytes_of(*got);
            for (std::size_t position = 0; position < bytes.size();) {
                records::batch_view b{bytes_view{bytes}.subspan(position)};
                auto known = batches.find(b.base_offset().value);
                REQUIRE(known != batches.end());
                REQUIRE(b.base_offset() <= at); // nothing is passed over
                bool same = std::equal(b.bytes().begin(), b.bytes().end(), known->second.begin(), known->second.end());
                REQUIRE(same);
                position += b.size_bytes();
                at = b.last_offset() + 1;
            }
        }
        return at == end;
    }
    // What lookups by time say is so, or they say nothing; whether they all spoke.
    bool finds_by_time() {
        bool all = true;
        for (std::int64_t t = 999; t < 1022; ++t) {
            CAPTURE(t);
            auto found = f.await(f.log->offset_for_time({t}, end));
            all = all && found;
            if (!found) continue;
            auto at = static_cast<std::size_t>(f.log->start_offset().value);
            while (at < times.size() && times[at] < t) ++at;
            REQUIRE(found->has_value() == (at < times.size()));
            if (*found) REQUIRE((*found)->offset.value == static_cast<std::int64_t>(at));
        }
        return all;
    }
    void end_process() {
        if (f.log) (void)f.await(f.log->close());
        f.abandon();
    }
};

} // namespace millrace::log::samples
