#include "log/journal_plan.h"

#include "base/assert.h"

#include <algorithm>

namespace millrace::log {

std::optional<journal_geometry> journal_geometry_for(std::uint64_t bytes) {
    journal_geometry g{bytes / journal_regions / journal_block_bytes * journal_block_bytes, journal_regions};
    if (g.region_bytes < 2 * journal_block_bytes) return std::nullopt;
    return g;
}

journal_space::journal_space(journal_geometry geometry, std::uint32_t region, std::uint64_t sequence)
    : geometry_{geometry}, regions_(geometry.regions), oldest_{region}, current_{region}, sequence_{sequence} {}

std::optional<journal_space::place> journal_space::take(std::uint64_t bytes) {
    MR_ASSERT(bytes <= geometry_.region_bytes, "a journal record is larger than a region");
    if (regions_[current_].is == state::open && regions_[current_].used_bytes + bytes > geometry_.region_bytes)
        regions_[current_].is = state::sealed;
    if (regions_[current_].is == state::sealed) {
        if (regions_[after(current_)].is != state::free) return std::nullopt;
        current_ = after(current_);
    }
    auto& r = regions_[current_];
    if (r.is == state::free) {
        r = {state::open, sequence_, 0};
        if (regions_[oldest_].is == state::free) oldest_ = current_;
    }
    place out{geometry_.position_of(current_) + r.used_bytes, sequence_++, regions_[oldest_].first_sequence, current_};
    r.used_bytes += bytes;
    return out;
}

void journal_space::seal() {
    if (regions_[current_].is == state::open) regions_[current_].is = state::sealed;
}

std::vector<std::uint32_t> journal_space::sealed() const {
    std::vector<std::uint32_t> out;
    for (auto r = oldest_; out.size() < regions_.size() && regions_[r].is == state::sealed; r = after(r)) out.push_back(r);
    return out;
}

void journal_space::free(std::uint32_t region) {
    MR_ASSERT(region == oldest_ && regions_[region].is == state::sealed, "journal regions are freed in turn");
    regions_[region].is = state::free;
    oldest_ = region == current_ ? after(current_) : after(region);
    if (region == current_) current_ = oldest_;
}

std::uint64_t journal_space::room() const {
    const auto& r = regions_[current_];
    if (r.is == state::free || regions_[after(current_)].is == state::free) return geometry_.region_bytes;
    return r.is == state::open ? geometry_.region_bytes - r.used_bytes : 0;
}

std::uint64_t journal_space::live_from() const {
    return regions_[oldest_].is == state::free ? sequence_ : regions_[oldest_].first_sequence;
}

std::vector<journal_region_start> journal_replay_order(std::vector<journal_region_start> found, std::uint64_t newest_live_from) {
    std::erase_if(found, [&](const auto& r) { return r.sequence < newest_live_from; });
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
    return found;
}

} // namespace millrace::log
