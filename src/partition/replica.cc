#include "partition/replica.h"

#include <algorithm>
#include <cerrno>

namespace millrace::partition {

using runtime::task;

namespace {
errc why_not(int res) { return res == -ENOSPC ? errc::no_space : errc::storage_failed; }
} // namespace

task<log::result<std::unique_ptr<replica>>> replica::open(log::environment& env, std::string directory, topic_id id,
                                                          const replica_config& config, leader_epoch epoch,
                                                          bool clean_shutdown) {
    std::unique_ptr<replica> made{new replica{epoch, config}};
    auto opened = co_await log::partition_log::open(env, std::move(directory), id, config.log, clean_shutdown);
    if (!opened) co_return std::unexpected{opened.error()};
    made->log_ = std::move(*opened);
    auto rebuilt = co_await made->load_transactions();
    if (rebuilt) rebuilt = co_await made->rebuild_producers();
    for (std::size_t i = 0; rebuilt && i < made->transactions_.unsaved().size(); ++i) {
        const auto& gone = made->transactions_.unsaved()[i];
        rebuilt = co_await made->log_->add_to_transaction_index(gone.last, log::encode_aborted({&gone, 1}));
    }
    if (!rebuilt) {
        (void)co_await made->log_->close();
        co_return std::unexpected{rebuilt.error()};
    }
    replica* self = made.get();
    made->log_->snapshot_source = [self](log_offset) {
        return self->producers_known_ ? self->producers_.snapshot() : std::vector<std::byte>{};
    };
    made->log_->unwritten_lost = [self] { self->forget_unwritten(); };
    // Recovery has flushed what it kept.
    made->high_watermark_ = made->log_->end_offset();
    co_return made;
}

replica::~replica() = default;

task<log::result<void>> replica::load_transactions() {
    auto files = co_await log_->transaction_indexes();
    if (!files) co_return std::unexpected{files.error()};
    for (const auto& file : *files)
        if (!transactions_.load(file, log_->end_offset())) co_return std::unexpected{log::errc::corrupt};
    co_return log::result<void>{};
}

// A snapshot speaks of what was flushed; everything behind it comes from the log itself.
task<log::result<void>> replica::rebuild_producers() {
    auto snapshot = co_await log_->latest_snapshot();
    if (!snapshot) co_return std::unexpected{snapshot.error()};
    log_offset from = log_->start_offset();
    if (!snapshot->bytes.empty() && producers_.load(snapshot->bytes)) from = std::max(from, snapshot->offset);
    for (const auto& known : producers_.known())
        if (known.transaction_began != no_offset) transactions_.set_open(known.id, known.transaction_began);
    co_return co_await log_->replay(from, [this](records::batch_view batch) {
        producers_.apply(records::info_of_header(batch));
        if (!batch.is_transactional()) return;
        transactions_.apply(batch);
        producers_.set_transaction(batch.producer_id(), transactions_.open_since(batch.producer_id()));
    });
}

// Appends that found no room are not in the log; sequences and promises of theirs must not outlive them.
void replica::forget_unwritten() {
    while (!unflushed_.empty() && unflushed_.back().base_offset >= log_->written_offset()) unflushed_.pop_back();
    producers_known_ = false;
    if (!scope_.closed()) scope_.spawn(learn_producers_again());
}

task<void> replica::learn_producers_again() {
    producers_.clear();
    auto rebuilt = co_await rebuild_producers();
    producers_known_ = rebuilt.has_value(); // else nothing is taken until a restart
}

result<void> replica::check_epoch(leader_epoch claimed) const {
    if (claimed == no_epoch || claimed == epoch_) return {};
    return std::unexpected{claimed < epoch_ ? errc::fenced_leader_epoch : errc::unknown_leader_epoch};
}

result<void> replica::check_offset(log_offset from) const {
    // Kafka lets a reader stand anywhere up to the log end, and gives it nothing above the high watermark.
    if (from < log_->start_offset() || from > log_->end_offset()) return std::unexpected{errc::offset_out_of_range};
    return {};
}

bool replica::needs_flush(std::int16_t acks) const {
    switch (config_.durability) {
    case durability::flush: return true;
    case durability::acks: return acks == -1;
    case durability::cache: return false;
    }
    return true;
}

void replica::refuse(append_request& r, errc why) {
    r.recompressed.reset();
    r.error = why;
    r.log_start_offset = log_->start_offset();
    r.done(r);
}

void replica::append(append_request& r) {
    r.at = this;
    r.error.reset();
    if (log_->offline()) return refuse(r, errc::storage_failed);
    if (!log_->has_room(r.made_here)) {
        runtime::shard::current().stats().appends_no_space.add(1);
        return refuse(r, errc::no_space);
    }
    const auto size_max = r.made_here ? std::max(config_.batch_size_max, made_here_bytes_max) : config_.batch_size_max;
    auto rules = records::producer_rules(size_max, r.produce_version, config_.compacted);
    auto checked = records::validate_produced(r.records, rules);
    if (checked) {
        r.info = *checked;
        auto in_time = records::check_timestamps(r.info, config_.timestamps, runtime::shard::current().wall());
        if (!in_time) checked = std::unexpected{in_time.error()};
    }
    if (!checked) {
        r.batch_fault = checked.error();
        return refuse(r, errc::invalid_batch);
    }
    if (gate_.empty() && !gate_running_ && !needs_gate(r)) return admit(r);
    // A batch that is being looked at or recompressed holds back those behind it: order within a partition is the producer's.
    if (gated_ == gated_appends_max) return refuse(r, errc::overloaded);
    ++gated_;
    gate_.push_back(r);
    if (!gate_running_) scope_.spawn(run_gate());
}

// The one synchronous step: sequence check, offsets, producer state, queue.
void replica::admit(append_request& r) {
    if (log_->offline()) return refuse(r, errc::storage_failed);
    if (!producers_known_) return refuse(r, errc::no_space);
    auto verdict = producers_.check(r.info);
    if (!verdict) return refuse(r, verdict.error());
    if (*verdict) {
        // Already in the log: the producer gets the same answer, and not before it is as safe as it asked for.
        r.recompressed.reset();
        const batch_memory& original = **verdict;
        r.base_offset = original.base_offset;
        r.log_start_offset = log_->start_offset();
        log_offset end = original.last_offset + 1;
        if (end > log_->written_offset() || (needs_flush(r.acks) && end > log_->flushed_offset()))
            return wait_for_flush(r, end);
        return r.done(r);
    }

    if (!epoch_begun_) {
        auto begun = log_->assign_epoch(epoch_, log_->end_offset());
        if (!begun) return refuse(r, errc::storage_failed);
        epoch_begun_ = true;
    }
    const log_offset base = log_->end_offset();
    const auto delta = static_cast<std::int64_t>(r.info.last_offset - r.info.base_offset);
    mutable_bytes batch = r.records.first(r.info.size_bytes);
    const bool by_append = config_.timestamps.type == records::timestamp_type::log_append_time;
    timestamp_ms stamp = r.info.max_timestamp;
    if (by_append) r.append_time = stamp = runtime::shard::current().wall();
    records::set_timestamps(batch, config_.timestamps.type, stamp);
    records::set_base_offset(batch, base);
    records::set_leader_epoch(batch, epoch_);
    // Offsets were relative to zero until now.
    if (r.info.max_timestamp_offset != no_offset) r.info.max_timestamp_offset = base + r.info.max_timestamp_offset.value;
    r.info.base_offset = base;
    r.info.last_offset = base + delta;
    r.info.max_timestamp = stamp;
    r.base_offset = base;
    r.log_start_offset = log_->start_offset();
    producers_.apply(r.info);
    if (needs_flush(r.acks)) unflushed_.push_back({base, r.info.last_offset});

    r.written.request = &r;
    r.written.done = &on_written;
    r.written.batch = batch;
    r.written.base_offset = base;
    r.written.last_offset = r.info.last_offset;
    r.written.max_timestamp = stamp;
    r.written.max_timestamp_offset = by_append ? r.info.last_offset : r.info.max_timestamp_offset;
    r.written.epoch = epoch_;
    log_->append(r.written);
}

void replica::wait_for_flush(append_request& r, log_offset up_to) {
    r.flushed.request = &r;
    r.flushed.done = &on_flushed;
    r.flushed.up_to = up_to;
    log_->request_flush(r.flushed);
}

void replica::on_written(runtime::completion& c) noexcept {
    append_request& r = *static_cast<append_request::written_entry&>(c).request;
    replica& self = *r.at;
    if (c.res < 0) return self.refuse(r, why_not(c.res));
    r.recompressed.reset();
    if (self.needs_flush(r.acks)) {
        self.wait_for_flush(r, r.info.last_offset + 1);
        return;
    }
    self.advance();
    r.done(r);
}

void replica::on_flushed(runtime::completion& c) noexcept {
    append_request& r = *static_cast<append_request::flushed_entry&>(c).request;
    replica& self = *r.at;
    if (c.res < 0) return self.refuse(r, why_not(c.res));
    self.advance();
    r.done(r);
}

// Moves the high watermark to where it may stand now, and wakes those who wait for it.
void replica::advance() {
    while (!unflushed_.empty() && unflushed_.front().last_offset < log_->flushed_offset()) unflushed_.pop_front();
    log_offset visible = log_->written_offset();
    if (config_.durability == durability::flush) visible = std::min(visible, log_->flushed_offset());
    if (!unflushed_.empty()) visible = std::min(visible, unflushed_.front().base_offset);
    if (visible <= high_watermark_) return;
    high_watermark_ = visible;
    wake_waiters();
}

void replica::wake_waiters() {
    intrusive_list<watermark_waiter, watermark_tag> woken;
    woken.splice_back(waiters_);
    while (auto* w = woken.pop_front()) w->woken(*w);
}

void replica::set_config(const replica_config& config) {
    config_ = config;
    log_->set_config(config.log);
    advance();
}

task<log::result<void>> replica::delete_records(log_offset new_start) {
    if (deletions_.waiting() >= deletions_waiting_max) co_return std::unexpected{log::errc::overloaded};
    runtime::turnstile::pass mine{deletions_};
    co_await mine;
    if (ending_) co_return std::unexpected{log::errc::closed};
    co_return co_await log_->delete_records(new_start);
}

task<log::result<log::removed_segments>> replica::apply_retention(timestamp_ms now) {
    if (deletions_.waiting() >= deletions_waiting_max) co_return std::unexpected{log::errc::overloaded};
    runtime::turnstile::pass mine{deletions_};
    co_await mine;
    if (ending_) co_return std::unexpected{log::errc::closed};
    co_return co_await log_->apply_retention(high_watermark_, now);
}

task<log::result<log::compaction_outcome>> replica::compact(log::compaction_request& request, const bool& stop) {
    runtime::turnstile::pass mine{compactions_};
    co_await mine;
    if (ending_) co_return std::unexpected{log::errc::closed};
    request.limit = last_stable_offset(); // what an open transaction wrote may yet be aborted
    for (const auto& p : producers_.known()) request.producers[p.id] = {p.last_offset, p.epoch};
    request.start_changes = &deletions_;
    request.aborted_kept = [this](log_offset from, log_offset until, const std::vector<log::aborted_transaction>& kept) {
        std::vector<log_offset> last_offsets;
        for (const auto& one : kept) last_offsets.push_back(one.last);
        transactions_.keep_aborted(from, until, last_offsets);
    };
    request.stops = {&ending_, &stop};
    log::compaction round{*log_, request};
    co_return co_await round.run();
}

task<log::result<log::compactable>> replica::find_work(log_offset compacted_to, timestamp_ms now) {
    if (ending_) co_return std::unexpected{log::errc::closed};
    co_return co_await log_->find_work(compacted_to, last_stable_offset(), now);
}

task<log::result<void>> replica::close() {
    ending_ = true;
    runtime::turnstile::pass compacting{compactions_};
    co_await compacting;
    runtime::turnstile::pass mine{deletions_};
    co_await mine;
    co_await scope_.drain();
    co_return co_await log_->close();
}

task<log::result<void>> replica::remove() {
    ending_ = true;
    runtime::turnstile::pass compacting{compactions_};
    co_await compacting;
    runtime::turnstile::pass mine{deletions_};
    co_await mine;
    co_await scope_.drain();
    co_return co_await log_->remove();
}

} // namespace millrace::partition
