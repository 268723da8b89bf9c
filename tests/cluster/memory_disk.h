// A disk in memory for the store's tests: what is written and what is flushed are kept apart.
// Owner: a test; one thread.
// Invariant: `sync` completes only in `run`, as on a real disk it never completes inside the call.
#pragma once

#include "runtime/disk.h"
#include "runtime/random.h"

#include <deque>
#include <map>
#include <set>

namespace millrace::cluster::testing {

using content = std::vector<std::byte>;

struct memory_disk final : runtime::disk {
    std::map<std::string, std::shared_ptr<content>> files;
    std::set<std::string> directories{"/"};
    std::deque<runtime::file_op*> pending;
    int syncs = 0;
    bool fail_syncs = false;
    bool fail_writes = false;

    struct open_file final : runtime::file {
        memory_disk& on;
        std::shared_ptr<content> bytes;
        open_file(memory_disk& d, std::shared_ptr<content> b) : on{d}, bytes{std::move(b)} {}
        bool write(runtime::file_op& op, std::uint64_t position, std::span<const bytes_view> parts) override {
            op.res = 0;
            if (on.fail_writes) {
                op.res = -5; // EIO
                return true;
            }
            for (auto part : parts) {
                if (bytes->size() < position + part.size()) bytes->resize(position + part.size());
                std::copy(part.begin(), part.end(), bytes->begin() + static_cast<std::ptrdiff_t>(position));
                position += part.size();
                op.res += static_cast<int>(part.size());
            }
            return true;
        }
        bool read(runtime::file_op& op, std::uint64_t position, mutable_bytes into) override {
            auto n = position < bytes->size() ? std::min<std::size_t>(into.size(), bytes->size() - position) : 0;
            std::copy_n(bytes->begin() + static_cast<std::ptrdiff_t>(position), n, into.begin());
            op.res = static_cast<int>(n);
            return true;
        }
        void sync(runtime::file_op& op) override {
            ++on.syncs;
            op.res = on.fail_syncs ? -5 : 0;
            on.pending.push_back(&op);
        }
        void write_durable(runtime::file_op& op, std::uint64_t position, bytes_view from) override {
            write(op, position, {&from, 1});
            on.pending.push_back(&op);
        }
        void reserve(runtime::file_op& op, std::uint64_t, std::uint64_t) override { on.pending.push_back(&op); }
        runtime::task<runtime::result<void>> truncate(std::uint64_t size) override {
            bytes->resize(size);
            co_return runtime::result<void>{};
        }
        std::uint64_t size() const override { return bytes->size(); }
        bytes_view peek(std::uint64_t position, std::size_t length, std::uint64_t) override {
            return bytes_view{*bytes}.subspan(position, length);
        }
        bool resident(std::uint64_t, std::uint64_t) override { return true; }
        void read_ahead(runtime::file_op& op, std::uint64_t, std::uint64_t) override { on.pending.push_back(&op); }
    };

    runtime::task<runtime::result<std::unique_ptr<runtime::file>>> open(std::string path, runtime::open_mode mode) override {
        auto at = files.find(path);
        if (at == files.end()) {
            if (mode == runtime::open_mode::read || mode == runtime::open_mode::write)
                co_return std::unexpected{runtime::errc::not_found};
            at = files.emplace(path, std::make_shared<content>()).first;
        }
        std::unique_ptr<runtime::file> f = std::make_unique<open_file>(*this, at->second);
        co_return f;
    }
    runtime::task<runtime::result<void>> make_directory(std::string path) override {
        if (!directories.insert(path).second) co_return std::unexpected{runtime::errc::exists};
        co_return runtime::result<void>{};
    }
    runtime::task<runtime::result<void>> rename(std::string from, std::string to) override {
        auto node = files.extract(from);
        if (node.empty()) co_return std::unexpected{runtime::errc::not_found};
        files[to] = node.mapped();
        co_return runtime::result<void>{};
    }
    runtime::task<runtime::result<void>> remove(std::string path) override {
        files.erase(path);
        co_return runtime::result<void>{};
    }
    runtime::task<runtime::result<void>> sync_directory(std::string) override { co_return runtime::result<void>{}; }
    runtime::task<runtime::result<std::vector<runtime::directory_entry>>> list(std::string path) override {
        if (!directories.contains(path)) co_return std::unexpected{runtime::errc::not_found};
        std::map<std::string, runtime::directory_entry> found;
        auto inside = [&](const std::string& full) {
            return full.size() > path.size() + 1 && full.starts_with(path + "/") &&
                   full.find('/', path.size() + 1) == full.npos;
        };
        for (const auto& d : directories)
            if (inside(d)) found[d] = {d.substr(path.size() + 1), true, 0};
        for (const auto& [name, bytes] : files)
            if (inside(name)) found[name] = {name.substr(path.size() + 1), false, bytes->size()};
        std::vector<runtime::directory_entry> out;
        for (auto& [name, e] : found) out.push_back(e);
        co_return out;
    }
    runtime::task<runtime::result<runtime::disk_space>> space(std::string) override {
        co_return runtime::disk_space{std::uint64_t{1} << 40, std::uint64_t{1} << 40};
    }

    // Completes what is pending, in order, until nothing is.
    void pump() {
        while (!pending.empty()) {
            auto* op = pending.front();
            pending.pop_front();
            op->done(*op);
        }
    }
    // The disk after a restart of the process: same bytes, no shared handles.
    memory_disk copy() const {
        memory_disk other;
        other.directories = directories;
        for (const auto& [name, bytes] : files) other.files[name] = std::make_shared<content>(*bytes);
        return other;
    }
};

struct counting_random final : runtime::random {
    std::uint64_t state = 1;
    std::uint64_t next() override { // SplitMix64
        std::uint64_t x = (state += 0x9e3779b97f4a7c15ull);
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
        return x ^ (x >> 31);
    }
};

} // namespace millrace::cluster::testing
