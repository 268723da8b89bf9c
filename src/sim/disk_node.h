// A file or directory of the simulated disk: as readers see it, and as a power cut would leave it.
// Owner: its directory's entries and the files open on it; one thread.
// Invariant: `data` is `durable` with all of `unsynced` applied (and what a failed sync lost); `entries` is
// `durable_entries` with all of `unsynced_entries` applied.
#pragma once

#include "base/bytes.h"
#include "sim/survivors.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::sim {

inline constexpr std::uint64_t sector_bytes = 512;

// A write at a position, or (no bytes, `size` set) a truncation.
struct data_change {
    std::uint64_t number = 0; // counted over the whole disk
    std::uint64_t position = 0;
    std::vector<std::byte> bytes;
    std::optional<std::uint64_t> size;
};

// What a sync does for the changes that it covers.
enum class sync_effect : std::uint8_t {
    durable,
    lost,       // it failed: the bytes are gone, the sizes (they are in the journal) are kept
    range_only, // bytes in what was durably allocated before are kept; a longer size is not
};

struct disk_node {
    explicit disk_node(bool directory) : is_directory{directory} {}

    // One step of a directory: a name gone, a name set, or both at once (rename within it).
    struct entry_change {
        std::string gone;
        std::string set;
        std::shared_ptr<disk_node> node; // what `gone` or `set` names
        std::uint64_t number = 0;
    };
    using entry_map = std::map<std::string, std::shared_ptr<disk_node>>;

    const bool is_directory;

    std::vector<std::byte> data;
    std::vector<std::byte> durable;
    std::vector<data_change> unsynced;
    std::uint64_t settled = 0; // changes that left `unsynced` so far
    bool cold = false;         // not in memory: reads take time

    entry_map entries;
    entry_map durable_entries;
    std::vector<entry_change> unsynced_entries;
    std::uint64_t entries_settled = 0;

    // --- files
    void change(data_change c);
    std::uint64_t changes() const { return settled + unsynced.size(); }
    // Changes before number `until` of this file become durable, or what else their sync did.
    void settle(std::uint64_t until, sync_effect how);

    // --- directories
    void change(entry_change c);
    std::uint64_t entry_changes() const { return entries_settled + unsynced_entries.size(); }
    void settle_entries(std::uint64_t until);

    // The lowest number of an unsynced change here and below; `none` if there is none.
    std::uint64_t oldest_unsynced(std::uint64_t none) const;
    // A tree of its own as a power cut leaves it: nothing is unsynced in it, nothing in memory.
    std::shared_ptr<disk_node> after_power_cut(survivors& which) const;
    // Of all names and bytes that readers see.
    std::uint64_t hash() const;
    // A tree of its own as it is.
    std::shared_ptr<disk_node> copy() const;
};

} // namespace millrace::sim
