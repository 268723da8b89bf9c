// Checksums of closed segments: made when a segment is closed, looked at when its bytes are first read by another process.
#include "base/crc32c.h"
#include "log/block_sums.h"
#include "log/directory_checkpoints.h"
#include "log/file_names.h"
#include "log/partition_log.h"
#include "runtime/offload.h"

namespace millrace::log {

namespace {

constexpr std::size_t piece_bytes = 256 << 10; // read on the loop at a time
constexpr std::size_t sums_bytes_max = 1 << 20;

// The CRC of [from, to), or nothing where it cannot be read.
runtime::task<std::optional<std::uint32_t>> crc_of(environment& env, runtime::file& file, std::uint64_t from, std::uint64_t to,
                                                   runtime::offload_weight weight) {
    std::vector<std::byte> piece(static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, to - from)));
    std::uint32_t crc = 0;
    while (from < to) {
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), to - from));
        auto got = co_await runtime::read(file, from, {piece.data(), n});
        if (!got || *got < n) co_return std::nullopt;
        auto add = [&crc, &piece, n]() noexcept { crc = crc32c(crc, bytes_view{piece}.first(n)); };
        bool ran = false;
        if (env.world.offload) ran = co_await runtime::off_loop(*env.world.offload, add, weight);
        if (!ran) add(); // the pool is full
        from += n;
    }
    co_return crc;
}

} // namespace

block_sums partition_log::sums_for(const segment& s, log_offset end) const {
    block_sums sums;
    sums.topic = id_;
    if (auto named = directory_checkpoints::parse_directory_name(name_in(directory_))) sums.partition = named->partition;
    sums.base = s.base;
    sums.end = end;
    sums.size_bytes = s.size_bytes;
    return sums;
}

// In the background, out of the page cache. A stop or a crash in between leaves the segment without: then its batches are checked one
// by one when they are first read.
runtime::task<void> partition_log::sum_segment(std::shared_ptr<segment> s, std::shared_ptr<runtime::file> file, log_offset end) {
    block_sums sums = sums_for(*s, end);
    for (std::uint64_t at = 0; at < sums.size_bytes; at += block_sums::block_bytes) {
        if (closing_ || failed_) co_return;
        auto crc = co_await crc_of(env_, *file, at, std::min(at + block_sums::block_bytes, sums.size_bytes), runtime::offload_weight::heavy);
        if (!crc) co_return;
        sums.blocks.push_back(*crc);
    }
    segment_gate::pass writing{gate_, segment_gate::kind::load}; // by name, which may be another's soon
    co_await writing;
    if (closing_ || failed_ || s->retired) co_return;
    auto wrote = co_await runtime::replace_whole(*env_.world.disk, directory_, segment_file_name(s->base, block_sums::suffix), sums.encode());
    if (!wrote && wrote.error() != runtime::errc::no_space) fail_everything();
}

// Once per segment and process. Sums of more bytes than there are say only where it has to end; those of fewer say nothing: it was the last
// one again and has grown since.
runtime::task<result<void>> partition_log::load_sums(segment& s) {
    if (std::exchange(s.sums_looked_for, true)) co_return result<void>{};
    const std::string name = segment_file_name(s.base, block_sums::suffix);
    segment_gate::pass reading{gate_, segment_gate::kind::load};
    co_await reading;
    if (s.retired) co_return result<void>{}; // they are another's now
    auto stored = co_await runtime::read_whole(*env_.world.disk, path(name), sums_bytes_max);
    auto sums = stored ? block_sums::decode(*stored) : std::nullopt;
    if (!sums || sums->base != s.base || sums->size_bytes < s.size_bytes) co_return result<void>{};
    auto named = directory_checkpoints::parse_directory_name(name_in(directory_));
    if (sums->topic != id_ || (named && named->partition != sums->partition)) {
        s.sums_looked_for = false;
        if (std::exchange(damage_told_, s.base.value) == s.base.value) co_return std::unexpected{errc::corrupt};
        co_return refuse(errc::corrupt, segment_file_name(s.base, ".log"), 0,
                         "the segment is of partition " + std::to_string(sums->partition.value) + " of topic id " + sums->topic.to_string() +
                             ": put this partition's own file here");
    }
    s.next_base = sums->end;
    if (sums->size_bytes == s.size_bytes) s.sums = std::make_unique<block_sums>(std::move(*sums));
    co_return result<void>{};
}

// A reader found nothing from `from` on in this segment, and the next one begins behind that. Compaction leaves such gaps; files that were
// lost or cut short leave them too. Where the sums say nothing, they are taken for compaction's.
runtime::task<result<void>> partition_log::vouch_for_gap(std::shared_ptr<segment> s, log_offset from, log_offset segment_end) {
    if (from >= segment_end || s == segments_.back() || !s->checked.foreign()) co_return result<void>{};
    auto looked = co_await load_sums(*s);
    if (!looked || s->next_base == no_offset || (s->sums && s->next_base >= segment_end)) co_return looked;
    const auto place = s->base.value + static_cast<std::int64_t>(s->size_bytes);
    if (std::exchange(damage_told_, place) == place) co_return std::unexpected{errc::corrupt};
    const bool whole = s->sums != nullptr;
    co_return refuse(errc::corrupt, segment_file_name(whole ? s->next_base : s->base, ".log"), whole ? std::nullopt : std::optional{s->size_bytes},
                     (whole ? "missing: the records" : "is not as long as it was when it was closed: the records") + std::string{" from offset "} +
                         std::to_string(from.value) + " to " + std::to_string(segment_end.value - 1) +
                         " were written and are gone: restore the file from a copy, or give the records up with `millrace log recover --write " +
                         directory_ + "`");
}

// True: every block that [from, to) touches is as it was when the segment was closed, and is trusted from now on. Else `bad`: the first
// block that is not.
runtime::task<result<bool>> partition_log::check_blocks(std::shared_ptr<segment> s, std::shared_ptr<runtime::file> file, std::uint64_t from,
                                                        std::uint64_t to, std::uint64_t& bad) {
    for (auto block = from / block_sums::block_bytes; block * block_sums::block_bytes < to; ++block) {
        const auto begin = block * block_sums::block_bytes, end = std::min(begin + block_sums::block_bytes, s->sums->size_bytes);
        if (s->checked.covers(begin, end)) continue;
        auto crc = co_await crc_of(env_, *file, begin, end, runtime::offload_weight::light);
        if (!crc) co_return storage_failed();
        if (*crc != s->sums->blocks[static_cast<std::size_t>(block)]) {
            bad = begin;
            co_return false;
        }
        s->checked.add(begin, end);
    }
    co_return true;
}

} // namespace millrace::log
