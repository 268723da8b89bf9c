#include "client/offset_reset.h"

#include <algorithm>

namespace millrace::client {

std::expected<reset_step, std::string> decide_reset(const reset_wish& wish, const reset_place& place) {
    std::int64_t to = 0;
    switch (wish.kind) {
    case reset_kind::to_earliest: to = place.start.value; break;
    case reset_kind::to_latest: to = place.end.value; break;
    case reset_kind::to_offset: to = wish.number; break;
    case reset_kind::shift_by:
        if (!place.committed)
            return std::unexpected{"has no committed offset to shift; use --to-earliest, --to-latest or --to-offset"};
        if (__builtin_add_overflow(place.committed->value, wish.number, &to)) to = wish.number < 0 ? INT64_MIN : INT64_MAX;
        break;
    case reset_kind::to_time: to = place.at_time == no_offset ? place.end.value : place.at_time.value; break;
    }
    auto inside = std::clamp(to, place.start.value, std::max(place.start.value, place.end.value));
    return reset_step{log_offset{inside}, inside != to};
}

} // namespace millrace::client
