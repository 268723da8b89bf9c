// One shard, one memory disk, one log.
// Owner: the test.
// Invariant: `await` turns the shard until the task has ended, a thousand turns at most.
#pragma once

#include "log/directory_checkpoints.h"
#include "log/partition_log.h"
#include "memory_disk.h"
#include "records/batch_builder.h"

#include <doctest/doctest.h>

#include <deque>

namespace millrace::log::samples {

struct manual_clock final : runtime::clock {
    runtime::mono_time at{};
    timestamp_ms wall_at{0};
    runtime::mono_time now() override { return at; }
    timestamp_ms wall() override { return wall_at; }
};
struct idle_driver final : runtime::driver {
    void wait(runtime::mono_time) override {}
    void ring_doorbell() noexcept override {}
};

inline std::vector<std::byte> make_batch(std::int64_t base, int records, std::int64_t time, std::size_t value_bytes = 20,
                                         records::codec codec = records::codec::none, std::int32_t epoch = 0) {
    records::builder_options options;
    options.codec = codec;
    records::batch_builder builder{options};
    std::string value(value_bytes, 'v');
    for (int i = 0; i < records; ++i) builder.append({time + i}, std::nullopt, as_bytes(value));
    records::batch_identity identity;
    identity.base_offset = {base};
    identity.partition_leader_epoch = {epoch};
    auto made = builder.finish(identity);
    return {made.begin(), made.end()};
}

struct owned_entry : append_entry {
    std::vector<std::byte> bytes;
    bool answered = false;
};
struct owned_waiter : flush_waiter {
    bool answered = false;
};

struct fixture {
    memory_disk disk;
    manual_clock time;
    idle_driver feed;
    runtime::ports world{&time, nullptr, &disk, nullptr, nullptr};
    runtime::turn_limits limits;
    runtime::shard shard{shard_id{0}, world, feed, limits};
    std::unique_ptr<committer> commits = std::make_unique<committer>(shard_id{0}, disk);
    descriptor_budget descriptors{2};
    reserve_budget reserves;
    directory_checkpoints checkpoints;
    environment env{world, commits.get(), &descriptors, &reserves, &checkpoints};
    log_config config;
    std::unique_ptr<partition_log> log;
    std::deque<owned_entry> entries;
    runtime::scope scope;

    template <class T> static runtime::task<void> into(runtime::task<T> work, std::optional<T>& out) {
        out.emplace(co_await work);
    }
    template <class T> T await(runtime::task<T> work) {
        std::optional<T> out;
        {
            runtime::current_shard mark{shard};
            scope.spawn(into(std::move(work), out));
        }
        for (int i = 0; i < 1000 && !out; ++i) shard.turn();
        REQUIRE(out);
        return std::move(*out);
    }
    result<void> open(bool clean = false) {
        uuid id;
        id.bytes[3] = 7;
        auto opened = await(partition_log::open(env, "/data/orders-0", id, config, clean));
        if (!opened) return std::unexpected{opened.error()};
        log = std::move(*opened);
        return {};
    }
    owned_entry& append(int records, std::int64_t time_ms = 1000, std::size_t value_bytes = 20,
                        records::codec codec = records::codec::none, std::int32_t epoch = 0) {
        auto& e = entries.emplace_back();
        e.bytes = make_batch(log->end_offset().value, records, time_ms, value_bytes, codec, epoch);
        e.batch = e.bytes;
        e.base_offset = log->end_offset();
        e.last_offset = e.base_offset + (records - 1);
        e.max_timestamp = {time_ms + records - 1};
        e.max_timestamp_offset = e.last_offset;
        e.epoch = {epoch};
        e.done = [](runtime::completion& c) noexcept { static_cast<owned_entry&>(static_cast<append_entry&>(c)).answered = true; };
        runtime::current_shard mark{shard};
        log->append(e);
        return e;
    }
    void turns(int n = 20) {
        for (int i = 0; i < n; ++i) shard.turn();
    }
    bool flush(log_offset up_to) {
        owned_waiter w;
        w.up_to = up_to;
        w.done = [](runtime::completion& c) noexcept { static_cast<owned_waiter&>(static_cast<flush_waiter&>(c)).answered = true; };
        {
            runtime::current_shard mark{shard};
            log->request_flush(w);
        }
        for (int i = 0; i < 100 && !w.answered; ++i) shard.turn();
        REQUIRE(w.answered);
        return w.res >= 0;
    }
    // As if the process were gone: nothing is written any more.
    void abandon() {
        turns();
        log.reset();
        entries.clear();
    }
    std::vector<std::byte> bytes_of(const slice& s) {
        std::vector<std::byte> out(s.length);
        runtime::file_op op;
        if (s.length) s.file->read(op, s.position, out);
        return out;
    }
};

} // namespace millrace::log::samples
