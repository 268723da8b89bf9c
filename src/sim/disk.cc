#include "sim/disk.h"

#include "sim/disk_file.h"
#include "sim/pause.h"

#include <algorithm>
#include <cerrno>

namespace millrace::sim {

using namespace runtime;

namespace {

std::unexpected<errc> failed(int error) { return std::unexpected{from_errno(error)}; }

std::uint64_t bytes_below(const disk_node& n) {
    std::uint64_t sum = n.data.size();
    for (auto& [name, child] : n.entries) sum += bytes_below(*child);
    return sum;
}

} // namespace

disk::disk(schedule& when) : when_{when}, root_{std::make_shared<disk_node>(true)} {}

disk::located disk::locate(const std::string& path) const {
    located at{nullptr, "", root_};
    std::size_t from = 0;
    while (from < path.size()) {
        auto slash = std::min(path.find('/', from), path.size());
        auto name = path.substr(from, slash - from);
        from = slash + 1;
        if (name.empty() || name == ".") continue;
        if (!at.node || !at.node->is_directory) return {};
        at.parent = at.node;
        auto found = at.parent->entries.find(name);
        at.node = found == at.parent->entries.end() ? nullptr : found->second;
        at.name = name;
    }
    return at;
}

int disk::begin_change() {
    if (power_is_cut()) return -EIO;
    if (before_change) before_change();
    ++counts_.changes;
    return 0;
}

int disk::begin_call(disk_call what) {
    if (power_is_cut()) return -EIO;
    auto at = static_cast<std::size_t>(what);
    return ++calls_[at] == call_failures_[at].at ? -call_failures_[at].error : 0;
}

void disk::set_entry(disk_node& in, std::string gone, std::string set, std::shared_ptr<disk_node> node) {
    in.change(disk_node::entry_change{std::move(gone), std::move(set), std::move(node), next_number()});
}

std::uint64_t disk::used_bytes() const { return bytes_below(*root_); }

task<result<std::unique_ptr<file>>> disk::open(std::string path, open_mode mode) {
    pause some{when_};
    co_await some;
    auto at = locate(path);
    bool creates = mode == open_mode::create || mode == open_mode::create_new || mode == open_mode::direct;
    bool makes = !at.node && creates && at.parent;
    if (int error = begin_call(makes ? disk_call::create : disk_call::open)) co_return failed(error);
    if (at.node) {
        if (mode == open_mode::create_new) co_return failed(EEXIST);
        if (at.node->is_directory) co_return failed(EISDIR);
    } else {
        if (!makes) co_return failed(ENOENT);
        begin_change();
        at.node = std::make_shared<disk_node>(false);
        set_entry(*at.parent, "", at.name, at.node);
    }
    std::unique_ptr<file> opened = std::make_unique<disk_file>(*this, at.node);
    co_return opened;
}

task<result<void>> disk::make_directory(std::string path) {
    pause some{when_};
    co_await some;
    if (int error = begin_call(disk_call::make_directory)) co_return failed(error);
    auto at = locate(path);
    if (at.node) co_return failed(EEXIST);
    if (!at.parent) co_return failed(ENOENT);
    begin_change();
    set_entry(*at.parent, "", at.name, std::make_shared<disk_node>(true));
    co_return result<void>{};
}

task<result<void>> disk::rename(std::string from, std::string to) {
    pause some{when_};
    co_await some;
    if (int error = begin_call(disk_call::rename)) co_return failed(error);
    auto old = locate(from);
    auto target = locate(to);
    if (!old.node || !old.parent || !target.parent) co_return failed(ENOENT);
    if (old.node == target.node) co_return result<void>{};
    if (target.node) {
        if (target.node->is_directory != old.node->is_directory) co_return failed(old.node->is_directory ? ENOTDIR : EISDIR);
        if (!target.node->entries.empty()) co_return failed(ENOTEMPTY);
    }
    begin_change();
    if (old.parent == target.parent) {
        set_entry(*old.parent, old.name, target.name, old.node);
    } else {
        // Two directories, two syncs: after a power cut the name may be in both or, if only the old one was synced, gone.
        set_entry(*target.parent, "", target.name, old.node);
        set_entry(*old.parent, old.name, "", old.node);
    }
    co_return result<void>{};
}

task<result<void>> disk::remove(std::string path) {
    pause some{when_};
    co_await some;
    if (int error = begin_call(disk_call::remove)) co_return failed(error);
    auto at = locate(path);
    if (!at.node || !at.parent) co_return failed(ENOENT);
    if (!at.node->entries.empty()) co_return failed(ENOTEMPTY);
    begin_change();
    set_entry(*at.parent, at.name, "", at.node);
    co_return result<void>{};
}

task<result<void>> disk::sync_directory(std::string path) {
    auto asked = locate(path);
    auto until = asked.node ? asked.node->entry_changes() : 0;
    auto boot = boot_;
    pause some{when_};
    co_await some;
    if (boot != boot_ || power_is_cut()) co_return failed(EIO);
    if (!asked.node) co_return failed(ENOENT);
    if (!asked.node->is_directory) co_return failed(ENOTDIR);
    begin_change();
    ++counts_.directory_syncs;
    if (counts_.directory_syncs == directory_sync_failure_.at) co_return failed(directory_sync_failure_.error);
    if (mutation_ != disk_mutation::directory_sync_skipped) asked.node->settle_entries(until);
    co_return result<void>{};
}

task<result<std::vector<directory_entry>>> disk::list(std::string path) {
    pause some{when_};
    co_await some;
    if (int error = begin_call(disk_call::list)) co_return failed(error);
    auto at = locate(path);
    if (!at.node) co_return failed(ENOENT);
    if (!at.node->is_directory) co_return failed(ENOTDIR);
    std::vector<directory_entry> all;
    for (auto& [name, node] : at.node->entries) {
        directory_entry e;
        e.name = name;
        e.is_directory = node->is_directory;
        e.size_bytes = node->data.size();
        all.push_back(std::move(e));
    }
    co_return all;
}

task<result<runtime::disk_space>> disk::space(std::string) {
    pause some{when_};
    co_await some;
    if (power_is_cut()) co_return failed(EIO);
    auto used = used_bytes();
    co_return runtime::disk_space{capacity_bytes_, used < capacity_bytes_ ? capacity_bytes_ - used : 0};
}

void disk::drop_unsynced() { crash(survival::nothing); }

void disk::crash(bool torn) { load(after_crash(survival::any, when_.pick(std::uint64_t{1} << 62), torn)); }

void disk::crash(survival mode) { load(after_crash(mode, when_.pick(std::uint64_t{1} << 62))); }

disk_image disk::after_crash(std::optional<survival> mode, std::uint64_t seed, bool torn) const {
    if (!mode) return {root_->copy(), next_change_};
    survivors which{*mode, seed, root_->oldest_unsynced(next_change_), next_change_, torn};
    return {root_->after_power_cut(which), next_change_};
}

void disk::load(const disk_image& from) {
    root_ = from.root->copy();
    next_change_ = std::max(next_change_, from.next_change);
    ++boot_;
    cut_at_.reset();
}

void disk::end_process() {
    ++boot_;
    cut_at_.reset();
}

std::optional<std::vector<std::byte>> disk::peek(const std::string& path) const {
    auto at = locate(path);
    if (!at.node || at.node->is_directory) return std::nullopt;
    return at.node->data;
}

} // namespace millrace::sim
