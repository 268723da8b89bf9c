// The store at start: from the format file and the log of changes to the image.
#include "cluster/change.h"
#include "cluster/data_directory.h"
#include "cluster/store.h"

namespace millrace::cluster {

namespace {

outcome<topic> topic_of(const topic_created& c, const config_map& broker_values) {
    auto config = make_topic_config(broker_values, c.overrides);
    if (!config) return refuse(config.error().code, "topic " + c.name + ": " + config.error().message);
    return topic{c.name, c.id, c.partition_count, c.overrides, std::make_shared<const topic_config>(std::move(*config)),
                 c.internal};
}

struct counters {
    std::int64_t changes = 0;
    std::int32_t last_epoch = -1;
    std::int64_t producer_ids_reserved = 0;
};

// The only way from the log to the state, at start.
outcome<void> apply(image& state, counters& counted, change& c, const config_map& given) {
    auto broker_values = [&] { return state.layers_over(given).merged(); };
    auto missing = [] { return refuse(errc::corrupt, "the metadata log changes a topic that it did not create"); };
    ++counted.changes;
    if (auto* made = std::get_if<topic_created>(&c)) {
        if (state.find(made->name) || state.find(made->id))
            return refuse(errc::corrupt, "the metadata log creates topic " + made->name + " twice");
        auto t = topic_of(*made, broker_values());
        if (!t) return std::unexpected{t.error()};
        state.put(std::make_shared<const topic>(std::move(*t)));
    } else if (auto* gone = std::get_if<topic_deleted>(&c)) {
        if (!state.find(gone->id)) return missing();
        state.erase(gone->id);
    } else if (auto* grown = std::get_if<partitions_added>(&c)) {
        const topic* before = state.find(grown->id);
        if (!before) return missing();
        topic after = *before;
        after.partition_count = grown->partition_count;
        state.put(std::make_shared<const topic>(std::move(after)));
    } else if (auto* altered = std::get_if<topic_config_altered>(&c)) {
        const topic* before = state.find(altered->id);
        if (!before) return missing();
        auto as_new = created_from(*before);
        as_new.overrides = std::move(altered->overrides);
        auto after = topic_of(as_new, broker_values());
        if (!after) return std::unexpected{after.error()};
        state.put(std::make_shared<const topic>(std::move(*after)));
    } else if (auto* epoch = std::get_if<leader_epoch_taken>(&c)) {
        counted.last_epoch = epoch->epoch;
    } else if (auto* ids = std::get_if<producer_ids_reserved>(&c)) {
        counted.producer_ids_reserved = ids->below;
    } else if (auto* all = std::get_if<changes_made>(&c)) {
        counted.changes = all->count;
    } else if (auto* set = std::get_if<configs_altered>(&c)) {
        for (auto& one : set->changes) {
            auto configs = state.configs_of(one.of);
            if (one.value)
                configs.insert_or_assign(one.name, std::move(*one.value));
            else
                configs.erase(one.name);
            state.set_configs(one.of, std::move(configs));
        }
    }
    return {};
}

} // namespace

runtime::task<outcome<void>> store::load() {
    auto was_there = co_await load_format();
    if (!was_there) co_return std::unexpected{was_there.error()};
    co_return co_await load_changes(*was_there);
}

// True: it is an earlier start that formatted the directory.
runtime::task<outcome<bool>> store::load_format() {
    auto found = co_await identify_directory(disk_, options_.directory, options_.adopt);
    if (!found) co_return std::unexpected{found.error()};
    identity who{options_.cluster_id, options_.node_id};
    if (*found) {
        const identity& there = **found;
        if (there.node_id != who.node_id)
            co_return refuse(errc::wrong_identity, options_.directory + " belongs to node.id " +
                                                       std::to_string(there.node_id.value) + ", this is node.id " +
                                                       std::to_string(who.node_id.value));
        if (!who.cluster_id.empty() && there.cluster_id != who.cluster_id)
            co_return refuse(errc::wrong_identity, options_.directory + " belongs to cluster " + there.cluster_id +
                                                       ", the options say " + who.cluster_id);
        who = there;
    } else {
        if (who.cluster_id.empty() && options_.adopt) who.cluster_id = co_await kafka_cluster_id(disk_, options_.directory);
        if (who.cluster_id.empty()) who.cluster_id = random_.next_uuid().to_string();
        if (!uuid::parse(who.cluster_id))
            co_return refuse(errc::invalid_config, "cluster.id must be 22 characters of base64url: " + who.cluster_id);
        auto made = co_await format_directory(disk_, options_.directory, who);
        if (!made) co_return std::unexpected{made.error()};
    }
    auto first = std::make_shared<image>();
    first->cluster_id = who.cluster_id;
    first->node_id = who.node_id;
    image_ = first;
    co_return found->has_value();
}

runtime::task<outcome<void>> store::load_changes(bool was_there) {
    std::string path = metadata_directory() + "/" + changes_file_name;
    // A power cut may bring the mark back, because its removal is not flushed; but then there is no page cache to mistrust.
    auto unmarked = co_await disk_.remove(metadata_directory() + "/" + closed_file_name);
    if (!unmarked && unmarked.error() != runtime::errc::not_found)
        co_return disk_failure("cannot remove", metadata_directory() + "/" + closed_file_name, unmarked.error());
    bool durable = unmarked.has_value() || !was_there;
    auto opened = co_await disk_.open(path, runtime::open_mode::write);
    if (!opened) co_return disk_failure("cannot open", path, opened.error());
    log_ = std::move(*opened);
    if (log_->size() > log_bytes_max) co_return refuse(errc::corrupt, path + ": larger than any metadata log");
    std::vector<std::byte> content(log_->size());
    auto got = co_await runtime::read(*log_, 0, content);
    if (!got) co_return disk_failure("cannot read", path, got.error());
    content.resize(*got);
    bytes_view all{content};
    if (all.size() < log_magic_size || as_text(all.first(log_magic_size)) != log_magic)
        co_return refuse(errc::corrupt, path + ": not a metadata log");

    auto state = std::make_shared<image>(*image_);
    counters counted;
    std::size_t at = log_magic_size;
    while (at < all.size()) {
        auto frame = decode_frame(all.subspan(at));
        if (!frame && frame.error() == frame_error::unsupported)
            co_return refuse(errc::unsupported_format,
                             path + ": byte " + std::to_string(at) + ": a change of a later release");
        if (!frame) {
            // Only the last change can be unacknowledged, so only the last one may be torn.
            if (intact_frame_follows(all.subspan(at)))
                co_return refuse(errc::corrupt, path + ": byte " + std::to_string(at) +
                                                    ": damaged in front of intact changes; restore it from a backup");
            auto cut = co_await log_->truncate(at);
            if (!cut) co_return disk_failure("cannot cut", path, cut.error());
            durable = false;
            break;
        }
        auto applied = apply(*state, counted, frame->what, options_.broker_values);
        if (!applied) co_return applied;
        at += frame->size;
    }
    // Each topic was made on what was set on brokers when it was written.
    auto refitted = refit_topics(*state, state->layers_over(options_.broker_values).merged());
    if (!refitted) co_return refitted;
    if (!durable) {
        auto made = co_await make_durable(all.first(at));
        if (!made) co_return made;
    }
    log_end_ = rewritten_size_ = at;
    changes_made_ = counted.changes;
    last_epoch_ = counted.last_epoch;
    producer_ids_reserved_ = producer_ids_next_ = counted.producer_ids_reserved;
    image_ = std::move(state);
    co_return outcome<void>{};
}

// After an unclean stop without a reboot the page cache also shows what the device refused, and the next fsync succeeds
// without it (log/recovery_scan.cc says more). Names may lack their flush as well.
runtime::task<outcome<void>> store::make_durable(bytes_view believed) {
    auto wrote = co_await runtime::write(*log_, 0, believed);
    if (!wrote) co_return disk_failure("cannot write", metadata_directory(), wrote.error());
    auto synced = co_await runtime::sync(*log_);
    if (!synced) co_return disk_failure("cannot flush", metadata_directory(), synced.error());
    for (std::string path : {metadata_directory(), options_.directory}) {
        auto named = co_await disk_.sync_directory(path);
        if (!named) co_return disk_failure("cannot flush", path, named.error());
    }
    co_return outcome<void>{};
}

} // namespace millrace::cluster
