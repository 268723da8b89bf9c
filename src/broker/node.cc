#include "broker/node.h"

#include "broker/adoption.h"

#include "runtime/report.h"
#include "runtime/clock.h"
#include "runtime/run_on.h"

#include <algorithm>

namespace millrace::broker {

using runtime::task;
using started = std::expected<void, start_trouble>;

namespace {

std::unexpected<start_trouble> trouble(std::string line) { return std::unexpected{start_trouble{std::move(line)}}; }

struct listen_outcome {
    std::optional<runtime::errc> failed;
    std::string address;
};

task<listen_outcome> open_doors(shard_host& host) {
    listen_outcome out;
    host.start_housekeeping();
    auto listening = host.front().listen(out.address);
    if (!listening) out.failed = listening.error();
    co_return out;
}

std::string listen_line(const listen_outcome& o) {
    switch (*o.failed) {
    case runtime::errc::address_in_use:
        return "cannot listen on " + o.address + ": another process uses the port; stop it, or set listeners to a free port";
    case runtime::errc::denied:
        return "cannot listen on " + o.address + ": not permitted; ports below 1024 need CAP_NET_BIND_SERVICE";
    case runtime::errc::address_invalid:
        return "cannot listen on " + o.address + ": no interface of this machine has the address; correct listeners";
    default:
        return "cannot listen on " + o.address + ": " + runtime::describe(*o.failed) + "; correct listeners";
    }
}

} // namespace

node::node(const config::broker_options& options, runtime::shard_group& shards, std::size_t descriptor_limit,
           const std::map<std::string, config::origin_value>* option_values)
    : options_{options}, shards_{shards}, option_values_{option_values},
      descriptors_{plan_descriptors(descriptor_limit, shards.size())} {}

node::~node() = default;

namespace {

// Names among `given`, by their broker names, that nothing acts on in this release.
std::string in_vain(const std::map<std::string, std::string, std::less<>>& given) {
    std::string out;
    for (const auto& key : cluster::topic_config_keys()) {
        if (key.has_effect) continue;
        for (const auto& synonym : key.synonyms)
            if (!synonym.name.empty() && given.contains(synonym.name))
                out += (out.empty() ? "" : ", ") + std::string{synonym.name};
    }
    return out;
}

} // namespace

task<started> node::start() {
    if (auto names = in_vain(options_.topic_defaults); !names.empty())
        runtime::report(runtime::severity::warning,
                        names + ": accepted, but nothing acts on it in this release");
    if (descriptors_.partitions_max == 0)
        co_return trouble("the limit of " + std::to_string(descriptors_.limit) +
                          " open files leaves room for no partition: raise it (ulimit -n, LimitNOFILE=), or open.files.max");
    auto& home = runtime::shard::current();
    auto& disk = *home.world().disk;

    directories_ = std::make_unique<log_directories>(options_, shards_.size(), disk);
    watch_ = std::make_unique<disk_watch>(*directories_, disk, static_cast<std::uint64_t>(options_.disk_reserve_bytes));
    co_await watch_->make_room(); // for what the start itself writes

    cluster::store_options with;
    with.directory = options_.log_dirs.front();
    with.node_id = broker_id{options_.node_id};
    with.cluster_id = options_.cluster_id;
    with.broker_values = options_.topic_defaults;
    with.adopt = options_.log_dirs_adopt;
    with.limits.partitions_max = std::min(with.limits.partitions_max, descriptors_.partitions_max);
    auto opened = co_await cluster::store::open(disk, *home.world().random, std::move(with));
    if (!opened) co_return trouble(opened.error().message);
    store_ = std::move(*opened);
    leader_epoch adopted = no_epoch;
    if (options_.log_dirs_adopt) {
        auto found = co_await find_topics_to_adopt(disk, options_.log_dirs, *store_->current());
        for (auto& topic : found.topics) {
            auto made = co_await store_->create_topic(std::move(topic));
            if (!made) co_return trouble(made.error().message);
        }
        adopted = found.newest;
        runtime::report(runtime::severity::notice,
                        "adopted " + std::to_string(found.topics.size()) + " topics with " + std::to_string(found.partitions) +
                            " partitions; nothing of them is removed by age or size until retention.ms or retention.bytes is set");
    }
    auto epoch = co_await store_->take_leader_epoch(adopted);
    if (!epoch) co_return trouble(epoch.error().message);
    epoch_ = *epoch;

    auto images = store_->current();
    auto found = co_await directories_->open(*images);
    if (!found)
        co_return trouble("cannot read the log directories (" + std::string{log::name_of(found.error())} +
                          "): check that each of log.dirs exists, is writable and its disk is healthy");

    changes_ = std::make_unique<topic_changes>(*store_, *directories_, hosts_, connections_, descriptors_);
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        auto& on = shards_.at(shard_id{static_cast<std::uint32_t>(i)});
        hosts_.push_back(std::make_unique<shard_host>(on, options_, *changes_, connections_, *directories_,
                                                      descriptors_.closed_segments_per_shard));
        contexts_.push_back(&hosts_.back()->context());
    }
    for (auto& host : hosts_) {
        host->context().shards = contexts_;
        host->context().epoch = epoch_;
        host->context().option_values = option_values_;
    }
    directories_->progress().status = on_progress;
    directories_->progress().begin(images->partition_total(), home.world().clock->now());
    co_await changes_->distribute();
    directories_->progress().end(home.world().clock->now());
    watch_->start();
    points_ = std::make_unique<point_keeper>(*directories_, hosts_, disk, runtime::milliseconds{options_.log_flush_offset_checkpoint_interval_ms});
    points_->start();

    serving_ = true;
    for (auto& host : hosts_) {
        auto work = open_doors(*host);
        auto listening = co_await runtime::run_on(host->shard().id(), host->context().visits, std::move(work));
        if (listening.failed) co_return trouble(listen_line(listening));
    }
    addresses_ = hosts_.front()->front().addresses();
    co_return started{};
}

namespace {

task<void> stop_groups(shard_host& host) {
    host.stop_groups();
    co_return;
}

} // namespace

task<void> node::stop() {
    for (auto& host : hosts_) {
        auto work = stop_groups(*host);
        co_await runtime::run_on(host->shard().id(), host->stopping(), std::move(work));
    }
    for (auto& host : hosts_) {
        auto work = host->close_front();
        co_await runtime::run_on(host->shard().id(), host->stopping(), std::move(work));
    }
    if (changes_) co_await changes_->scope().drain();
    if (points_) co_await points_->stop();
    if (watch_) co_await watch_->stop();
    std::vector<bool> clean(directories_ ? directories_->size() : 0, serving_);
    for (std::size_t i = 0; i < clean.size(); ++i) {
        directories_->at(i).checkpoints.recovery_points.clear();
        directories_->at(i).checkpoints.start_offsets.clear();
        directories_->at(i).checkpoints.recovery_topics.clear();
    }
    for (auto& host : hosts_) {
        auto work = host->close_partitions();
        auto ended = co_await runtime::run_on(host->shard().id(), host->stopping(), std::move(work));
        for (auto directory : ended.unclean_directories) clean[directory] = false;
        for (auto& p : ended.closed) {
            auto& checkpoints = directories_->at(p.directory).checkpoints;
            checkpoints.recovery_points[p.name] = p.recovery_point;
            checkpoints.recovery_topics[p.name.topic] = p.topic;
            checkpoints.start_offsets[p.name] = p.start_offset;
        }
    }
    if (store_) co_await store_->close();
    for (std::size_t i = 0; i < clean.size(); ++i) {
        if (hosts_.empty()) break; // nothing was opened
        auto& commits = directories_->at(i).commits;
        auto work = commits.close(); // the mark of a clean stop says that the segments hold everything
        auto settled = co_await runtime::run_on(commits.home(), hosts_[commits.home().value]->stopping(), std::move(work));
        if (!settled || !clean[i] || commits.offline()) continue;
        auto saved = co_await directories_->save(i);
        if (!saved)
            runtime::report(runtime::severity::warning, "cannot write the checkpoints of " + directories_->at(i).path +
                                                            "; the next start scans the ends of its logs");
    }
}

std::vector<std::string> node::summary() const {
    std::vector<std::string> out;
    switch (options_.durability) {
    case config::durability::acks:
        out.push_back("durability: acks=all is answered after a flush to the device and survives a power cut; acks=1 is in "
                      "the page cache and survives the end of this process (millrace.durability=acks)");
        break;
    case config::durability::flush:
        out.push_back("durability: nothing is answered or shown to readers before it is flushed (millrace.durability=flush)");
        break;
    case config::durability::cache:
        out.push_back("durability: nothing waits for a flush; a power cut can take what was acknowledged "
                      "(millrace.durability=cache)");
        break;
    }
    if (options_.commit_journal_bytes > 0)
        out.push_back("commits: up to 64 KiB per segment go into commit.journal in the data directory, all in one flushed write, and more by "
                      "a flush of each segment (commit.journal.bytes=" + std::to_string(options_.commit_journal_bytes) + ")");
    else
        out.push_back("commits: each segment is flushed by itself (commit.journal.bytes=0)");
    out.push_back(descriptors_.line());
    std::string where;
    for (const auto& a : addresses_) {
        const bool v6 = a.host.find(':') != std::string::npos;
        where += (where.empty() ? "" : ", ") + (v6 ? "[" + a.host + "]" : a.host) + ":" + std::to_string(a.port);
    }
    auto image = store_->current();
    out.push_back("ready on " + where + ": node " + std::to_string(options_.node_id) + " of cluster " + image->cluster_id +
                  ", " + std::to_string(hosts_.size()) + (hosts_.size() == 1 ? " shard, " : " shards, ") +
                  std::to_string(image->topics().size()) + " topics with " + std::to_string(image->partition_total()) +
                  " partitions, epoch " + std::to_string(epoch_.value));
    return out;
}

} // namespace millrace::broker
