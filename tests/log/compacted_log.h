// A compacted partition on the simulated disk, in one process of a broker after the other.
// Owner: the test.
// Invariant: what `append` has returned from is flushed.
#pragma once

#include "awaited.h"
#include "keyed.h"
#include "log/committer.h"
#include "log/compaction.h"
#include "log/directory_checkpoints.h"
#include "sim/world.h"

#include <map>

namespace millrace::log::samples {

inline const std::string root = "/data", home = "/data/orders-0";
inline constexpr log_offset no_limit{1'000'000'000};

// One process of a broker, as far as one compacted partition goes.
struct process {
    sim::world& w;
    std::unique_ptr<committer> commits;
    descriptor_budget descriptors{2};
    reserve_budget reserves;
    directory_checkpoints checkpoints;
    environment env;
    topic_id id;
    log_config config;
    std::unique_ptr<partition_log> log;
    runtime::turnstile start_changes;
    bool stop = false;

    explicit process(sim::world& in, std::uint64_t journal_bytes = 0)
        : w{in}, commits{std::make_unique<committer>(shard_id{0}, in.disk(), journal_setup{root, journal_bytes, 1})},
          env{in.ports(shard_id{0}), commits.get(), &descriptors, &reserves, &checkpoints} {
        id.bytes[3] = 7;
        config.segment_bytes = 1500;
        config.cleanup_compact = true;
        config.cleanup_delete = false;
        config.file_delete_delay_ms = 0;
    }
    ~process() {
        if (log) (void)w.run(log->close());
        (void)w.run(commits->close());
    }
    result<void> start(bool clean = false) {
        struct flow {
            static runtime::task<result<std::unique_ptr<partition_log>>> open(process& p, bool clean) {
                auto& disk = *p.env.world.disk;
                auto made = co_await disk.make_directory(root);
                if (made) {
                    auto parent = co_await disk.sync_directory("/");
                    if (!parent) co_return storage_failed();
                }
                auto back = co_await p.commits->recover_journal();
                if (!back) co_return std::unexpected{back.error()};
                co_return co_await partition_log::open(p.env, home, p.id, p.config, clean);
            }
        };
        auto opened = w.run(flow::open(*this, clean));
        if (!opened) return std::unexpected{opened.error()};
        log = std::move(*opened);
        return log->assign_epoch({0}, log->end_offset());
    }
    void append(keyed_batch how, const std::vector<keyed>& records) {
        struct flow {
            static runtime::task<bool> both(partition_log* log, std::vector<std::byte> bytes, std::int64_t records) {
                records::batch_view batch{bytes};
                writing w;
                w.log = log;
                w.batch = bytes;
                w.base_offset = batch.base_offset();
                w.last_offset = w.max_timestamp_offset = w.base_offset + (records - 1);
                w.max_timestamp = batch.max_timestamp();
                w.epoch = {0};
                bool written = co_await w;
                if (!written) co_return false;
                flushing f;
                f.log = log;
                f.up_to = w.last_offset + 1;
                bool flushed = co_await f;
                co_return flushed;
            }
        };
        how.base = log->end_offset().value;
        how.identity.partition_leader_epoch = {0};
        REQUIRE(w.run(flow::both(log.get(), make_keyed(how, records), static_cast<std::int64_t>(records.size()))));
    }
    result<compaction_outcome> compact(log_offset compacted_to = {0}, std::size_t map_bytes = 1 << 20, io_pace* pace = nullptr) {
        compaction_request request;
        request.compacted_to = compacted_to;
        request.limit = no_limit;
        request.now = {1'000'000};
        request.map_bytes_max = map_bytes;
        request.start_changes = &start_changes;
        request.stops = {&stop, nullptr};
        request.pace = pace;
        compaction round{*log, request};
        return w.run(round.run());
    }
    std::map<std::int64_t, keyed> records() {
        std::map<std::int64_t, keyed> out;
        log_offset last = no_offset;
        auto done = w.run(log->replay(log->start_offset(), [&](records::batch_view b) {
            CHECK(b.base_offset() > last);
            last = b.last_offset();
            for (auto& r : records_in(b)) out[r.offset] = r;
        }));
        REQUIRE(done);
        return out;
    }
    log_offset active_base() {
        log_offset base{0};
        auto listed = w.run(w.disk().list(home));
        for (auto& e : *listed)
            if (e.name.ends_with(".log")) base = {std::stoll(e.name)};
        return base;
    }
    int files_like(std::string_view part) {
        int n = 0;
        auto listed = w.run(w.disk().list(home));
        for (auto& e : *listed) n += e.name.find(part) != std::string::npos;
        return n;
    }
};

// Ten keys, again and again; each in batches of one to three, some compressed.
inline std::map<std::int64_t, keyed> fill(process& p, int batches, std::uint64_t seed = 1) {
    std::map<std::int64_t, keyed> all;
    std::uint64_t x = seed * 2654435761u + 1;
    auto next = [&] { return x = x * 6364136223846793005ull + 1442695040888963407ull, x >> 33; };
    for (int i = 0; i < batches; ++i) {
        std::vector<keyed> records;
        keyed_batch how;
        how.codec = static_cast<records::codec>(next() % 5);
        auto base = p.log->end_offset().value;
        for (std::uint64_t k = 0, n = 1 + next() % 3; k < n; ++k) {
            keyed r{"key" + std::to_string(next() % 10), std::string(60 + next() % 60, static_cast<char>('a' + next() % 26)),
                    base + static_cast<std::int64_t>(k), 1000 + i, ""};
            all[r.offset] = r;
            records.push_back(r);
        }
        p.append(how, records);
    }
    return all;
}

// What is left of `all` when its part below `end` is compacted.
inline std::map<std::int64_t, keyed> compacted(std::map<std::int64_t, keyed> all, log_offset end) {
    std::map<std::string, std::int64_t> newest;
    for (auto& [offset, r] : all)
        if (offset < end.value) newest[*r.key] = offset;
    std::erase_if(all, [&](auto& e) { return e.first < end.value && newest[*e.second.key] != e.first; });
    return all;
}

// Each key's newest value is there, and each record is one that was written there.
inline void check_whole(const std::map<std::int64_t, keyed>& found, const std::map<std::int64_t, keyed>& all) {
    std::map<std::string, std::int64_t> newest;
    for (auto& [offset, r] : all) newest[*r.key] = offset;
    for (auto& [key, offset] : newest) {
        CAPTURE(key);
        REQUIRE(found.contains(offset));
    }
    for (auto& [offset, r] : found) {
        CAPTURE(offset);
        REQUIRE(all.contains(offset));
        CHECK(r == all.at(offset));
    }
}

} // namespace millrace::log::samples
