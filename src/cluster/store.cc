#include "cluster/store.h"

#include "base/assert.h"
#include "cluster/change.h"

#include <utility>

namespace millrace::cluster {

namespace {

std::unexpected<failure> too_many() {
    return refuse(errc::overloaded, "too many metadata changes are waiting");
}

} // namespace

runtime::task<outcome<std::unique_ptr<store>>> store::open(runtime::disk& disk, runtime::random& random,
                                                           store_options options) {
    std::unique_ptr<store> made{new store{disk, random, std::move(options)}};
    auto loaded = co_await made->load();
    if (!loaded) co_return std::unexpected{loaded.error()};
    co_return made;
}

runtime::task<void> store::close() {
    runtime::turnstile::pass mine{changes_};
    co_await mine;
    if (std::exchange(failed_, true)) co_return;
    auto marked = co_await disk_.open(metadata_directory() + "/" + closed_file_name, runtime::open_mode::create);
    (void)marked; // only a mark, and nobody waits for its flush
}

runtime::task<outcome<void>> store::commit(std::vector<std::byte> frame) {
    if (failed_) co_return refuse(errc::storage_failed, "an earlier metadata write failed; restart when the disk is well");
    if (frame.size() > frame_payload_max)
        co_return refuse(errc::invalid_config, "the change is larger than the metadata log takes");
    failed_ = true; // until proved otherwise
    auto wrote = co_await runtime::write(*log_, log_end_, frame);
    if (!wrote && wrote.error() == runtime::errc::no_space) { // not kept, and no harm done if nothing of it stays
        auto cut = co_await log_->truncate(log_end_);
        failed_ = !cut;
        co_return disk_failure("cannot write", options_.directory, wrote.error());
    }
    if (!wrote) co_return disk_failure("cannot write", options_.directory, wrote.error());
    auto synced = co_await runtime::sync(*log_);
    if (!synced) co_return disk_failure("cannot flush", options_.directory, synced.error());
    failed_ = false;
    log_end_ += frame.size();
    ++changes_made_;
    co_return outcome<void>{};
}

std::vector<std::byte> store::snapshot() const {
    auto magic = as_bytes(log_magic);
    std::vector<std::byte> out(magic.begin(), magic.end());
    if (last_epoch_ >= 0) append_frame(out, leader_epoch_taken{last_epoch_});
    if (producer_ids_reserved_ > 0) append_frame(out, producer_ids_reserved{producer_ids_reserved_});
    for (const auto& [of, configs] : image_->resources()) append_frame(out, difference(of, {}, configs));
    for (const auto& t : image_->topics()) append_frame(out, created_from(*t));
    append_frame(out, changes_made{changes_made_});
    return out;
}

// Keeps the log in proportion to what it says. The old file and the new one say the same, so a crash may leave either; but
// after a failure nobody knows which one the name stands for, and appending to the wrong one would lose changes.
runtime::task<outcome<void>> store::rewrite() {
    if (log_end_ < rewrite_bytes_min || log_end_ < 4 * rewritten_size_) co_return outcome<void>{};
    failed_ = true;
    std::string metadata = metadata_directory();
    auto content = snapshot();
    auto size = content.size();
    auto replaced = co_await runtime::replace_whole(disk_, metadata, changes_file_name, std::move(content));
    if (!replaced) co_return disk_failure("cannot rewrite", metadata, replaced.error());
    auto opened = co_await disk_.open(metadata + "/" + changes_file_name, runtime::open_mode::write);
    if (!opened) co_return disk_failure("cannot open", metadata, opened.error());
    log_ = std::move(*opened);
    log_end_ = rewritten_size_ = size;
    failed_ = false;
    co_return outcome<void>{};
}

void store::publish(std::shared_ptr<image> next) {
    image_ = std::move(next);
    if (options_.publish) options_.publish(image_);
}

runtime::task<outcome<topic_ptr>> store::commit_topic(topic changed, std::vector<std::byte> frame) {
    auto kept = co_await commit(std::move(frame));
    if (!kept) co_return std::unexpected{kept.error()};
    auto result = std::make_shared<const topic>(std::move(changed));
    auto next = std::make_shared<image>(*image_);
    next->put(result);
    publish(std::move(next));
    (void)co_await rewrite(); // the change is kept either way; a failure stops the next one
    co_return result;
}

runtime::task<outcome<topic_ptr>> store::create_topic(create_topic_request request) {
    if (changes_.waiting() >= changes_waiting_max) co_return too_many();
    runtime::turnstile::pass mine{changes_};
    co_await mine;
    if (request.id.is_zero()) request.id = random_.next_uuid();
    auto decided = decide_create_topic(*image_, request, options_.limits, broker_values());
    if (!decided) co_return std::unexpected{decided.error()};
    auto frame = encode_frame(created_from(*decided));
    co_return co_await commit_topic(std::move(*decided), std::move(frame));
}

runtime::task<outcome<topic_ptr>> store::delete_topic(topic_id id) {
    if (changes_.waiting() >= changes_waiting_max) co_return too_many();
    runtime::turnstile::pass mine{changes_};
    co_await mine;
    auto decided = decide_delete_topic(*image_, id);
    if (!decided) co_return std::unexpected{decided.error()};
    auto frame = encode_frame(topic_deleted{id});
    auto kept = co_await commit(std::move(frame));
    if (!kept) co_return std::unexpected{kept.error()};
    auto next = std::make_shared<image>(*image_);
    next->erase(id);
    publish(std::move(next));
    (void)co_await rewrite();
    co_return *decided;
}

runtime::task<outcome<topic_ptr>> store::create_partitions(std::string name, std::int32_t new_count) {
    if (changes_.waiting() >= changes_waiting_max) co_return too_many();
    runtime::turnstile::pass mine{changes_};
    co_await mine;
    auto decided = decide_create_partitions(*image_, name, new_count, options_.limits);
    if (!decided) co_return std::unexpected{decided.error()};
    auto frame = encode_frame(partitions_added{decided->id, new_count});
    co_return co_await commit_topic(std::move(*decided), std::move(frame));
}

runtime::task<outcome<topic_ptr>> store::alter_topic_config(std::string name, config_map overrides) {
    if (changes_.waiting() >= changes_waiting_max) co_return too_many();
    runtime::turnstile::pass mine{changes_};
    co_await mine;
    auto decided = decide_alter_topic_config(*image_, name, overrides, broker_values());
    if (!decided) co_return std::unexpected{decided.error()};
    auto frame = encode_frame(topic_config_altered{decided->id, std::move(overrides)});
    co_return co_await commit_topic(std::move(*decided), std::move(frame));
}

runtime::task<outcome<void>> store::alter_resource(config_resource of, config_map configs) {
    if (changes_.waiting() >= changes_waiting_max) co_return too_many();
    runtime::turnstile::pass mine{changes_};
    co_await mine;
    auto decided = decide_alter_resource(*image_, of, configs, options_.limits, options_.broker_values);
    if (!decided) co_return std::unexpected{decided.error()};
    auto differs = difference(of, image_->configs_of(of), configs);
    if (differs.changes.empty()) co_return outcome<void>{};
    auto frame = encode_frame(std::move(differs));
    auto kept = co_await commit(std::move(frame));
    if (!kept) co_return std::unexpected{kept.error()};
    publish(std::make_shared<image>(std::move(*decided)));
    (void)co_await rewrite();
    co_return outcome<void>{};
}

runtime::task<outcome<leader_epoch>> store::take_leader_epoch(leader_epoch above) {
    if (changes_.waiting() >= changes_waiting_max) co_return too_many();
    runtime::turnstile::pass mine{changes_};
    co_await mine;
    const auto before = std::max(last_epoch_, above.value);
    MR_ASSERT(before < INT32_MAX, "leader epochs are used up");
    auto frame = encode_frame(leader_epoch_taken{before + 1});
    auto kept = co_await commit(std::move(frame));
    if (!kept) co_return std::unexpected{kept.error()};
    leader_epoch taken{last_epoch_ = before + 1};
    (void)co_await rewrite();
    co_return taken;
}

runtime::task<outcome<producer_id>> store::take_producer_ids(std::int64_t count) {
    MR_ASSERT(count > 0 && count <= producer_id_block, "producer ids are taken in small numbers");
    if (changes_.waiting() >= changes_waiting_max) co_return too_many();
    runtime::turnstile::pass mine{changes_};
    co_await mine;
    if (producer_ids_next_ + count > producer_ids_reserved_) {
        auto below = producer_ids_next_ + producer_id_block;
        auto frame = encode_frame(producer_ids_reserved{below});
        auto kept = co_await commit(std::move(frame));
        if (!kept) co_return std::unexpected{kept.error()};
        producer_ids_reserved_ = below;
        (void)co_await rewrite();
    }
    producer_id first{producer_ids_next_};
    producer_ids_next_ += count;
    co_return first;
}

} // namespace millrace::cluster
