// The metadata store: a flushed log of changes in the first data directory, and the image they add up to.
// Owner: the node; shard 0 only.
// Invariant: a change is published and answered only after it is flushed, and so is all that an open store was read from;
// changes run one at a time; after a failed write or flush no further change is taken.
#pragma once

#include "cluster/data_directory.h"
#include "cluster/decide.h"
#include "runtime/disk.h"
#include "runtime/random.h"
#include "runtime/turnstile.h"

#include <functional>

namespace millrace::cluster {

using publish_fn = std::function<void(image_ptr)>;

struct store_options {
    std::string directory;          // the first of log.dirs; made when missing (its parent must exist)
    broker_id node_id{1};
    std::string cluster_id;         // empty: what the directory says, or a new one
    config_map broker_values;       // defaults of topic configs under their broker names, those that were given at the start
    cluster::limits limits;
    bool adopt = false;             // a directory that Kafka formatted is taken over, with its cluster id
    publish_fn publish;             // called after each change of the image, on shard 0; may be empty
};

class store {
  public:
    static constexpr std::size_t changes_waiting_max = 1000;
    static constexpr std::size_t log_bytes_max = 256u << 20;         // larger than any that a store writes
    static constexpr std::size_t rewrite_bytes_min = 4u << 20;       // below it the log is never rewritten
    static constexpr std::int64_t producer_id_block = 1000;

    // Opens or formats the directory. `disk` and `random` outlive the store.
    static runtime::task<outcome<std::unique_ptr<store>>> open(runtime::disk& disk, runtime::random& random,
                                                               store_options options);

    // No change is taken afterwards. Spares the next start a flush; without it nothing is lost.
    runtime::task<void> close();

    image_ptr current() const { return image_; }
    const std::string& cluster_id() const { return image_->cluster_id; }
    const store_options& options() const { return options_; }
    // How many changes were ever made durable here.
    log_offset end() const { return log_offset{changes_made_}; }

    // Each answers after its change is flushed, with the topic as it is now.
    runtime::task<outcome<topic_ptr>> create_topic(create_topic_request request);
    runtime::task<outcome<topic_ptr>> delete_topic(topic_id id);
    runtime::task<outcome<topic_ptr>> create_partitions(std::string name, std::int32_t new_count);
    runtime::task<outcome<topic_ptr>> alter_topic_config(std::string name, config_map overrides);
    // `configs` is the full new set, checked by the caller.
    runtime::task<outcome<void>> alter_resource(config_resource of, config_map configs);

    // The epoch of this start: one more than ever given before, and more than `above`. Once per start, before the first append.
    runtime::task<outcome<leader_epoch>> take_leader_epoch(leader_epoch above = no_epoch);
    // The first of `count` ids that nobody was given before. REQUIRES: 0 < count <= producer_id_block.
    runtime::task<outcome<producer_id>> take_producer_ids(std::int64_t count);

  private:
    store(runtime::disk& disk, runtime::random& random, store_options options)
        : disk_{disk}, random_{random}, options_{std::move(options)} {}

    runtime::task<outcome<void>> load();
    runtime::task<outcome<bool>> load_format();
    runtime::task<outcome<void>> load_changes(bool was_there);
    runtime::task<outcome<void>> make_durable(bytes_view believed);
    std::string metadata_directory() const { return options_.directory + "/" + metadata_directory_name; }
    runtime::task<outcome<void>> commit(std::vector<std::byte> frame);
    runtime::task<outcome<void>> rewrite();
    runtime::task<outcome<topic_ptr>> commit_topic(topic changed, std::vector<std::byte> frame);
    std::vector<std::byte> snapshot() const;
    config_map broker_values() const { return image_->layers_over(options_.broker_values).merged(); }
    void publish(std::shared_ptr<image> next);

    runtime::disk& disk_;
    runtime::random& random_;
    store_options options_;
    image_ptr image_;
    std::unique_ptr<runtime::file> log_;
    std::uint64_t log_end_ = 0;
    std::uint64_t rewritten_size_ = 0;      // of the log right after it was last rewritten
    std::int64_t changes_made_ = 0;
    std::int32_t last_epoch_ = -1;
    std::int64_t producer_ids_reserved_ = 0; // durable: none below is given by the next start
    std::int64_t producer_ids_next_ = 0;
    bool failed_ = false;
    runtime::turnstile changes_; // each decides on the image that the one before it left
};

} // namespace millrace::cluster
