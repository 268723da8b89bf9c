#include "sim/disk_file.h"

#include "base/assert.h"
#include "sim/pause.h"

#include <algorithm>
#include <cerrno>

namespace millrace::sim {

using namespace runtime;

int disk_file::write_now(std::uint64_t position, std::span<const bytes_view> parts) {
    if (gone()) return -EIO;
    if (int error = disk_.begin_change()) return error;
    data_change c;
    c.position = position;
    for (auto part : parts) c.bytes.insert(c.bytes.end(), part.begin(), part.end());
    auto asked = c.bytes.size();
    ++disk_.counts_.writes;
    int error = 0;
    if (disk_.counts_.writes == disk_.write_failure_.at) error = disk_.write_failure_.error;
    auto grows = position + asked > size() ? position + asked - size() : 0;
    if (grows > 0 && disk_.used_bytes() + grows > disk_.capacity_bytes_) error = ENOSPC;
    if (error) c.bytes.resize(disk_.when_.pick(asked + 1) * (error != ENOSPC));
    disk_.counts_.bytes_written += c.bytes.size();
    node_->change(std::move(c));
    return error ? -error : static_cast<int>(asked);
}

bool disk_file::write(file_op& op, std::uint64_t position, std::span<const bytes_view> parts) {
    MR_ASSERT(parts.size() <= write_parts_max, "a gathered write has too many parts");
    if (disk_.when_.coin()) {
        op.res = write_now(position, parts);
        return true;
    }
    disk_.when_.later([this, &op, position, kept = std::vector<bytes_view>{parts.begin(), parts.end()},
                       &home = shard::current()] { disk_.when_.complete(home, op, write_now(position, kept)); });
    return false;
}

int disk_file::read_now(std::uint64_t position, mutable_bytes into) {
    if (gone() || disk_.power_is_cut()) return -EIO;
    node_->cold = false;
    if (position >= size()) return 0;
    auto n = std::min<std::uint64_t>(into.size(), size() - position);
    std::copy_n(node_->data.begin() + static_cast<std::ptrdiff_t>(position), n, into.begin());
    return static_cast<int>(n);
}

bool disk_file::read(file_op& op, std::uint64_t position, mutable_bytes into) {
    if (!node_->cold && disk_.when_.coin()) {
        op.res = read_now(position, into);
        return true;
    }
    disk_.when_.later([this, &op, position, into, &home = shard::current()] {
        disk_.when_.complete(home, op, read_now(position, into));
    });
    return false;
}

bytes_view disk_file::peek(std::uint64_t position, std::size_t length, std::uint64_t) {
    if (node_->cold || gone() || disk_.power_is_cut() || position + length > size()) return {};
    return bytes().subspan(position, length);
}

int disk_file::sync_now(std::uint64_t until) {
    if (gone()) return -EIO;
    if (int error = disk_.begin_change()) return error;
    ++disk_.counts_.syncs;
    bool fails = disk_.counts_.syncs == disk_.sync_failure_.at;
    node_->settle(until, !fails);
    return fails ? -disk_.sync_failure_.error : 0;
}

void disk_file::sync(file_op& op) {
    // Only what was complete when the sync was asked for: a write beside it may or may not be covered.
    disk_.when_.later([this, &op, until = node_->changes(), &home = shard::current()] {
        disk_.when_.complete(home, op, sync_now(until));
    });
}

void disk_file::reserve(file_op& op, std::uint64_t, std::uint64_t) {
    disk_.when_.complete_later(shard::current(), op, gone() || disk_.power_is_cut() ? -EIO : 0);
}

task<result<void>> disk_file::truncate(std::uint64_t size) {
    pause some{disk_.when_};
    co_await some;
    if (gone() || disk_.begin_change()) co_return std::unexpected{errc::io_error};
    data_change c;
    c.size = size;
    node_->change(std::move(c));
    co_return result<void>{};
}

bool disk_file::resident(std::uint64_t position, std::uint64_t length) {
    return !node_->cold && position + length <= size();
}

void disk_file::read_ahead(file_op& op, std::uint64_t, std::uint64_t) {
    disk_.when_.later([this, &op, &home = shard::current()] {
        if (!gone()) node_->cold = false;
        disk_.when_.complete(home, op, gone() || disk_.power_is_cut() ? -EIO : 0);
    });
}

} // namespace millrace::sim
