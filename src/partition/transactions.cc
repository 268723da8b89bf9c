#include "partition/transactions.h"

#include "base/reader.h"
#include "records/record_iterator.h"

#include <algorithm>

namespace millrace::partition {

namespace {

constexpr std::int16_t abort_marker = 0, commit_marker = 1; // ControlRecordType

// Of a control batch: what its record says, or -1.
std::int16_t marker_of(const records::batch_view& batch) {
    records::record_iterator each{batch.payload(), batch.record_count()};
    records::record_view record;
    if (batch.is_compressed() || !each.next(record) || !record.key || record.key->size() < 4) return -1;
    return load_be<std::int16_t>(record.key->data() + 2); // behind a version
}

} // namespace

void transactions::apply(const records::batch_view& batch) {
    if (!batch.is_transactional() || !batch.has_producer_id()) return;
    if (!batch.is_control()) {
        open_.emplace(batch.producer_id(), batch.base_offset());
        return;
    }
    const auto marker = marker_of(batch);
    if (marker != abort_marker && marker != commit_marker) return;
    auto at = open_.find(batch.producer_id());
    if (at == open_.end()) return; // of a transaction that wrote nothing here
    const log_offset first = at->second;
    open_.erase(at);
    if (marker == commit_marker) return;
    const auto oldest = first_open();
    aborted_transaction gone{batch.producer_id(), first, batch.last_offset(), oldest == no_offset ? batch.last_offset() + 1 : oldest};
    if (aborted_.emplace(gone.last, gone).second) unsaved_.push_back(gone);
}

bool transactions::load(bytes_view file, log_offset end) {
    reader r{file};
    while (r.remaining() >= aborted_transaction::entry_bytes) {
        auto one = log::read_aborted(r);
        if (!one || one->first.value < 0 || one->last < one->first) return false;
        if (one->last < end) aborted_.emplace(one->last, *one);
    }
    return r.remaining() == 0;
}

void transactions::keep_aborted(log_offset from, log_offset until, const std::vector<log_offset>& last_offsets) {
    for (auto at = aborted_.lower_bound(from); at != aborted_.end() && at->first < until;)
        at = std::binary_search(last_offsets.begin(), last_offsets.end(), at->first) ? std::next(at) : aborted_.erase(at);
}

log_offset transactions::first_open() const {
    log_offset oldest = no_offset;
    for (const auto& [producer, first] : open_)
        if (oldest == no_offset || first < oldest) oldest = first;
    return oldest;
}

std::vector<aborted_transaction> transactions::aborted_in(log_offset from, log_offset until) const {
    std::vector<aborted_transaction> out;
    for (auto at = aborted_.lower_bound(from); at != aborted_.end(); ++at)
        if (at->second.first < until) out.push_back(at->second);
    return out;
}

} // namespace millrace::partition
