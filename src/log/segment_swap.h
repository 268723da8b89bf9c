// Puts a compacted segment in the place of those it was made from, so that a crash at any moment leaves the old ones or the
// new one, by Kafka's names: `.cleaned` is being written, `.swap` is whole and takes its place, `.deleted` is to go.
// Owner: the partition log; one shard.
// Invariant: the new segment is on the disk before it is called `.swap`; it is durably called so before an old one loses
// its name; and the old ones have durably lost theirs before the new one gets its own.
#pragma once

#include "base/ids.h"
#include "log/errc.h"
#include "runtime/disk.h"

#include <string>
#include <vector>

namespace millrace::log {

inline constexpr const char* cleaned_suffix = ".cleaned";
inline constexpr const char* swap_suffix = ".swap";
inline constexpr const char* deleted_suffix = ".deleted";

// `.cleaned` to `.swap`, durably. REQUIRES: the files are flushed.
runtime::task<result<void>> declare_swap(runtime::disk& disk, std::string directory, log_offset base);
// The old segments' files to `.deleted`, durably, then the new one's to their own names. Adds what is to be removed to `gone`.
// REQUIRES: nobody opens one of these by name meanwhile.
runtime::task<result<void>> carry_out_swap(runtime::disk& disk, std::string directory, log_offset base, std::vector<log_offset> old,
                                           std::vector<std::string>& gone);
// Before the segments of a directory are looked at: ends what a crash interrupted. True: something was changed.
runtime::task<result<bool>> finish_swaps(runtime::disk& disk, std::string directory);

} // namespace millrace::log
