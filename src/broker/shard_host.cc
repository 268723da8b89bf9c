#include "broker/shard_host.h"

#include "broker/replica_config.h"
#include "cluster/group_config.h"
#include "config/live.h"
#include "runtime/random.h"
#include "runtime/report.h"

#include <algorithm>

namespace millrace::broker {

using runtime::task;

namespace {

coord::group_settings settings_of(const config::broker_options& o) {
    using runtime::milliseconds;
    coord::group_settings s;
    s.session_timeout_min = milliseconds{o.group_min_session_timeout_ms};
    s.session_timeout_max = milliseconds{o.group_max_session_timeout_ms};
    s.initial_rebalance_delay = milliseconds{o.group_initial_rebalance_delay_ms};
    s.group_size_max = static_cast<std::size_t>(o.group_max_size);
    s.consumer_session_timeout = milliseconds{o.group_consumer_session_timeout_ms};
    s.consumer_heartbeat_interval = milliseconds{o.group_consumer_heartbeat_interval_ms};
    s.consumer_assignment_interval = milliseconds{o.group_consumer_assignment_interval_ms};
    s.consumer_migration = coord::migration_policy_named(o.group_consumer_migration_policy);
    s.consumer_group_size_max = static_cast<std::size_t>(o.group_consumer_max_size);
    s.consumer_assignors = o.group_consumer_assignors;
    s.offset_metadata_bytes_max = static_cast<std::size_t>(o.offset_metadata_max_bytes);
    s.offsets_retention_ms = o.offsets_retention_minutes * 60'000;
    s.offsets_check_interval = milliseconds{o.offsets_retention_check_interval_ms};
    return s;
}

coord::own_group_settings own_settings_of(const cluster::config_map& configs) {
    auto time = [&](std::string_view name) -> std::optional<runtime::milliseconds> {
        auto n = cluster::group_config_number(configs, name);
        return n ? std::optional{runtime::milliseconds{*n}} : std::nullopt;
    };
    coord::own_group_settings out;
    out.consumer_session_timeout = time("consumer.session.timeout.ms");
    out.consumer_heartbeat_interval = time("consumer.heartbeat.interval.ms");
    out.consumer_assignment_interval = time("consumer.assignment.interval.ms");
    return out;
}

} // namespace

shard_host::shard_host(runtime::shard& on, const config::broker_options& options, server::metadata_changes& changes,
                       server::connection_count& total, log_directories& directories, std::size_t closed_segments_max)
    : shard_{on}, started_with_{options}, options_{options}, directories_{directories}, descriptors_{closed_segments_max},
      context_{on.id(), options_, changes, static_cast<std::size_t>(options.queued_max_request_bytes) / on.group()->size()},
      group_settings_{settings_of(options)},
      groups_{group_settings_, [this](partition_index p) { return offsets_replica(p); }, context_.image,
              context_.partitions.changes()},
      front_{context_, total}, keeper_{on, context_.partitions, options_, directories} {
    context_.started_with = &started_with_;
    context_.load = &on.stats();
    context_.groups = &groups_;
    for (std::size_t i = 0; i < directories.size(); ++i) {
        auto env = std::make_unique<log::environment>();
        env->world = on.world();
        env->commits = &directories.at(i).commits;
        env->descriptors = &descriptors_;
        env->reserves = &directories.reserves();
        env->space = &directories.at(i).space;
        env->checkpoints = &directories.at(i).checkpoints;
        environments_.push_back(std::move(env));
    }
}

task<void> shard_host::open_partitions(std::vector<placement> wanted) {
    std::size_t next = 0;
    const std::size_t workers = std::min(wanted.size(), disk_work_in_flight_max);
    runtime::latch done{workers};
    for (std::size_t i = 0; i < workers; ++i) context_.visits.spawn(open_some(wanted, next, done));
    co_await done;
}

task<void> shard_host::open_some(std::vector<placement>& wanted, std::size_t& next, runtime::latch& done) {
    while (next < wanted.size()) {
        auto& mine = wanted[next++];
        co_await open_one(mine);
        directories_.progress().opened(shard_.world().clock->now());
    }
    done.count_down();
}

task<void> shard_host::open_one(const placement& p) {
    auto& directory = directories_.at(p.directory);
    std::string name = p.topic->name + "-" + std::to_string(p.key.partition.value);
    std::string path = directory.path + "/" + name;
    auto config = replica_config_of(*p.topic->config);
    auto& env = *environments_[p.directory];
    if (p.missing) {
        server::hosted_partition nowhere;
        nowhere.directory = p.directory;
        nowhere.topic = p.topic->name;
        context_.partitions.put(p.key, std::move(nowhere));
        co_return;
    }
    auto opened = co_await partition::replica::open(env, path, p.key.topic, config, context_.epoch, directory.clean);
    if (!opened && opened.error() == log::errc::wrong_topic) {
        // Left by a deleted topic of the same name, whose directory a crash kept from being removed.
        std::string aside = path + "." + shard_.world().random->next_uuid().to_string() + "-stray";
        auto renamed = co_await shard_.world().disk->rename(path, aside);
        if (renamed) {
            runtime::report(runtime::severity::warning, "set aside " + aside + ": it belongs to an earlier topic of this name");
            opened = co_await partition::replica::open(env, path, p.key.topic, config, context_.epoch, directory.clean);
        }
    }
    server::hosted_partition hosted;
    hosted.directory = p.directory;
    hosted.topic = p.topic->name;
    if (opened) {
        hosted.replica = std::move(*opened);
    } else {
        runtime::report(runtime::severity::error,
                        "cannot open " + path + " (" + log::name_of(opened.error()) +
                            "): its clients get KAFKA_STORAGE_ERROR; look at the disk and restart");
    }
    context_.partitions.put(p.key, std::move(hosted));
}

void shard_host::take_settings(const cluster::image& from) {
    const cluster::config_map none;
    auto live = started_with_;
    config::set_live(live, from.layers_over(none).merged());
    config::copy_live(options_, live);
    group_settings_.consumer_assignment_interval = runtime::milliseconds{options_.group_consumer_assignment_interval_ms};

    own_group_settings_.clear();
    for (const auto& [of, configs] : from.resources())
        if (of.type == cluster::group_resource) own_group_settings_.emplace(of.name, own_settings_of(configs));
    group_settings_.own = nullptr;
    if (own_group_settings_.empty()) return;
    group_settings_.own = [this](std::string_view group) {
        auto at = own_group_settings_.find(group);
        return at == own_group_settings_.end() ? coord::own_group_settings{} : at->second;
    };
}

task<void> shard_host::adopt(cluster::image_ptr next) {
    auto before = std::exchange(context_.image, next);
    if (!before || &before->resources() != &next->resources()) take_settings(*next);
    std::vector<server::partition_key> gone;
    for (auto& [key, hosted] : context_.partitions.all()) {
        const auto* topic = next->find(key.topic);
        if (!topic) {
            gone.push_back(key);
            continue;
        }
        const auto* old = before ? before->find(key.topic) : nullptr;
        if (hosted.replica && old && old->config != topic->config)
            hosted.replica->set_config(replica_config_of(*topic->config));
    }
    if (const auto* kept = before ? next->find(coord::offsets_topic) : nullptr)
        for (const auto& topic : before->topics())
            if (!next->find(topic->id)) groups_.forget_topic(topic->name, kept->partition_count);
    // All leave the table before the first one's files go, so that none is written to or waited on meanwhile.
    std::vector<server::hosted_partition> leaving;
    for (const auto& key : gone) {
        leaving.push_back(context_.partitions.take(key));
        if (leaving.back().replica) leaving.back().replica->wake_waiters();
    }
    for (std::size_t i = 0; i < leaving.size(); ++i) {
        if (!leaving[i].replica) continue;
        auto removed = co_await leaving[i].replica->remove();
        if (!removed)
            runtime::report(runtime::severity::error, "cannot remove the files of " + leaving[i].topic + "-" +
                                                          std::to_string(gone[i].partition.value) +
                                                          "; they are removed at the next start");
        co_await keeper_.forget(gone[i], leaving[i].directory, leaving[i].topic);
        leaving[i] = {};
    }
}

void shard_host::keep_house() {
    for (auto& [key, hosted] : context_.partitions.all())
        if (hosted.replica) hosted.replica->expire_producers(shard_.wall(), context_.options.producer_id_expiration_ms);
    if (shard_.now() >= offsets_check_due_) {
        offsets_check_due_ = shard_.now() + group_settings_.offsets_check_interval;
        if (const auto* kept = context_.image->find(coord::offsets_topic)) groups_.expire_offsets(kept->partition_count);
    }
    look_again_later();
}

std::shared_ptr<partition::replica> shard_host::offsets_replica(partition_index p) {
    const auto* topic = context_.image ? context_.image->find(coord::offsets_topic) : nullptr;
    auto* hosted = topic ? context_.partitions.find({topic->id, p}) : nullptr;
    return hosted ? hosted->replica : nullptr;
}

task<void> shard_host::close_front() {
    runtime::shard::cancel(housekeeping_);
    co_await front_.close();
    co_await keeper_.stop();
}

task<std::vector<flushed_point>> shard_host::flushed_points() {
    std::vector<flushed_point> out;
    std::vector<std::shared_ptr<partition::replica>> all; // a topic may go while one of them saves its index
    for (auto& [key, hosted] : context_.partitions.all()) {
        flushed_point p;
        p.directory = hosted.directory;
        p.name = {hosted.topic, key.partition};
        p.topic = key.topic;
        p.open = hosted.replica && !hosted.replica->log().offline();
        if (p.open) {
            p.recovery_point = hosted.replica->log().flushed_offset();
            p.start_offset = hosted.replica->log_start_offset();
            all.push_back(hosted.replica);
        }
        out.push_back(std::move(p));
    }
    for (auto& r : all) co_await r->log().save_active_index();
    co_return out;
}

task<closed_partitions> shard_host::close_partitions() {
    co_await context_.visits.drain();
    co_await groups_.close();
    closed_partitions out;
    std::vector<std::pair<server::partition_key, server::hosted_partition*>> all;
    for (auto& [key, hosted] : context_.partitions.all()) all.emplace_back(key, &hosted);
    std::size_t next = 0;
    const std::size_t workers = std::min(all.size(), disk_work_in_flight_max);
    runtime::latch done{workers};
    for (std::size_t i = 0; i < workers; ++i) stopping_.spawn(close_some(all, next, out, done));
    co_await done;
    context_.partitions.all().clear();
    co_return out;
}

task<void> shard_host::close_some(std::vector<std::pair<server::partition_key, server::hosted_partition*>>& all,
                                  std::size_t& next, closed_partitions& out, runtime::latch& done) {
    while (next < all.size()) {
        auto& [key, at] = all[next++];
        auto& hosted = *at;
        auto closed = log::result<void>{log::storage_failed()};
        if (hosted.replica) closed = co_await hosted.replica->close();
        if (!closed) { // recovered at the next start
            out.unclean_directories.push_back(hosted.directory);
            continue;
        }
        out.closed.push_back({hosted.directory, {hosted.topic, key.partition}, key.topic,
                              hosted.replica->log_end_offset(), hosted.replica->log_start_offset()});
    }
    done.count_down();
}

} // namespace millrace::broker
