// How the commit journal looks on disk: one block that says its geometry, and records, each of them one commit of many
// small appends with the appended bytes themselves.
// Owner: pure functions on bytes; the builder is a local of whoever writes.
// Invariant: a record is whole or it is none (CRC32C over all of it); a range says whose bytes they are and where they belong.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "runtime/disk.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace millrace::log {

inline constexpr std::size_t journal_block_bytes = runtime::direct_block_bytes;

// A block, then `regions` of `region_bytes` each; records lie one after the other in a region, at block borders.
struct journal_geometry {
    std::uint64_t region_bytes = 0;
    std::uint32_t regions = 0;
    // Drawn for each journal, and in each of its records: behind the last record lie old bytes, which clients chose.
    std::uint64_t id = 0;

    friend auto operator<=>(const journal_geometry&, const journal_geometry&) = default;
    std::uint64_t position_of(std::uint32_t region) const { return journal_block_bytes + region * region_bytes; }
    std::uint64_t file_bytes() const { return position_of(regions); }
};

std::vector<std::byte> encode_journal_geometry(const journal_geometry& g); // one block
std::optional<journal_geometry> decode_journal_geometry(bytes_view block);

// Bytes that were appended to one segment.
struct journal_range {
    std::string_view partition; // the name of its directory, "orders-12"
    topic_id topic;             // … which a later topic of that name does not have
    log_offset segment;         // its base offset
    std::uint64_t position = 0; // in the segment
    bytes_view bytes;
};

struct journal_record {
    std::uint64_t sequence = 0;  // one more than that of the record before it
    std::uint64_t live_from = 0; // records with lower sequences are void: their bytes are in the segments for good
    std::size_t size_bytes = 0;
    std::vector<journal_range> ranges; // views into the bytes decoded
};

class journal_record_builder {
  public:
    // What a range takes of the room, and what the record itself does.
    static std::size_t range_size(std::size_t name_bytes, std::uint64_t length);
    static std::size_t header_size();

    // REQUIRES: `into` holds at least one block, and whole blocks.
    explicit journal_record_builder(mutable_bytes into);
    // Where the bytes of this range belong, all of them before `finish`; nothing if there is no room.
    std::optional<mutable_bytes> add(const journal_range& where, std::size_t length);
    std::size_t room() const { return into_.size() - used_; }
    std::size_t size_bytes() const; // of the record so far, in whole blocks
    bytes_view finish(std::uint64_t journal_id, std::uint64_t sequence, std::uint64_t live_from);

  private:
    mutable_bytes into_;
    std::size_t used_;
    std::uint32_t ranges_ = 0;
};

// How long the record is that begins with this block, by its own word; nothing if none begins here.
std::optional<std::size_t> journal_record_size(bytes_view first_block);
// The record that `bytes` begin with, if it is whole and of this journal.
std::optional<journal_record> decode_journal_record(bytes_view bytes, std::uint64_t journal_id);

} // namespace millrace::log
