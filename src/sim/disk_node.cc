#include "sim/disk_node.h"

#include <algorithm>
#include <functional>

namespace millrace::sim {

namespace {

void put(std::vector<std::byte>& into, std::uint64_t position, bytes_view bytes) {
    if (bytes.empty()) return;
    if (into.size() < position + bytes.size()) into.resize(position + bytes.size());
    std::ranges::copy(bytes, into.begin() + static_cast<std::ptrdiff_t>(position));
}

void apply_change(std::vector<std::byte>& to, const data_change& c) {
    if (c.size)
        to.resize(*c.size);
    else
        put(to, c.position, c.bytes);
}

// As far as `to` reaches already.
void apply_within(std::vector<std::byte>& to, const data_change& c) {
    if (c.size || c.position >= to.size()) return;
    put(to, c.position, bytes_view{c.bytes}.first(std::min<std::uint64_t>(c.bytes.size(), to.size() - c.position)));
}

void apply_change(disk_node::entry_map& to, const disk_node::entry_change& c) {
    // A name is removed only if it still means what it meant: earlier steps may have been lost.
    if (auto found = to.find(c.gone); found != to.end() && found->second == c.node) to.erase(found);
    if (!c.set.empty()) to[c.set] = c.node;
}

// The sectors of `c`, as they were in memory once it was written: what came before it in a sector goes to the medium along
// with it. Sectors are those of the medium, so they are cut at multiples of the file's position.
template <class Keeps> void write_back(std::vector<std::byte>& to, bytes_view memory, const data_change& c, Keeps keeps) {
    for (auto at = c.position / sector_bytes * sector_bytes; at < c.position + c.bytes.size(); at += sector_bytes)
        if (keeps()) put(to, at, memory.subspan(at, std::min<std::uint64_t>(sector_bytes, memory.size() - at)));
}

std::vector<std::byte> file_after_cut(const disk_node& file, survivors& which) {
    auto left = file.durable;
    auto memory = file.durable;
    for (auto& c : file.unsynced) {
        apply_change(memory, c);
        if (c.size) {
            if (which.keeps_name(c.number)) apply_change(left, c);
            continue;
        }
        switch (which.keeps_write(c.number)) {
        case survivors::part::none: break;
        case survivors::part::all: write_back(left, memory, c, [] { return true; }); break;
        case survivors::part::sectors: write_back(left, memory, c, [&] { return which.keeps_sector(); }); break;
        case survivors::part::size_only: // blocks were allocated, and show zeros
            if (left.size() < c.position + c.bytes.size()) left.resize(c.position + c.bytes.size());
            break;
        }
    }
    return left;
}

// A node reached by two names (a rename between directories, half durable) stays one node.
using rebuilt_map = std::map<const disk_node*, std::shared_ptr<disk_node>>;

std::shared_ptr<disk_node> rebuild(const disk_node& old, survivors& which, rebuilt_map& done) {
    if (auto found = done.find(&old); found != done.end()) return found->second;
    auto fresh = std::make_shared<disk_node>(old.is_directory);
    done[&old] = fresh;
    if (old.is_directory) {
        auto names = old.durable_entries;
        for (auto& c : old.unsynced_entries)
            if (which.keeps_name(c.number)) apply_change(names, c);
        for (auto& [name, node] : names) fresh->entries[name] = rebuild(*node, which, done);
        fresh->durable_entries = fresh->entries;
        return fresh;
    }
    fresh->durable = file_after_cut(old, which);
    fresh->data = fresh->durable;
    fresh->cold = true;
    return fresh;
}

std::shared_ptr<disk_node> duplicate(const disk_node& old, rebuilt_map& done) {
    if (auto found = done.find(&old); found != done.end()) return found->second;
    auto fresh = std::make_shared<disk_node>(old.is_directory);
    done[&old] = fresh;
    fresh->data = old.data;
    fresh->durable = old.durable;
    fresh->unsynced = old.unsynced;
    fresh->settled = old.settled;
    fresh->cold = old.cold;
    fresh->entries_settled = old.entries_settled;
    for (auto& [name, node] : old.entries) fresh->entries[name] = duplicate(*node, done);
    for (auto& [name, node] : old.durable_entries) fresh->durable_entries[name] = duplicate(*node, done);
    for (auto& c : old.unsynced_entries)
        fresh->unsynced_entries.push_back({c.gone, c.set, duplicate(*c.node, done), c.number});
    return fresh;
}

} // namespace

void disk_node::change(data_change c) {
    apply_change(data, c);
    unsynced.push_back(std::move(c));
}

void disk_node::settle(std::uint64_t until, sync_effect how) {
    if (until <= settled) return;
    auto end = unsynced.begin() + static_cast<std::ptrdiff_t>(until - settled);
    for (auto c = unsynced.begin(); c != end; ++c) {
        if (how == sync_effect::range_only)
            apply_within(durable, *c);
        else if (how == sync_effect::durable || c->size) // the journal has sizes, and what it has is not lost
            apply_change(durable, *c);
    }
    if (how == sync_effect::range_only) return;
    unsynced.erase(unsynced.begin(), end);
    settled = until;
}

void disk_node::change(entry_change c) {
    apply_change(entries, c);
    unsynced_entries.push_back(std::move(c));
}

void disk_node::settle_entries(std::uint64_t until) {
    if (until <= entries_settled) return;
    auto end = unsynced_entries.begin() + static_cast<std::ptrdiff_t>(until - entries_settled);
    for (auto c = unsynced_entries.begin(); c != end; ++c) apply_change(durable_entries, *c);
    unsynced_entries.erase(unsynced_entries.begin(), end);
    entries_settled = until;
}

std::uint64_t disk_node::oldest_unsynced(std::uint64_t none) const {
    if (!unsynced.empty()) none = std::min(none, unsynced.front().number);
    if (!unsynced_entries.empty()) none = std::min(none, unsynced_entries.front().number);
    for (auto& [name, node] : entries) none = std::min(none, node->oldest_unsynced(none));
    return none;
}

std::uint64_t disk_node::hash() const {
    std::uint64_t sum = std::hash<std::string_view>{}(as_text(data));
    for (auto& [name, node] : entries) {
        sum = seeded_random{sum ^ std::hash<std::string>{}(name)}.next();
        sum = seeded_random{sum ^ node->hash()}.next();
    }
    return sum;
}

std::shared_ptr<disk_node> disk_node::after_power_cut(survivors& which) const {
    rebuilt_map done;
    return rebuild(*this, which, done);
}

std::shared_ptr<disk_node> disk_node::copy() const {
    rebuilt_map done;
    return duplicate(*this, done);
}

} // namespace millrace::sim
