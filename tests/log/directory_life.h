// One life of a log directory with several partitions and a commit journal: from a start to a stop, a kill or a power cut.
// Owner: the test; the world and its disk outlive it.
// Invariant: what `commit` says is acknowledged was flushed, one way or the other; `records` is what a reader finds.
#pragma once

#include "awaited.h"
#include "log/committer.h"
#include "log/directory_checkpoints.h"
#include "log/partition_log.h"
#include "records/batch_builder.h"
#include "runtime/latch.h"
#include "sim/world.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

namespace millrace::log::samples {

struct life_options {
    int partitions = 3;
    std::uint64_t journal_bytes = 64 << 10;
    std::uint64_t journal_after = 1;
    std::uint8_t topic = 7;
    std::int32_t segment_bytes = 1 << 20;
};

// Partition and value size of each record to be appended, all at once.
struct wanted_record {
    int partition = 0;
    std::size_t value_bytes = 100;
};

class directory_life {
  public:
    static constexpr const char* root = "/data";

    directory_life(sim::world& in, const life_options& with)
        : w{in}, options{with}, commits{shard_id{0}, in.disk(), journal_setup{root, with.journal_bytes, with.journal_after}},
          env_{in.ports(shard_id{0}), &commits, &descriptors_, &reserves_, &checkpoints_} {
        id_.bytes[3] = with.topic;
    }
    ~directory_life() { end(); }

    result<void> start() {
        auto up = w.run(start_all(*this));
        if (!up) return up;
        return {};
    }
    // As a broker stops. False: the next start will not find the mark of a clean stop.
    bool stop() {
        std::map<int, log_offset> ends;
        bool clean = logs.size() == static_cast<std::size_t>(options.partitions) && !commits.offline();
        for (auto& [p, log] : logs) {
            clean = w.run(log->close()).has_value() && clean;
            ends[p] = log->end_offset();
        }
        logs.clear();
        clean = w.run(commits.close()).has_value() && clean;
        closed_ = true;
        if (!clean) return false;
        checkpoints_.recovery_points.clear();
        checkpoints_.recovery_topics = {{"orders", id_}};
        for (auto& [p, end] : ends) checkpoints_.recovery_points[{"orders", {p}}] = end;
        return w.run(checkpoints_.save(w.disk(), root)).has_value();
    }
    // As a process ends that is killed: nothing more reaches the disk, everything that waits is answered.
    void kill() {
        if (!w.disk().power_is_cut()) w.disk().cut_power_after(0);
        end();
        w.disk().end_process();
    }
    void cut_power(bool harshest = true) {
        if (!w.disk().power_is_cut()) w.disk().cut_power_after(0);
        end();
        if (harshest) w.drop_unsynced();
        else w.crash();
    }

    // Appends and flushes all of them, side by side; how many were acknowledged.
    std::size_t commit(const std::vector<wanted_record>& wanted) { return w.run(commit_all(*this, wanted)); }
    // One small record to each partition, again and again.
    std::size_t commit_each(int times, std::size_t value_bytes = 100) {
        std::vector<wanted_record> all;
        for (int p = 0; p < options.partitions; ++p) all.push_back({p, value_bytes});
        std::size_t done = 0;
        for (int i = 0; i < times; ++i) done += commit(all);
        return done;
    }

    // By partition and offset; the value is the record's time, which no two records share.
    using found = std::map<std::pair<int, std::int64_t>, std::int64_t>;
    found records() {
        found out;
        for (auto& [p, log] : logs) {
            auto replayed = w.run(log->replay(log->start_offset(), [&out, p = p](records::batch_view b) {
                out[{p, b.base_offset().value}] = b.max_timestamp().value;
            }));
            bool read = replayed.has_value() || w.disk().power_is_cut();
            REQUIRE(read);
        }
        return out;
    }

    runtime::counters& stats() { return w.shard(shard_id{0}).stats(); }

    sim::world& w;
    life_options options;
    committer commits;
    std::map<int, std::unique_ptr<partition_log>> logs;
    journal_replay replayed;
    found acknowledged; // of this life

    static std::int64_t& last_mark() {
        static std::int64_t mark = 0;
        return mark;
    }

  private:
    static runtime::task<result<void>> start_all(directory_life& l) {
        auto& disk = l.w.disk();
        auto made = co_await disk.make_directory(root);
        if (!made && made.error() != runtime::errc::exists) co_return storage_failed();
        auto parent = co_await disk.sync_directory("/");
        if (!parent) co_return storage_failed();
        auto clean = co_await l.checkpoints_.load(disk, root);
        if (!clean) co_return std::unexpected{clean.error()};
        auto back = co_await l.commits.recover_journal();
        if (!back) co_return std::unexpected{back.error()};
        l.replayed = *back;
        log_config config;
        config.segment_bytes = l.options.segment_bytes;
        for (int p = 0; p < l.options.partitions; ++p) {
            auto opened = co_await partition_log::open(l.env_, std::string{root} + "/orders-" + std::to_string(p), l.id_, config, *clean);
            if (!opened) co_return std::unexpected{opened.error()};
            l.logs[p] = std::move(*opened);
        }
        co_return result<void>{};
    }
    static runtime::task<void> commit_one(directory_life& l, wanted_record wanted, std::size_t& acknowledged, runtime::latch& done) {
        auto* log = l.logs.at(wanted.partition).get();
        records::batch_builder builder{records::builder_options{}};
        std::string value(wanted.value_bytes, 'v');
        const std::int64_t mark = ++last_mark();
        builder.append({mark}, std::nullopt, as_bytes(value));
        records::batch_identity identity;
        identity.base_offset = log->end_offset();
        identity.partition_leader_epoch = {0};
        auto made = builder.finish(identity);
        std::vector<std::byte> bytes{made.begin(), made.end()};
        writing write;
        write.log = log;
        write.batch = bytes;
        write.base_offset = write.last_offset = write.max_timestamp_offset = identity.base_offset;
        write.max_timestamp = {mark};
        write.epoch = {0};
        bool ok = co_await write;
        if (ok) {
            flushing flush;
            flush.log = log;
            flush.up_to = identity.base_offset + 1;
            ok = co_await flush;
        }
        if (ok) {
            l.acknowledged[{wanted.partition, identity.base_offset.value}] = mark;
            ++acknowledged;
        }
        done.count_down();
    }
    static runtime::task<std::size_t> commit_all(directory_life& l, std::vector<wanted_record> wanted) {
        std::size_t acknowledged = 0;
        runtime::latch done{wanted.size()};
        runtime::scope scope;
        for (const auto& each : wanted) scope.spawn(commit_one(l, each, acknowledged, done));
        co_await done;
        co_await scope.drain();
        co_return acknowledged;
    }
    void end() {
        for (auto& [p, log] : logs) (void)w.run(log->close());
        logs.clear();
        if (!closed_) (void)w.run(commits.close());
        closed_ = true;
    }

    descriptor_budget descriptors_{64};
    reserve_budget reserves_;
    directory_checkpoints checkpoints_;
    environment env_;
    topic_id id_;
    bool closed_ = false;
};

// All that `expected` holds is in `there`, as it was.
inline std::size_t missing(const directory_life::found& expected, const directory_life::found& there) {
    std::size_t out = 0;
    for (const auto& [at, mark] : expected) {
        auto found = there.find(at);
        out += found == there.end() || found->second != mark;
    }
    return out;
}

} // namespace millrace::log::samples
