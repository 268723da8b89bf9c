#include "sim/disk_node.h"

#include <algorithm>

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

void apply_change(disk_node::entry_map& to, const disk_node::entry_change& c) {
    // A name is removed only if it still means what it meant: earlier steps may have been lost.
    if (auto found = to.find(c.gone); found != to.end() && found->second == c.node) to.erase(found);
    if (!c.set.empty()) to[c.set] = c.node;
}

// Sectors are those of the medium, so they are cut at multiples of the file's position.
void apply_torn(std::vector<std::byte>& to, const data_change& c, const std::function<bool()>& survives) {
    bytes_view left{c.bytes};
    std::uint64_t at = c.position;
    while (!left.empty()) {
        auto n = std::min<std::uint64_t>(left.size(), sector_bytes - at % sector_bytes);
        if (survives()) put(to, at, left.first(n));
        left = left.subspan(n);
        at += n;
    }
}

// A node reached by two names (a rename between directories, half durable) stays one node.
using rebuilt_map = std::map<const disk_node*, std::shared_ptr<disk_node>>;

std::shared_ptr<disk_node> rebuild(const disk_node& old, const std::function<bool()>& survives, bool torn,
                                   rebuilt_map& done) {
    if (auto found = done.find(&old); found != done.end()) return found->second;
    auto fresh = std::make_shared<disk_node>(old.is_directory);
    done[&old] = fresh;
    if (old.is_directory) {
        auto names = old.durable_entries;
        for (auto& c : old.unsynced_entries)
            if (survives()) apply_change(names, c);
        for (auto& [name, node] : names) fresh->entries[name] = rebuild(*node, survives, torn, done);
        fresh->durable_entries = fresh->entries;
        return fresh;
    }
    fresh->durable = old.durable;
    for (auto& c : old.unsynced) {
        if (!survives()) continue;
        if (torn && !c.size && survives()) // half of the surviving writes are whole
            apply_torn(fresh->durable, c, survives);
        else
            apply_change(fresh->durable, c);
    }
    fresh->data = fresh->durable;
    fresh->cold = true;
    return fresh;
}

} // namespace

void disk_node::change(data_change c) {
    apply_change(data, c);
    unsynced.push_back(std::move(c));
}

void disk_node::settle(std::uint64_t until, bool durable_now) {
    if (until <= settled) return;
    auto count = static_cast<std::ptrdiff_t>(until - settled);
    for (auto c = unsynced.begin(); c != unsynced.begin() + count; ++c)
        if (durable_now || c->size) apply_change(durable, *c); // the journal has sizes, and what it has is not lost
    unsynced.erase(unsynced.begin(), unsynced.begin() + count);
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

std::shared_ptr<disk_node> disk_node::after_power_cut(const std::function<bool()>& survives, bool torn) const {
    rebuilt_map done;
    return rebuild(*this, survives, torn, done);
}

} // namespace millrace::sim
