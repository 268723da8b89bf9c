// Takes out of a segment's `.txnindex` what belongs to bytes that were cut off: once other records stand at those offsets they
// would be taken for aborted ones.
// Owner: whoever cuts; one shard.
// Invariant: what ended in front of the cut stays, at any crash; a file that is no such index is left for its reader to refuse.
#pragma once

#include "base/ids.h"
#include "runtime/disk.h"

#include <string>

namespace millrace::log {

// Durable when done. False: there is no such file, or not any more.
runtime::task<runtime::result<bool>> cut_transaction_index(runtime::disk& disk, std::string directory, log_offset segment_base, log_offset end);

} // namespace millrace::log
