#include "sim/disk_file.h"

#include "base/assert.h"
#include "sim/pause.h"

#include <algorithm>
#include <cerrno>

namespace millrace::sim {

using namespace runtime;

// One step of a write: 0, or -errno. With an error that is not the power, a seeded part of the bytes was written.
int disk_file::write_step(std::uint64_t position, bytes_view bytes, int error) {
    if (int dark = disk_.begin_change()) return dark;
    auto grows = position + bytes.size() > size() ? position + bytes.size() - size() : 0;
    if (grows > 0 && disk_.used_bytes() + grows > disk_.capacity_bytes_) error = ENOSPC;
    if (error) bytes = bytes.first(disk_.when_.pick(bytes.size() + 1) * (error != ENOSPC));
    data_change c;
    c.number = disk_.next_number();
    c.position = position;
    c.bytes.assign(bytes.begin(), bytes.end());
    disk_.counts_.bytes_written += c.bytes.size();
    node_->change(std::move(c));
    return -error;
}

int disk_file::write_now(std::uint64_t position, std::span<const bytes_view> parts) {
    if (gone() || disk_.power_is_cut()) return -EIO;
    std::vector<std::byte> all;
    for (auto part : parts) all.insert(all.end(), part.begin(), part.end());
    bytes_view left{all};
    ++disk_.counts_.writes;
    int error = disk_.counts_.writes == disk_.write_failure_.at ? disk_.write_failure_.error : 0;
    // Now and then the kernel takes only a part and is asked again for the rest: a process may end between the two.
    if (!error && left.size() > 1 && disk_.when_.pick(8) == 0) {
        auto first = 1 + disk_.when_.pick(left.size() - 1);
        if (int failed = write_step(position, left.first(first), 0)) return failed;
        position += first;
        left = left.subspan(first);
    }
    if (int failed = write_step(position, left, error)) return failed;
    return static_cast<int>(all.size());
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
    if (gone()) return -EIO;
    if (int error = disk_.begin_call(disk_call::read)) return error;
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

int disk_file::sync_now(std::uint64_t until, bool whole) {
    if (gone()) return -EIO;
    if (int error = disk_.begin_change()) return error;
    ++disk_.counts_.syncs;
    bool fails = disk_.counts_.syncs == disk_.sync_failure_.at;
    if (fails)
        node_->settle(until, sync_effect::lost);
    else if (disk_.mutation_ == disk_mutation::range_sync_only || !whole)
        node_->settle(until, sync_effect::range_only);
    else if (disk_.mutation_ != disk_mutation::sync_skipped)
        node_->settle(until, sync_effect::durable);
    return fails ? -disk_.sync_failure_.error : 0;
}

void disk_file::sync(file_op& op) {
    bool whole = true;
    if (disk_.mutation_ == disk_mutation::one_sync_for_all) {
        auto now = disk_.when_.now();
        whole = now != disk_.last_sync_;
        disk_.last_sync_ = now;
    }
    // Only what was complete when the sync was asked for: a write beside it may or may not be covered.
    disk_.when_.later([this, &op, whole, until = node_->changes(), &home = shard::current()] {
        disk_.when_.complete(home, op, sync_now(until, whole));
    });
}

// A write and a flush, between which the power can fail.
void disk_file::write_durable(file_op& op, std::uint64_t position, bytes_view bytes) {
    disk_.when_.later([this, &op, position, bytes, &home = shard::current()] {
        int wrote = write_now(position, {&bytes, 1});
        if (wrote < 0) return disk_.when_.complete(home, op, wrote);
        disk_.when_.later([this, &op, wrote, until = node_->changes(), &home] {
            int flushed = sync_now(until, true);
            disk_.when_.complete(home, op, flushed < 0 ? flushed : wrote);
        });
    });
}

void disk_file::reserve(file_op& op, std::uint64_t, std::uint64_t) {
    disk_.when_.complete_later(shard::current(), op, gone() || disk_.power_is_cut() ? -EIO : 0);
}

task<result<void>> disk_file::truncate(std::uint64_t size) {
    pause some{disk_.when_};
    co_await some;
    if (gone()) co_return std::unexpected{errc::io_error};
    if (int error = disk_.begin_call(disk_call::truncate)) co_return std::unexpected{from_errno(error)};
    disk_.begin_change();
    data_change c;
    c.number = disk_.next_number();
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
