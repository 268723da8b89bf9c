#include "records/scan.h"

namespace millrace::records {
namespace {

scan_step corrupt(errc why) { return {.outcome = scan_outcome::corrupt, .batch = {}, .why = why, .info = {}}; }
scan_step cut_short(std::size_t bytes_wanted) {
    return {.outcome = scan_outcome::short_, .batch = {}, .bytes_wanted = bytes_wanted, .why = errc::short_batch,
            .info = {}};
}

} // namespace

scan_step scan_next(bytes_view range, std::size_t position, const scan_limits& limits) {
    MR_ASSERT(position <= range.size(), "a scan stays in its range");
    auto rest = range.subspan(position);
    if (rest.empty()) return {.outcome = scan_outcome::end, .batch = {}, .info = {}};
    if (rest.size() < header_size) return cut_short(header_size);

    // Decided from the header, before more bytes are asked for: a damaged length must not make the caller read
    // gigabytes.
    auto length = load_be<std::int32_t>(rest.data() + at::length);
    if (length < length_field_min) return corrupt(errc::bad_length);
    auto size = static_cast<std::size_t>(length) + log_overhead;
    if (size > limits.batch_size_max) return corrupt(errc::bad_length);
    if (load_be<std::int8_t>(rest.data() + at::magic) != magic_v2) return corrupt(errc::unknown_magic);
    if (size > rest.size()) return cut_short(size);

    auto checked = validate(rest.first(size), stored_rules());
    if (!checked) return corrupt(checked.error());
    // Base offset lies outside the CRC, so its neighbours have to vouch for it.
    if (checked->base_offset < limits.base_offset_min || checked->last_offset < checked->base_offset)
        return corrupt(errc::bad_offset_delta);
    return {.outcome = scan_outcome::whole,
            .batch = {.base_offset = checked->base_offset,
                      .last_offset = checked->last_offset,
                      .max_timestamp = checked->max_timestamp,
                      .max_timestamp_offset = checked->max_timestamp_offset,
                      .position = position,
                      .size_bytes = size},
            .info = *checked};
}

} // namespace millrace::records
