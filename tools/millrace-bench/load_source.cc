#include "load_source.h"

#include "base/crc32c.h"
#include "client/partitioner.h"
#include "record_stamp.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace millrace::bench {

namespace {
constexpr std::size_t record_overhead_bytes = 16; // varints, about
constexpr std::size_t rounds_made_ahead = 4;      // keys may fill one partition's batches before the others'
}

load_progress::load_progress(const load_plan& of)
    : plan{of}, due{std::max<std::uint64_t>(of.rate, 1), runtime::never}, payload{of.size.max, of.compressibility, of.seed} {}

void load_progress::begin(runtime::mono_time start) {
    due = schedule{std::max<std::uint64_t>(plan.rate, 1), start};
    end = plan.duration == runtime::nanoseconds::max() ? runtime::never : start + plan.warm_up + plan.duration;
    records_left = records_scheduled = plan.records_max;
    if (end != runtime::never) records_scheduled = std::min(records_scheduled, due.due(end - runtime::nanoseconds{1}));
    run = plan.seed * 0x9e3779b97f4a7c15 + static_cast<std::uint64_t>(start.time_since_epoch().count());
}

load_source::load_source(load_progress& shared, measurement& into, std::vector<partition_index> partitions, std::uint32_t which)
    : shared_{shared}, into_{into}, which_{which}, random_{shared.plan.seed + which}, keys_{shared.plan.keys},
      sticky_{which % partitions.size()}, backlog_bytes_limit_{backlog_bytes_for(shared.plan, partitions.size())} {
    for (auto p : partitions) lanes_.push_back({p});
    stamped_.resize(shared.plan.size.max);
}

std::size_t load_source::backlog_bytes_for(const load_plan& plan, std::size_t partitions) {
    const std::size_t batch_bytes = plan.batch_bytes + plan.size.max + record_overhead_bytes;
    const std::size_t request_bytes = std::min(partitions * batch_bytes, plan.request_bytes + batch_bytes);
    return std::clamp(rounds_made_ahead * plan.depth * request_bytes, backlog_bytes_min, backlog_bytes_max);
}

// Of the first `records` of the schedule: this connection's own.
std::uint64_t load_source::share_of(std::uint64_t records) const {
    auto all = shared_.plan.connections;
    return records > which_ ? (records - which_ + all - 1) / all : 0;
}

std::uint64_t load_source::behind(runtime::mono_time now) const {
    if (!open_loop()) return 0;
    return share_of(std::min(shared_.due.due(now), shared_.records_scheduled)) - taken_;
}

void load_source::advance(runtime::mono_time now, timestamp_ms wall) {
    if (!open_loop() || shared_.stopped) return;
    auto due = share_of(std::min(shared_.due.due(now), shared_.records_scheduled));
    for (; taken_ < due && backlog_bytes_ < backlog_bytes_limit_; ++taken_)
        append(shared_.due.intended(taken_ * shared_.plan.connections + which_), wall);
}

bool load_source::nothing_more() const {
    if (shared_.stopped) return true;
    return open_loop() ? taken_ >= share_of(shared_.records_scheduled) : shared_.records_left == 0;
}

runtime::mono_time load_source::next_due() const {
    auto next = runtime::never;
    // With all requests out nothing can leave before an answer comes, and then everything due is taken at once.
    if (!open_loop() || in_flight_ >= shared_.plan.depth) return next;
    if (!nothing_more() && backlog_bytes_ < backlog_bytes_limit_)
        next = shared_.due.intended(taken_ * shared_.plan.connections + which_);
    for (const auto& one : opened_)
        if (still_open(one)) {
            next = std::min(next, one.leaves_at);
            break;
        }
    return next;
}

bool load_source::finished() const {
    if (in_flight_ > 0) return false;
    if (shared_.stopped) return true;
    return nothing_more() && ready_.empty() && backlog_bytes_ == 0;
}

load_batch* load_source::fresh() {
    if (spare_.empty()) {
        records::builder_options options;
        options.codec = shared_.plan.codec;
        options.level = shared_.plan.codec_level;
        options.payload_size_hint = shared_.plan.batch_bytes;
        all_.push_back(std::make_unique<load_batch>(options));
        spare_.push_back(all_.back().get());
    }
    auto* out = spare_.back();
    spare_.pop_back();
    return out;
}

void load_source::append(runtime::mono_time intended, timestamp_ms wall) {
    const auto& plan = shared_.plan;
    auto size = plan.size.next(random_);
    if (plan.stamped) size = std::max<std::uint32_t>(size, stamp_bytes);
    std::optional<bytes_view> key;
    char digits[24];
    auto at = sticky_;
    if (plan.keys.kind != key_kind::none) {
        auto number = keys_.next(random_);
        if (plan.keys.kind == key_kind::sequential) number = number * plan.connections + which_; // each once
        auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
        key = as_bytes({digits, static_cast<std::size_t>(end - digits)});
        at = static_cast<std::size_t>(client::partition_of_key(*key, static_cast<std::int32_t>(lanes_.size())).value);
    }
    auto charged = size + (key ? key->size() : 0) + record_overhead_bytes;
    auto* to = &lanes_[at];
    if (to->open && to->open->builder.size_bytes() + charged > plan.batch_bytes) {
        seal(*to);
        if (!key) {
            at = sticky_;
            to = &lanes_[at];
        }
    }
    if (!to->open) {
        to->open = fresh();
        to->open->lane = at;
        to->open->leaves_at = intended + plan.linger;
        if (open_loop()) opened_.push_back({at, to->open, to->open->leaves_at});
    }
    auto value = shared_.payload.slice(size, random_);
    if (plan.stamped) {
        if (stamped_.size() < size) stamped_.resize(size);
        std::memcpy(stamped_.data(), value.data(), size);
        write_stamp({stamped_.data(), size}, shared_.run, intended);
        value = {stamped_.data(), size};
    }
    auto& b = *to->open;
    auto before = b.builder.size_bytes();
    b.builder.append(wall, key, value);
    b.intended.push_back(intended);
    b.value_bytes += size + (key ? key->size() : 0);
    backlog_bytes_ += b.builder.size_bytes() - (b.intended.size() == 1 ? 0 : before);
}

void load_source::seal(lane& of) {
    ready_.push_back(std::exchange(of.open, nullptr));
    // Without keys the next batch goes to the next partition (KIP-480).
    if (shared_.plan.keys.kind == key_kind::none) sticky_ = (sticky_ + 1) % lanes_.size();
}

// Records until one batch is full, or none are left; then whatever is open.
bool load_source::fill(runtime::mono_time now, timestamp_ms wall) {
    while (ready_.empty() && shared_.records_left > 0 && !shared_.stopped && now < shared_.end) {
        if (shared_.records_left != no_limit) --shared_.records_left;
        append(now, wall);
    }
    if (ready_.empty()) {
        shared_.records_left = 0;
        for (auto& one : lanes_)
            if (one.open) seal(one);
    }
    return !ready_.empty();
}

// A batch that was on the wire before, or one that will be again.
load_batch* load_source::repeated(runtime::mono_time now, timestamp_ms wall) {
    auto& left = shared_.records_left;
    if (now >= shared_.end || shared_.stopped) left = 0;
    if (left == 0) return nullptr;
    load_batch* b = nullptr;
    if (!spare_made_.empty() && static_cast<std::uint64_t>(spare_made_.back()->builder.record_count()) <= left) {
        b = spare_made_.back();
        spare_made_.pop_back();
    } else {
        b = fresh();
        const auto& plan = shared_.plan;
        do {
            auto size = plan.size.next(random_);
            if (!b->builder.empty() && b->builder.size_bytes() + size + record_overhead_bytes > plan.batch_bytes) break;
            b->builder.append(wall, std::nullopt, shared_.payload.slice(size, random_));
            b->value_bytes += size;
        } while (static_cast<std::uint64_t>(b->builder.record_count()) < left);
    }
    if (left != no_limit) left -= static_cast<std::uint64_t>(b->builder.record_count());
    b->intended.assign(1, now);
    b->lane = sticky_;
    sticky_ = (sticky_ + 1) % lanes_.size();
    return b;
}

// Header fields that differ from one sending to the next lie in one run of bytes, so the CRC need not read the rest again.
void load_source::finish(load_batch& b, timestamp_ms wall) {
    auto& to = lanes_[b.lane];
    records::batch_identity identity;
    if (shared_.plan.idempotent) {
        identity.producer_id = producer_;
        identity.producer_epoch = epoch_;
        identity.base_sequence = sequence_number{to.next_sequence};
        // Sequences wrap from the int32 maximum to 0.
        to.next_sequence = static_cast<std::int32_t>(
            (static_cast<std::int64_t>(to.next_sequence) + b.builder.record_count()) % (std::int64_t{1} << 31));
    }
    if (!b.made) {
        b.wire = b.builder.finish(identity);
        b.made = shared_.plan.batches_repeat();
        return;
    }
    namespace at = records::at;
    constexpr auto from = at::base_timestamp, until = at::record_count;
    std::byte difference[until - from];
    std::memcpy(difference, b.wire.data() + from, sizeof difference);
    store_be<std::int64_t>(b.wire.data() + at::base_timestamp, wall.value);
    store_be<std::int64_t>(b.wire.data() + at::max_timestamp, wall.value);
    store_be<std::int64_t>(b.wire.data() + at::producer_id, identity.producer_id.value);
    store_be<std::int16_t>(b.wire.data() + at::producer_epoch, identity.producer_epoch.value);
    store_be<std::int32_t>(b.wire.data() + at::base_sequence, identity.base_sequence.value);
    for (std::size_t i = 0; i < sizeof difference; ++i) difference[i] ^= b.wire[from + i];
    auto crc = load_be<std::uint32_t>(b.wire.data() + at::crc);
    store_be<std::uint32_t>(b.wire.data() + at::crc, crc32c_patch(crc, difference, b.wire.size() - until));
}

void load_source::put_into(load_request& into, load_batch* b, timestamp_ms wall) {
    finish(*b, wall);
    if (!shared_.plan.batches_repeat()) backlog_bytes_ -= b->builder.size_bytes();
    lanes_[b->lane].last_request = requests_;
    into.batches.push_back(b);
}

bool load_source::take(load_request& into, runtime::mono_time now, timestamp_ms wall) {
    const auto& plan = shared_.plan;
    into.batches.clear();
    if (in_flight_ >= plan.depth || shared_.stopped) return false;
    ++requests_;
    if (plan.batches_repeat()) {
        auto* b = repeated(now, wall);
        if (!b) return false;
        put_into(into, b, wall);
    } else {
        if (!open_loop() && ready_.empty()) fill(now, wall);
        std::size_t size = 0;
        while (!ready_.empty()) {
            auto* b = ready_.front();
            auto bytes = b->builder.size_bytes();
            if (lanes_[b->lane].last_request == requests_ || (size > 0 && size + bytes > plan.request_bytes)) break;
            ready_.pop_front();
            size += bytes;
            put_into(into, b, wall);
            if (!open_loop()) break;
        }
        while (open_loop() && ready_.empty() && !opened_.empty()) {
            if (!still_open(opened_.front())) {
                opened_.pop_front();
                continue;
            }
            auto [at, b, leaves_at] = opened_.front();
            auto& of = lanes_[at];
            if (leaves_at > now || of.last_request == requests_ || (size > 0 && size + b->builder.size_bytes() > plan.request_bytes)) break;
            opened_.pop_front();
            seal(of);
            ready_.pop_back();
            size += b->builder.size_bytes();
            put_into(into, b, wall);
        }
    }
    if (into.batches.empty()) return false;
    into.sent = now;
    ++in_flight_;
    return true;
}

void load_source::accepted(load_batch& b, runtime::mono_time now) {
    if (b.intended.size() == 1) {
        auto records = static_cast<std::uint64_t>(b.builder.record_count());
        into_.completed(b.intended[0], now, records, b.value_bytes);
    } else {
        // Bytes are shared out evenly; the odd rest goes with the first.
        auto each = b.value_bytes / b.intended.size(), rest = b.value_bytes % b.intended.size();
        for (auto intended : b.intended) into_.completed(intended, now, 1, each + std::exchange(rest, 0));
    }
    recycle(b);
}

void load_source::refused(load_batch& b) {
    into_.failed(static_cast<std::uint64_t>(b.builder.record_count()));
    recycle(b);
}

void load_source::done(load_request& request, runtime::mono_time now, bool answered) {
    if (answered) into_.request_completed(request.sent, now);
    request.batches.clear();
    --in_flight_;
}

void load_source::recycle(load_batch& b) {
    b.intended.clear();
    if (b.made) {
        spare_made_.push_back(&b);
        return;
    }
    b.builder.reset();
    b.value_bytes = 0;
    spare_.push_back(&b);
}

void load_source::identify(producer_id id, producer_epoch epoch) {
    producer_ = id;
    epoch_ = epoch;
    for (auto& one : lanes_) one.next_sequence = 0;
}

} // namespace millrace::bench
