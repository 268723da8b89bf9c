#include "log/journal_record.h"

#include "base/crc32c.h"
#include "base/reader.h"

#include <algorithm>

namespace millrace::log {

namespace {

constexpr std::uint64_t geometry_magic = 0x4d524a4f55524e31; // "MRJOURN1"
constexpr std::uint64_t record_magic = 0x4d52434f4d4d4954;   // "MRCOMMIT"

// Both begin with: magic (8), CRC32C of what comes behind it (4), size (4).
constexpr std::size_t crc_at = 8, size_at = 12, checked_from = 12;
// A record goes on with: sequence (8), live_from (8), the journal's id (8), ranges (4), zero (4).
constexpr std::size_t sequence_at = 16, live_from_at = 24, id_at = 32, ranges_at = 40, header_bytes = 48;
// A range: topic id (16), segment (8), position (8), length (4), length of the name (2), the name, the bytes.
constexpr std::size_t range_bytes = 38;
constexpr std::size_t regions_max = 1024;

std::size_t in_blocks(std::size_t bytes) {
    return (bytes + journal_block_bytes - 1) / journal_block_bytes * journal_block_bytes;
}

void seal(mutable_bytes whole, std::uint64_t magic) {
    store_be(whole.data(), magic);
    store_be(whole.data() + size_at, static_cast<std::uint32_t>(whole.size()));
    store_be(whole.data() + crc_at, crc32c(whole.subspan(checked_from)));
}

bool is_whole(bytes_view whole) { return load_be<std::uint32_t>(whole.data() + crc_at) == crc32c(whole.subspan(checked_from)); }

} // namespace

std::vector<std::byte> encode_journal_geometry(const journal_geometry& g) {
    std::vector<std::byte> block(journal_block_bytes);
    store_be(block.data() + 16, g.region_bytes);
    store_be(block.data() + 24, g.regions);
    store_be(block.data() + 32, g.id);
    seal(block, geometry_magic);
    return block;
}

std::optional<journal_geometry> decode_journal_geometry(bytes_view block) {
    if (block.size() != journal_block_bytes || load_be<std::uint64_t>(block.data()) != geometry_magic || !is_whole(block))
        return std::nullopt;
    journal_geometry g{load_be<std::uint64_t>(block.data() + 16), load_be<std::uint32_t>(block.data() + 24),
                       load_be<std::uint64_t>(block.data() + 32)};
    if (g.regions == 0 || g.regions > regions_max || g.region_bytes == 0 || g.region_bytes % journal_block_bytes) return std::nullopt;
    return g;
}

std::size_t journal_record_builder::range_size(std::size_t name_bytes, std::uint64_t length) { return range_bytes + name_bytes + length; }

std::size_t journal_record_builder::header_size() { return header_bytes; }

journal_record_builder::journal_record_builder(mutable_bytes into) : into_{into}, used_{header_bytes} {
    std::fill_n(into_.begin(), header_bytes, std::byte{0});
}

std::optional<mutable_bytes> journal_record_builder::add(const journal_range& where, std::size_t length) {
    const std::size_t head = range_bytes + where.partition.size();
    if (head + length > room()) return std::nullopt;
    std::byte* at = into_.data() + used_;
    std::memcpy(at, where.topic.bytes.data(), 16);
    store_be(at + 16, where.segment.value);
    store_be(at + 24, where.position);
    store_be(at + 32, static_cast<std::uint32_t>(length));
    store_be(at + 36, static_cast<std::uint16_t>(where.partition.size()));
    std::memcpy(at + range_bytes, where.partition.data(), where.partition.size());
    used_ += head + length;
    ++ranges_;
    return mutable_bytes{at + head, length};
}

std::size_t journal_record_builder::size_bytes() const { return in_blocks(used_); }

bytes_view journal_record_builder::finish(std::uint64_t journal_id, std::uint64_t sequence, std::uint64_t live_from) {
    mutable_bytes whole = into_.first(size_bytes());
    std::fill(whole.begin() + static_cast<std::ptrdiff_t>(used_), whole.end(), std::byte{0});
    store_be(whole.data() + sequence_at, sequence);
    store_be(whole.data() + live_from_at, live_from);
    store_be(whole.data() + id_at, journal_id);
    store_be(whole.data() + ranges_at, ranges_);
    seal(whole, record_magic);
    return whole;
}

std::optional<std::size_t> journal_record_size(bytes_view first_block) {
    if (first_block.size() < journal_block_bytes || load_be<std::uint64_t>(first_block.data()) != record_magic) return std::nullopt;
    std::size_t size = load_be<std::uint32_t>(first_block.data() + size_at);
    if (size == 0 || size % journal_block_bytes) return std::nullopt;
    return size;
}

std::optional<journal_record> decode_journal_record(bytes_view bytes, std::uint64_t journal_id) {
    auto size = journal_record_size(bytes);
    if (!size || *size > bytes.size() || !is_whole(bytes.first(*size))) return std::nullopt;
    reader in{bytes.subspan(sequence_at, *size - sequence_at)};
    journal_record out;
    out.size_bytes = *size;
    out.sequence = in.be<std::uint64_t>();
    out.live_from = in.be<std::uint64_t>();
    if (in.be<std::uint64_t>() != journal_id) return std::nullopt;
    auto ranges = in.u32();
    in.skip(4);
    for (std::uint32_t i = 0; i < ranges && in.ok(); ++i) {
        journal_range r;
        auto topic = in.take(16);
        if (in.ok()) std::memcpy(r.topic.bytes.data(), topic.data(), 16);
        r.segment = {in.i64()};
        r.position = in.be<std::uint64_t>();
        auto length = in.u32();
        r.partition = as_text(in.take(in.u16()));
        r.bytes = in.take(length);
        out.ranges.push_back(r);
    }
    if (!in.ok() || out.live_from > out.sequence) return std::nullopt;
    return out;
}

} // namespace millrace::log
