// One node of two shards in a simulated world: handlers are called as a connection calls them, on shard 0.
// Owner: the test.
// Invariant: every answer is encoded in its version before the test sees it, so that no answer can trip the encoder.
#pragma once

#include "log/committer.h"
#include "records/batch_builder.h"
#include "server/api/handlers.h"
#include "server/api/owner_visits.h"
#include "sim/world.h"

#include <doctest/doctest.h>

#include <deque>

namespace millrace::server::test {

using kafka::error_code;
using runtime::task;

// Metadata in memory. Decides as the store does, and opens partitions where they belong; they stay open to the end.
struct memory_changes final : metadata_changes {
    std::vector<shard_context*> shards;
    std::vector<log::environment*> environments;
    cluster::image_ptr image;
    const config::broker_options* options = nullptr;
    std::uint8_t topics_made = 0;
    std::int64_t next_producer = 1000;
    std::optional<cluster::errc> fails_with; // the next change
    bool topic_appears_first = false;        // as if another connection created it a moment earlier

    std::optional<cluster::failure> failure() {
        if (!fails_with) return std::nullopt;
        return cluster::failure{*std::exchange(fails_with, std::nullopt), "made to fail"};
    }
    void publish(cluster::topic t) {
        auto next = std::make_shared<cluster::image>(*image);
        next->put(std::make_shared<const cluster::topic>(std::move(t)));
        show(std::move(next));
    }
    void show(cluster::image_ptr next) {
        image = std::move(next);
        for (auto* s : shards) s->image = image;
    }
    cluster::outcome<cluster::topic_ptr> found(std::string_view name) {
        for (const auto& t : image->topics())
            if (t->name == name) return t;
        return cluster::refuse(cluster::errc::unknown_topic, "");
    }
    task<cluster::outcome<cluster::topic_ptr>> create_topic(cluster::create_topic_request request) override;
    task<cluster::outcome<cluster::topic_ptr>> delete_topic(topic_id id) override {
        if (auto f = failure()) co_return std::unexpected{*f};
        auto gone = cluster::decide_delete_topic(*image, id);
        if (!gone) co_return gone;
        auto next = std::make_shared<cluster::image>(*image);
        next->erase(id);
        show(std::move(next));
        co_return gone;
    }
    task<cluster::outcome<cluster::topic_ptr>> create_partitions(std::string name, std::int32_t new_count) override {
        auto grown = cluster::decide_create_partitions(*image, name, new_count, {});
        if (!grown) co_return std::unexpected{grown.error()};
        publish(std::move(*grown));
        co_return found(name);
    }
    task<cluster::outcome<cluster::topic_ptr>> alter_topic_config(std::string name, config_edit edit) override {
        auto now = found(name);
        if (!now) co_return now;
        auto edited = edit((*now)->overrides);
        if (!edited) co_return std::unexpected{edited.error()};
        auto altered = cluster::decide_alter_topic_config(*image, name, *edited, image->layers_over(options->topic_defaults).merged());
        if (!altered) co_return std::unexpected{altered.error()};
        publish(std::move(*altered));
        co_return found(name);
    }
    task<cluster::outcome<void>> alter_resource(cluster::config_resource of, resource_edit edit) override {
        auto wanted = edit(*image);
        if (!wanted) co_return std::unexpected{wanted.error()};
        auto next = cluster::decide_alter_resource(*image, of, *wanted, {}, options->topic_defaults);
        if (!next) co_return std::unexpected{next.error()};
        show(std::make_shared<cluster::image>(std::move(*next)));
        co_return cluster::outcome<void>{};
    }
    task<log_offset> metadata_end() override { co_return log_offset{77}; }
    task<cluster::outcome<producer_id>> take_producer_id() override {
        if (auto f = failure()) co_return std::unexpected{*f};
        co_return producer_id{next_producer++};
    }
};

inline task<bool> open_partition(shard_context& there, log::environment& env, partition_key key, std::string directory) {
    partition::replica_config config;
    config.timestamps.after_max_ms = 0x7fffffffffffffff;
    auto opened = co_await partition::replica::open(env, directory, key.topic, config, there.epoch, false);
    REQUIRE(opened.has_value());
    hosted_partition hosted;
    hosted.replica = std::move(*opened);
    there.partitions.put(key, std::move(hosted));
    co_return true;
}

inline task<cluster::outcome<cluster::topic_ptr>> memory_changes::create_topic(cluster::create_topic_request request) {
    if (auto f = failure()) co_return std::unexpected{*f};
    request.id.bytes[0] = ++topics_made;
    auto made = cluster::decide_create_topic(*image, request, {}, image->layers_over(options->topic_defaults).merged());
    if (!made) co_return std::unexpected{made.error()};
    auto id = made->id;
    for (std::int32_t i = 0; i < made->partition_count; ++i) {
        partition_key key{id, {i}};
        auto& there = shards[0]->context_of(key);
        auto work = open_partition(there, *environments[there.id.value], key, "/data/" + std::to_string(topics_made) + "-" + std::to_string(i));
        (void)co_await runtime::run_on(there.id, there.visits, std::move(work));
    }
    auto name = made->name;
    publish(std::move(*made));
    if (std::exchange(topic_appears_first, false))
        co_return cluster::refuse(cluster::errc::topic_exists, "Topic '" + name + "' already exists.");
    co_return found(name);
}

struct one_node {
    static constexpr leader_epoch epoch{5};

    sim::world w{1, 2};
    config::broker_options options;
    memory_changes changes;
    log::descriptor_budget descriptors;
    log::reserve_budget reserves;
    std::vector<std::unique_ptr<log::committer>> commits;
    std::vector<std::unique_ptr<log::environment>> environments;
    std::vector<std::unique_ptr<shard_context>> contexts;
    std::vector<shard_context*> shards;
    runtime::endpoint advertised{"10.1.2.3", 9092};

    one_node() {
        auto first = std::make_shared<cluster::image>();
        first->cluster_id = "AAAAAAAAAAAAAAAAAAAAAA";
        changes.image = first;
        changes.options = &options;
        for (std::uint32_t i = 0; i < 2; ++i) {
            commits.push_back(std::make_unique<log::committer>(shard_id{i}, w.disk()));
            environments.push_back(std::make_unique<log::environment>(
                log::environment{w.ports(shard_id{i}), commits[i].get(), &descriptors, &reserves, nullptr}));
            contexts.push_back(std::make_unique<shard_context>(shard_id{i}, options, changes, std::size_t{1} << 27));
            shards.push_back(contexts[i].get());
            changes.environments.push_back(environments[i].get());
        }
        changes.shards = shards;
        for (auto* s : shards) {
            s->shards = shards;
            s->image = first;
            s->epoch = epoch;
        }
        w.run(make_root(w.disk()));
    }
    ~one_node() {
        for (auto* s : shards) w.run(close_all(*s), s->id);
    }
    static task<void> make_root(runtime::disk& d) {
        (void)co_await d.make_directory("/data");
        (void)co_await d.sync_directory("/data");
        (void)co_await d.sync_directory("/");
    }
    static task<void> close_all(shard_context& s) {
        for (auto& [key, hosted] : s.partitions.all())
            if (hosted.replica) (void)co_await hosted.replica->close();
        s.partitions.all().clear();
    }

    // What a client of that version gets for `in`. The answer lives as long as the node.
    template <class Request> auto ask(const Request& in, std::int16_t version) {
        auto& a = asked_.emplace_back(contexts[0]->image);
        call c{*contexts[0], a.image, version, a.arena, advertised, "test"};
        auto out = w.run(answer(in, c));
        const char* unfit = unencodable_field(out, version);
        CAPTURE(unfit);
        REQUIRE(unfit == nullptr);
        std::vector<std::byte> wire(encoded_size(out, version));
        writer to{wire};
        encode(to, out, version);
        CHECK(to.remaining() == 0);
        return out;
    }

    topic_id make_topic(std::string name, std::int32_t partitions = 1, cluster::config_map overrides = {}) {
        cluster::create_topic_request wanted;
        wanted.name = std::move(name);
        wanted.partition_count = partitions;
        wanted.overrides = std::move(overrides);
        auto made = w.run(changes.create_topic(std::move(wanted)));
        REQUIRE(made.has_value());
        return (*made)->id;
    }
    hosted_partition& hosted(const topic_id& topic, std::int32_t partition) {
        partition_key key{topic, {partition}};
        auto* found = contexts[0]->context_of(key).partitions.find(key);
        REQUIRE(found);
        return *found;
    }

    // Appends one acknowledged batch of records with these timestamps.
    void append(const topic_id& topic, std::int32_t partition, std::vector<std::int64_t> timestamps) {
        records::builder_options with;
        records::batch_builder builder{with};
        for (auto t : timestamps) builder.append(timestamp_ms{t}, as_bytes("k"), as_bytes("v"), {});
        records::batch_identity identity;
        auto built = builder.finish(identity);
        struct produced : partition::append_request {
            bool answered = false;
        } request;
        request.records = built;
        request.produce_version = 9;
        request.done = [](partition::append_request& r) noexcept { static_cast<produced&>(r).answered = true; };
        auto owner = contexts[0]->owner_of(topic, {partition});
        w.run(append_to(*hosted(topic, partition).replica, request), owner);
        REQUIRE(w.run_until([&] { return request.answered; }));
        REQUIRE_FALSE(request.error.has_value());
    }
    static task<void> append_to(partition::replica& r, partition::append_request& request) {
        r.append(request);
        co_return;
    }

  private:
    struct asked {
        cluster::image_ptr image;
        kafka::message_arena arena;
        explicit asked(cluster::image_ptr i) : image{std::move(i)} {}
    };
    std::deque<asked> asked_;
};

// Requests are views; these keep what they point at.
template <class T> kafka::array_view<T> list(const std::vector<T>& items) { return {items.data(), items.size()}; }

} // namespace millrace::server::test
