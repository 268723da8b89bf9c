#include "log/segment.h"

#include "log/errc.h"

#include <cstdio>

namespace millrace::log {

const char* name_of(errc error) {
    switch (error) {
    case errc::offset_out_of_range: return "offset out of range";
    case errc::storage_failed: return "storage failed";
    case errc::no_space: return "no space left on the device";
    case errc::corrupt: return "corrupt log";
    case errc::wrong_topic: return "the directory belongs to another topic id";
    case errc::overloaded: return "overloaded";
    case errc::closed: return "closed";
    }
    return "unknown";
}

void segment::note_batch(log_offset last_offset, timestamp_ms max_ts, std::uint32_t batch_bytes,
                         std::int32_t index_interval) {
    if (size_bytes == 0) first_timestamp = max_ts;
    if (max_ts > max_timestamp) {
        max_timestamp = max_ts;
        max_timestamp_offset = last_offset;
    }
    if (bytes_since_index > static_cast<std::uint64_t>(index_interval)) {
        offsets.append(relative(last_offset), static_cast<std::int32_t>(size_bytes));
        finish_times();
        bytes_since_index = 0;
    }
    size_bytes += batch_bytes;
    bytes_since_index += batch_bytes;
}

void segment::finish_times() {
    if (max_timestamp_offset != no_offset) times.maybe_append(max_timestamp, relative(max_timestamp_offset));
}

std::string segment_file_name(log_offset base, const char* suffix) {
    char name[64];
    std::snprintf(name, sizeof name, "%020lld%s", static_cast<long long>(base.value), suffix);
    return name;
}

void descriptor_budget::used(segment& s) {
    if (s.linked()) {
        oldest_first_.remove(s);
    } else {
        ++open_;
        ++opens_total_;
    }
    oldest_first_.push_back(s);
    while (open_ > max_ && &oldest_first_.front() != &s) {
        segment& oldest = oldest_first_.front();
        forget(oldest);
        oldest.unload();
    }
}

void descriptor_budget::forget(segment& s) {
    if (!s.linked()) return;
    oldest_first_.remove(s);
    --open_;
}

} // namespace millrace::log
