#include "log/compaction.h"

#include "log/batch_chunks.h"
#include "log/batch_order.h"
#include "log/segment_swap.h"
#include "records/validate.h"
#include "runtime/offload.h"
#include "runtime/random.h"

namespace millrace::log {

using runtime::task;

namespace {
constexpr std::size_t write_bytes_max = 256 << 10;
constexpr std::size_t aborted_bytes_max = 64 << 20;
constexpr auto sleep_max = runtime::milliseconds{100}; // so that a stop is heard
} // namespace

runtime::nanoseconds io_pace::take(std::uint64_t bytes, runtime::mono_time now) {
    auto cost = static_cast<double>(bytes) / bytes_per_second_ * 1e9;
    free_at_ = std::max(free_at_, now);
    if (cost >= 1) free_at_ += runtime::nanoseconds{static_cast<std::int64_t>(std::min(cost, 3.6e12))};
    return free_at_ - now;
}

bool compaction::must_stop() const {
    return log_.failed_ || log_.closing_ ||
           std::any_of(request_.stops.begin(), request_.stops.end(), [](const bool* stop) { return stop && *stop; });
}

template <class Fn> task<result<void>> compaction::off_loop(Fn fn) {
    if (!log_.env_.world.offload) {
        fn();
        co_return result<void>{};
    }
    auto run = [&fn]() noexcept { fn(); };
    bool ran = co_await runtime::off_loop(*log_.env_.world.offload, run, runtime::offload_weight::heavy);
    if (!ran) co_return std::unexpected{errc::closed}; // the pool ends: heavy work is refused for nothing else
    co_return result<void>{};
}

task<result<void>> compaction::after(std::uint64_t bytes) {
    if (must_stop()) co_return std::unexpected{errc::closed};
    if (!request_.pace) co_return result<void>{};
    auto wait = request_.pace->take(bytes, log_.shard_.now());
    while (wait > runtime::nanoseconds{0}) {
        auto piece = std::min<runtime::nanoseconds>(wait, sleep_max);
        co_await runtime::sleep_for(piece);
        if (must_stop()) co_return std::unexpected{errc::closed};
        wait -= piece;
    }
    co_return result<void>{};
}

task<result<compaction_outcome>> compaction::run() {
    auto work = co_await log_.find_work(request_.compacted_to, request_.limit, request_.now);
    if (!work) co_return std::unexpected{work.error()};
    outcome_.compacted_to = work->from;
    if (work->dirty_bytes == 0) co_return outcome_;
    segments_ = log_.segments_;
    auto facts = log_.facts();
    auto noted = co_await note_all(facts, *work);
    if (!noted) co_return std::unexpected{noted.error()};
    const log_offset end = newest_->latest() + 1;
    filter_rules rules;
    rules.now = request_.now;
    rules.delete_retention_ms = log_.config_.delete_retention_ms;
    rules.upper_bound = work->until;
    filter_ = std::make_unique<compaction_filter>(*newest_, rules, request_.producers, transactions_);
    for (auto [first, last] : group_segments(facts, end, log_.config_.segment_bytes)) {
        std::vector<std::shared_ptr<segment>> group(segments_.begin() + static_cast<std::ptrdiff_t>(first),
                                                    segments_.begin() + static_cast<std::ptrdiff_t>(last));
        auto done = co_await rewrite(std::move(group));
        if (!done) co_return std::unexpected{done.error()};
    }
    outcome_.compacted_to = end;
    outcome_.records = filter_->counted();
    co_return outcome_;
}

task<result<void>> compaction::note_all(std::vector<segment_facts> facts, compactable work) {
    key_seed seed;
    if (log_.env_.world.random) seed = {log_.env_.world.random->next(), log_.env_.world.random->next()};
    newest_ = std::make_unique<key_offsets>(request_.map_bytes_max, static_cast<std::uint64_t>(work.until - work.from), seed);
    auto prepared = co_await off_loop([this] { newest_->prepare(); });
    if (!prepared) co_return prepared;
    outcome_.map_bytes = newest_->bytes();
    cleaned_transactions transactions;
    records::decompressor unpack;
    records::byte_buffer plain;
    for (std::size_t i = 0; i < segments_.size(); ++i) {
        if (facts[i].end <= work.from) continue;
        if (facts[i].base >= work.until) break;
        auto s = segments_[i];
        auto loaded = co_await ready(s);
        if (!loaded) co_return loaded;
        batch_chunks chunks{s->file, s->offsets.position_for(work.from - s->base), s->size_bytes};
        auto aborted = co_await aborted_in(s->base);
        if (!aborted) co_return std::unexpected{aborted.error()};
        transactions.add(*aborted);
        bool corrupt = false, full = false;
        for (;;) {
            auto piece = co_await chunks.next();
            if (!piece) co_return std::unexpected{piece.error()};
            if (piece->empty()) break;
            bytes_view bytes = *piece;
            auto looked = co_await off_loop([&] {
                each_batch(bytes, [&](const records::batch_view& batch) {
                    corrupt = !records::validate(batch.bytes(), records::stored_rules());
                    if (corrupt) return false;
                    auto taken = note_keys(batch, work.from, *newest_, transactions, unpack, plain);
                    corrupt = !taken;
                    full = taken && !*taken;
                    return !corrupt && !full;
                });
            });
            if (!looked) co_return looked;
            if (corrupt) co_return std::unexpected{errc::corrupt};
            if (full) break;
            auto go_on = co_await after(bytes.size());
            if (!go_on) co_return go_on;
        }
        if (full) break;
        newest_->saw(facts[i].end - 1); // offsets may be missing at its end
    }
    co_return result<void>{};
}

// Loaded, and, where an earlier process wrote it, what its checksums say it was: damage in a header, which no CRC of Kafka's covers,
// is not to be carried on under new checksums.
task<result<void>> compaction::ready(std::shared_ptr<segment> s) {
    auto loaded = co_await log_.load(*s);
    if (s->retired) co_return std::unexpected{errc::closed};
    if (!loaded || !s->checked.foreign()) co_return loaded;
    std::shared_ptr<runtime::file> file = s->file; // the segment may be unloaded meanwhile
    auto looked = co_await log_.load_sums(*s);
    if (!looked) co_return looked;
    // What is missing must not become a gap that compaction left.
    if (s->next_base != no_offset && (!s->sums || s->next_base < log_.end_of(*s))) co_return std::unexpected{errc::corrupt};
    std::uint64_t bad = 0;
    if (s->sums) {
        auto good = co_await log_.check_blocks(s, file, 0, s->size_bytes, bad);
        if (!good) co_return std::unexpected{good.error()};
        if (!*good) co_return std::unexpected{errc::corrupt};
    }
    if (s->retired) co_return std::unexpected{errc::closed};
    co_return co_await log_.load(*s);
}

task<result<std::vector<aborted_transaction>>> compaction::aborted_in(log_offset base) {
    auto bytes = co_await runtime::read_whole(*log_.env_.world.disk, log_.path(segment_file_name(base, ".txnindex")), aborted_bytes_max);
    if (!bytes) {
        if (bytes.error() != runtime::errc::not_found) co_return storage_failed();
        co_return std::vector<aborted_transaction>{};
    }
    auto all = decode_aborted(*bytes);
    if (!all) co_return std::unexpected{errc::corrupt};
    co_return std::move(*all);
}

task<result<void>> compaction::rewrite(std::vector<std::shared_ptr<segment>> old) {
    const log_offset base = old.front()->base;
    if (!log_.has_room(true)) co_return std::unexpected{errc::no_space};
    co_await drop_unfinished(base);
    auto opened = co_await log_.env_.world.disk->open(log_.path(segment_file_name(base, ".log.cleaned")), runtime::open_mode::create_new);
    if (!opened) co_return not_done(opened.error());
    auto made = std::make_shared<segment>();
    made->base = base;
    made->file = std::move(*opened);
    made->indexes_loaded = made->content_known = true;
    made->created = old.front()->created;
    made->touched = old.back()->touched;
    const log_offset end = log_.end_of(*old.back());
    (void)sums_.take();
    result<void> done;
    for (std::size_t i = 0; i < old.size() && done; ++i) done = co_await copy_kept(old[i], i + 1 < old.size() ? old[i + 1]->base : end, *made);
    auto aborted = transactions_.take_kept();
    if (done) done = co_await save(*made, end, aborted);
    if (done) done = co_await put_in_place(made, old, end, std::move(aborted));
    if (!done) {
        if (!log_.failed_) co_await drop_unfinished(base);
        co_return done;
    }
    for (const auto& s : old) outcome_.bytes_before += s->size_bytes;
    outcome_.segments_before += old.size();
    outcome_.bytes_after += made->size_bytes;
    ++outcome_.segments_after;
    co_return done;
}

task<result<void>> compaction::copy_kept(std::shared_ptr<segment> from, log_offset end, segment& into) {
    auto loaded = co_await ready(from);
    if (!loaded) co_return loaded;
    batch_chunks chunks{from->file, 0, from->size_bytes};
    auto aborted = co_await aborted_in(from->base);
    if (!aborted) co_return std::unexpected{aborted.error()};
    transactions_.add(*aborted);
    records::byte_buffer kept;
    batch_order order{from->base};
    for (;;) {
        auto piece = co_await chunks.next();
        if (!piece) co_return std::unexpected{piece.error()};
        if (piece->empty()) co_return result<void>{};
        bytes_view bytes = *piece;
        bool whole = true;
        kept.clear();
        auto filtered = co_await off_loop([&] {
            whole = each_batch(bytes, [&](const records::batch_view& batch) {
                return records::validate(batch.bytes(), records::stored_rules()) && batch.last_offset() < end &&
                       order.next(batch.base_offset(), batch.last_offset(), batch.partition_leader_epoch()) == batch_order::verdict::follows &&
                       filter_->take(batch, kept);
            });
            sums_.add(kept.view());
        });
        if (!filtered) co_return filtered;
        if (!whole) co_return std::unexpected{errc::corrupt};
        for (std::size_t at = 0; at < kept.size(); at += write_bytes_max) {
            auto part = kept.view().subspan(at, std::min(write_bytes_max, kept.size() - at));
            auto wrote = co_await runtime::write(*into.file, into.size_bytes + at, part);
            if (!wrote) co_return not_done(wrote.error());
        }
        each_batch(kept.view(), [&](const records::batch_view& batch) {
            auto size = static_cast<std::uint32_t>(batch.size_bytes());
            into.note_batch(batch.last_offset(), batch.max_timestamp(), size, log_.config_.index_interval_bytes);
            return true;
        });
        auto go_on = co_await after(bytes.size() + kept.size());
        if (!go_on) co_return go_on;
    }
}

task<result<void>> compaction::write_file(std::string name, std::vector<std::byte> content) {
    auto opened = co_await log_.env_.world.disk->open(log_.path(name), runtime::open_mode::create_new);
    if (!opened) co_return not_done(opened.error());
    std::unique_ptr<runtime::file> f = std::move(*opened);
    if (!content.empty()) {
        auto wrote = co_await runtime::write(*f, 0, content);
        if (!wrote) co_return not_done(wrote.error());
    }
    auto synced = co_await runtime::sync(*f);
    if (!synced) co_return storage_failed();
    co_return result<void>{};
}

task<result<void>> compaction::save(segment& made, log_offset end, const std::vector<aborted_transaction>& aborted) {
    made.finish_times();
    auto synced = co_await runtime::sync(*made.file);
    if (!synced) co_return storage_failed();
    auto wrote = co_await write_file(segment_file_name(made.base, ".index.cleaned"), made.offsets.encode());
    if (wrote) wrote = co_await write_file(segment_file_name(made.base, ".timeindex.cleaned"), made.times.encode());
    auto sums = log_.sums_for(made, end);
    sums.blocks = sums_.take();
    if (wrote) wrote = co_await write_file(segment_file_name(made.base, block_sums::suffix) + cleaned_suffix, sums.encode());
    if (wrote && !aborted.empty()) wrote = co_await write_file(segment_file_name(made.base, ".txnindex.cleaned"), encode_aborted(aborted));
    co_return wrote;
}

task<result<void>> compaction::put_in_place(std::shared_ptr<segment> made, std::vector<std::shared_ptr<segment>> old, log_offset end,
                                            std::vector<aborted_transaction> aborted) {
    runtime::turnstile::pass mine{*request_.start_changes};
    co_await mine;
    // What the commit journal holds of the old ones must not be written back into the new one, which has their name.
    auto settled = co_await log_.env_.commits->settle();
    if (!settled) co_return settled;
    if (must_stop()) co_return std::unexpected{errc::closed};
    std::vector<log_offset> bases;
    for (const auto& s : old) {
        if (s->retired) co_return std::unexpected{errc::closed}; // retention or a deletion was quicker
        bases.push_back(s->base);
    }
    std::vector<std::string> gone;
    auto done = co_await declare_swap(*log_.env_.world.disk, log_.directory_, made->base);
    if (done) {
        segment_gate::pass change{log_.gate_, segment_gate::kind::change};
        co_await change;
        done = co_await carry_out_swap(*log_.env_.world.disk, log_.directory_, made->base, bases, gone);
        if (done) {
            const log_offset from = made->base;
            log_.replace_segments(std::move(old), std::move(made), !aborted.empty());
            if (request_.aborted_kept) request_.aborted_kept(from, end, aborted);
        }
    }
    if (!done) {
        log_.fail_everything(); // the names may be half changed: the next start ends it
        co_return done;
    }
    log_.remove_later(std::move(gone));
    co_return done;
}

task<void> compaction::drop_unfinished(log_offset base) {
    for (const char* suffix : segment_suffixes) {
        auto removed = co_await log_.env_.world.disk->remove(log_.path(segment_file_name(base, suffix) + cleaned_suffix));
        (void)removed; // there is none, or the next open removes it
    }
}

} // namespace millrace::log
