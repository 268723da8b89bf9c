// A whole broker in a simulated world: started, stopped, cut from its power, started again on the same disk.
// Owner: the test.
// Invariant: the world outlives each node; a node that is still running is stopped at the end.
#pragma once

#include "broker/node.h"
#include "sim/world.h"

#include <doctest/doctest.h>

namespace millrace::broker::test {

using kafka::error_code;
using runtime::task;

struct whole_node {
    static constexpr std::uint16_t port = 9092;
    static constexpr std::size_t descriptor_limit = 20'000;

    sim::world w;
    config::broker_options options;
    std::unique_ptr<broker::node> node;

    explicit whole_node(std::uint64_t seed, std::size_t shards = 2) : whole_node{of(seed, shards)} {}
    explicit whole_node(const sim::world_options& world) : w{world} {
        options.listeners = {{"PLAINTEXT", "127.0.0.1", port}};
        options.log_dirs = {"/data"};
        options.auto_create_topics_enable = false;
        options.commit_journal_bytes = 128 << 10; // small, so that its regions come round, and made at once
        options.commit_journal_after = 1;
        options.connection_move_bytes = 20'000; // small, so that connections move in every test that does some work
    }
    ~whole_node() {
        if (node) stop();
    }

    std::expected<void, start_trouble> try_start() {
        node = std::make_unique<broker::node>(options, *w.shard(shard_id{0}).group(), descriptor_limit);
        return w.run(node->start());
    }
    void start() {
        auto up = try_start();
        std::string trouble = up ? "" : up.error().line;
        CAPTURE(trouble);
        REQUIRE(up.has_value());
    }
    static sim::world_options of(std::uint64_t seed, std::size_t shards) {
        sim::world_options out;
        out.seed = seed;
        out.shards = shards;
        return out;
    }
    void stop() {
        w.run(node->stop());
        node.reset();
    }
    // What a power cut is to the process: nothing it does afterwards reaches the disk.
    void crash() {
        if (!w.disk().power_is_cut()) w.disk().cut_power_after(0);
        if (node) stop();
        w.crash();
    }
    // What kill -9 is: the process ends in the middle of things, the page cache stays.
    void kill() {
        if (!w.disk().power_is_cut()) w.disk().cut_power_after(0);
        if (node) stop();
        w.disk().end_process();
    }
    void restart() {
        stop();
        start();
    }

    server::shard_context& context(std::size_t shard) { return node->hosts()[shard]->context(); }
    const cluster::topic* topic(std::string_view name) { return context(0).image->find(name); }
    std::size_t owner(std::string_view name, std::int32_t partition) {
        return context(0).owner_of(topic(name)->id, {partition}).value;
    }
    partition::replica* replica(std::string_view name, std::int32_t partition) {
        auto& there = context(owner(name, partition));
        auto* hosted = there.partitions.find({topic(name)->id, {partition}});
        return hosted ? hosted->replica.get() : nullptr;
    }
    std::size_t connections() {
        std::size_t all = 0;
        for (auto& host : node->hosts()) all += host->front().connections();
        return all;
    }
    std::size_t request_bytes() {
        std::size_t all = 0;
        for (std::size_t i = 0; i < w.shards(); ++i) all += context(i).request_bytes.held();
        return all;
    }
};

} // namespace millrace::broker::test
