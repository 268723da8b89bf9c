// A disk in memory for this room's tests: forgets what was not synced, counts, and fails on demand.
// Owner: the test; one shard.
// Invariant: after `lose_unsynced` it holds exactly what sync and sync_directory confirmed.
#pragma once

#include "runtime/disk.h"
#include "runtime/shard.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <map>
#include <set>

namespace millrace::log::samples {

struct node {
    std::vector<std::byte> now, durable;
};

class memory_disk final : public runtime::disk {
  public:
    std::map<std::string, std::shared_ptr<node>> files, durable_files;
    std::set<std::string> directories{"/data"};
    int writes_to_logs = 0, syncs = 0, reads = 0, peeks = 0;
    bool nothing_in_memory = false; // for peeks
    bool fail_syncs = false;
    // The nth operation from the start that changes something (write, sync, create, rename, remove, cut) fails with this errno.
    int changes = 0, fail_change = 0, fail_errno = EIO;
    std::string failed_at; // what that was
    bool hold_syncs = false;
    std::vector<runtime::file_op*> held;

    void lose_unsynced() {
        files = durable_files;
        for (auto& [path, n] : files) n->now = n->durable;
    }
    void release_syncs() {
        hold_syncs = false;
        auto all = std::exchange(held, {});
        for (auto* op : all) runtime::shard::current().post(*op);
    }

    bool fails(const char* what, const std::string& path) {
        if (++changes != fail_change) return false;
        failed_at = std::string{what} + " " + path;
        return true;
    }

    class memory_file final : public runtime::file {
      public:
        memory_file(memory_disk& disk, std::shared_ptr<node> n, std::string path)
            : disk_{disk}, node_{std::move(n)}, path_{std::move(path)}, is_log_{path_.ends_with(".log") || path_.ends_with(".log.rolled")} {}
        bool write(runtime::file_op& op, std::uint64_t position, std::span<const bytes_view> parts) override {
            if (is_log_) ++disk_.writes_to_logs;
            if (disk_.fails("write", path_)) { // half of the first part arrives
                auto half = parts.empty() ? bytes_view{} : parts[0].first(parts[0].size() / 2);
                if (node_->now.size() < position + half.size()) node_->now.resize(position + half.size());
                std::copy(half.begin(), half.end(), node_->now.begin() + static_cast<std::ptrdiff_t>(position));
                op.res = -disk_.fail_errno;
                return true;
            }
            std::uint64_t at = position;
            for (auto part : parts) {
                if (node_->now.size() < at + part.size()) node_->now.resize(at + part.size());
                std::copy(part.begin(), part.end(), node_->now.begin() + static_cast<std::ptrdiff_t>(at));
                at += part.size();
            }
            op.res = static_cast<int>(at - position);
            return true;
        }
        bool read(runtime::file_op& op, std::uint64_t position, mutable_bytes into) override {
            ++disk_.reads;
            std::size_t n = position >= node_->now.size() ? 0 : std::min<std::size_t>(into.size(), node_->now.size() - position);
            std::copy_n(node_->now.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(position, node_->now.size())), n, into.begin());
            op.res = static_cast<int>(n);
            return true;
        }
        void sync(runtime::file_op& op) override {
            ++disk_.syncs;
            op.res = disk_.fail_syncs ? -EIO : disk_.fails("sync", path_) ? -disk_.fail_errno : 0;
            if (op.res == 0) node_->durable = node_->now;
            if (disk_.hold_syncs) disk_.held.push_back(&op);
            else runtime::shard::current().post(op);
        }
        void write_durable(runtime::file_op& op, std::uint64_t position, bytes_view bytes) override {
            write(op, position, {&bytes, 1});
            auto wrote = op.res;
            sync(op);
            if (op.res == 0) op.res = wrote;
        }
        void reserve(runtime::file_op& op, std::uint64_t, std::uint64_t) override {
            op.res = 0;
            runtime::shard::current().post(op);
        }
        runtime::task<runtime::result<void>> truncate(std::uint64_t size) override {
            if (disk_.fails("cut", path_)) co_return std::unexpected{runtime::from_errno(disk_.fail_errno)};
            node_->now.resize(size);
            co_return runtime::result<void>{};
        }
        std::uint64_t size() const override { return node_->now.size(); }
        bytes_view peek(std::uint64_t position, std::size_t length, std::uint64_t end) override {
            REQUIRE(position + length <= end);
            REQUIRE(end <= node_->now.size());
            ++disk_.peeks;
            return disk_.nothing_in_memory ? bytes_view{} : bytes_view{node_->now}.subspan(position, length);
        }
        bool resident(std::uint64_t, std::uint64_t) override { return true; }
        void read_ahead(runtime::file_op& op, std::uint64_t, std::uint64_t) override { runtime::shard::current().post(op); }

      private:
        memory_disk& disk_;
        std::shared_ptr<node> node_;
        std::string path_;
        bool is_log_;
    };

    runtime::task<runtime::result<std::unique_ptr<runtime::file>>> open(std::string path, runtime::open_mode mode) override {
        bool there = files.contains(path);
        bool creates = mode != runtime::open_mode::read && mode != runtime::open_mode::write;
        if (there && mode == runtime::open_mode::create_new) co_return std::unexpected{runtime::errc::exists};
        if (!there && !creates) co_return std::unexpected{runtime::errc::not_found};
        if (!there && fails("create", path)) co_return std::unexpected{runtime::from_errno(fail_errno)};
        if (!there) files[path] = std::make_shared<node>();
        std::unique_ptr<runtime::file> f = std::make_unique<memory_file>(*this, files[path], path);
        co_return std::move(f);
    }
    runtime::task<runtime::result<void>> make_directory(std::string path) override {
        if (fails("make", path)) co_return std::unexpected{runtime::from_errno(fail_errno)};
        if (!directories.insert(path).second) co_return std::unexpected{runtime::errc::exists};
        co_return runtime::result<void>{};
    }
    runtime::task<runtime::result<void>> rename(std::string from, std::string to) override {
        if (fails("rename", from)) co_return std::unexpected{runtime::from_errno(fail_errno)};
        if (directories.erase(from)) {
            directories.insert(to);
            std::map<std::string, std::shared_ptr<node>> moved;
            for (auto& [path, n] : files) moved[path.starts_with(from + "/") ? to + path.substr(from.size()) : path] = n;
            files.swap(moved);
            co_return runtime::result<void>{};
        }
        auto at = files.find(from);
        if (at == files.end()) co_return std::unexpected{runtime::errc::not_found};
        auto n = at->second;
        files.erase(at);
        files[to] = n;
        co_return runtime::result<void>{};
    }
    runtime::task<runtime::result<void>> remove(std::string path) override {
        if (fails("remove", path)) co_return std::unexpected{runtime::from_errno(fail_errno)};
        if (!directories.erase(path) && !files.erase(path)) co_return std::unexpected{runtime::errc::not_found};
        co_return runtime::result<void>{};
    }
    runtime::task<runtime::result<void>> sync_directory(std::string path) override {
        if (fail_syncs) co_return std::unexpected{runtime::errc::io_error};
        if (fails("sync directory", path)) co_return std::unexpected{runtime::from_errno(fail_errno)};
        std::erase_if(durable_files, [&](auto& e) { return in(path, e.first) && !files.contains(e.first); });
        for (auto& [name, n] : files)
            if (in(path, name)) durable_files[name] = n;
        co_return runtime::result<void>{};
    }
    runtime::task<runtime::result<std::vector<runtime::directory_entry>>> list(std::string path) override {
        if (!directories.contains(path)) co_return std::unexpected{runtime::errc::not_found};
        std::vector<runtime::directory_entry> out;
        for (auto& [name, n] : files)
            if (in(path, name)) out.push_back({name.substr(path.size() + 1), false, n->now.size()});
        co_return out;
    }
    runtime::task<runtime::result<runtime::disk_space>> space(std::string) override {
        co_return runtime::disk_space{std::uint64_t{1} << 40, std::uint64_t{1} << 40};
    }

  private:
    static bool in(const std::string& directory, const std::string& path) {
        return path.starts_with(directory + "/") && path.find('/', directory.size() + 1) == std::string::npos;
    }
};

} // namespace millrace::log::samples
