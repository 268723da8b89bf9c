// The first look at bytes that an earlier process left: they are checked before anybody is given them, off the loop.
#include "log/batch_order.h"
#include "log/partition_log.h"
#include "log/read_window.h"
#include "records/scan.h"
#include "runtime/offload.h"

namespace millrace::log {

namespace {

constexpr std::size_t check_chunk_bytes = 1 << 20;

struct chunk_check {
    bytes_view bytes;
    log_offset limit;   // batches end below
    batch_order& order;
    const epoch_cache& epochs; // a copy
    std::uint64_t position; // of `bytes` in the file
    std::uint64_t& last_start;
    std::size_t good = 0;    // whole batches, from the front
    std::size_t wanted = 0;  // more bytes are needed to see the next one
    const char* why = nullptr;
    bool predecessor_broke = false;

    void run() {
        records::scan_limits limits;
        limits.batch_size_max = partition_log::batch_bytes_max;
        while (good < bytes.size()) {
            auto step = records::scan_next(bytes, good, limits);
            if (step.outcome == records::scan_outcome::short_) {
                wanted = step.bytes_wanted;
                return;
            }
            if (step.outcome != records::scan_outcome::whole) {
                why = records::name_of(step.why);
                return;
            }
            const auto& b = step.batch;
            auto epoch = records::batch_view{bytes.subspan(good)}.partition_leader_epoch();
            auto known = epochs.at(b.base_offset);
            auto verdict = b.last_offset >= limit || (known != no_epoch && known != epoch)
                               ? batch_order::verdict::breaks
                               : order.next(b.base_offset, b.last_offset, epoch);
            if (verdict != batch_order::verdict::follows) {
                why = "offset or leader epoch contradicts the neighbours";
                predecessor_broke = verdict == batch_order::verdict::predecessor_broke;
                return;
            }
            last_start = position + good;
            good += b.size_bytes;
        }
    }
};

} // namespace

// Cuts the slice behind the last batch that ends at or before `limit`.
runtime::task<result<void>> partition_log::end_slice_before(slice& of, std::uint64_t limit) {
    header_scan scan{of.pin, of.position, of.position + of.length};
    std::uint32_t length = 0;
    header_scan::batch b{};
    while (!scan.at_end()) {
        if (!scan.ready()) {
            auto filled = co_await scan.fill();
            if (!filled) co_return filled;
        }
        if (!scan.take(b)) co_return std::unexpected{errc::corrupt};
        if (b.position + b.size_bytes > limit && length > 0) break;
        length = static_cast<std::uint32_t>(b.position + b.size_bytes - of.position);
        if (b.position + b.size_bytes > limit) break;
    }
    of.length = length;
    co_return result<void>{};
}

// A slice that is longer than what is checked at once ends earlier. `begins_at`: no batch of it may begin before.
runtime::task<result<void>> partition_log::check_slice(std::shared_ptr<segment> s, slice& of, log_offset begins_at, log_offset segment_end) {
    auto looked = co_await load_sums(*s);
    if (!looked) co_return looked;
    if (of.length > check_bytes_max) {
        auto shorter = co_await end_slice_before(of, of.position + check_bytes_max);
        if (!shorter) co_return shorter;
    }
    if (s->sums) {
        std::uint64_t bad = 0;
        auto good = co_await check_blocks(s, of.pin, of.position, of.position + of.length, bad);
        if (!good) co_return std::unexpected{good.error()};
        if (*good) co_return result<void>{};
        shard_.stats().slices_damaged.add(1);
        const auto place = s->base.value + static_cast<std::int64_t>(bad);
        if (std::exchange(damage_told_, place) != place)
            (void)refuse(errc::corrupt, segment_file_name(s->base, ".log"), bad,
                         "the MiB that begins here is not what was written, and is not served: restore the file from a copy, or give the "
                         "records up with `millrace log recover --write " + directory_ + "`");
        if (bad <= of.position) co_return std::unexpected{errc::corrupt};
        auto shorter = co_await end_slice_before(of, bad);
        if (shorter && of.position + of.length > bad) co_return std::unexpected{errc::corrupt};
        co_return shorter;
    }
    const std::uint64_t end = of.position + of.length;
    read_window window{of.pin, of.position + of.length, check_chunk_bytes};
    batch_order order{begins_at, true};
    const epoch_cache epochs = epochs_; // the pool looks at it while this one may change
    std::uint64_t last_start = of.position;
    std::uint64_t at = of.position;
    while (at < end || at == of.position) {
        std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(records::header_size, of.position + of.length - at));
        const char* why = nullptr;
        for (std::size_t tries = 0; tries < 2; ++tries) { // the second time with the whole of a large batch
            auto filled = co_await window.fill(at, want);
            if (!filled) co_return filled;
            chunk_check check{window.rest(at), segment_end, order, epochs, at, last_start};
            bool ran = false;
            if (env_.world.offload) ran = co_await runtime::off_loop(*env_.world.offload, [&check]() noexcept { check.run(); });
            if (!ran) check.run(); // the pool is full: late is better than not
            at = check.predecessor_broke ? last_start : at + check.good;
            why = check.why;
            if (check.good > 0 || why) break;
            if (at + check.wanted > of.position + of.length) {
                why = "a batch is cut short";
                break;
            }
            want = check.wanted;
        }
        if (why) {
            shard_.stats().slices_damaged.add(1);
            if (std::exchange(damage_told_, s->base.value + static_cast<std::int64_t>(at)) != s->base.value + static_cast<std::int64_t>(at))
                (void)refuse(errc::corrupt, segment_file_name(s->base, ".log"), at,
                             std::string{why} + "; what follows is not served: restore the file from a copy, or give the records up with "
                             "`millrace log recover --write " + directory_ + "`");
            if (at == of.position) co_return std::unexpected{errc::corrupt};
            break; // what lies in front of it is good
        }
        if (at == of.position + of.length) break;
    }
    of.length = static_cast<std::uint32_t>(at - of.position);
    s->checked.add(of.position, at);
    co_return result<void>{};
}

} // namespace millrace::log
