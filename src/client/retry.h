// The same call again, while it fails with errors that pass.
// Owner: functions on a cluster_link, on its shard.
// Invariant: ends after `retry_tries_max` calls, or at the first error that asking again cannot cure.
#pragma once

#include "client/cluster_link.h"

#include <utility>

namespace millrace::client {

inline constexpr int retry_tries_max = 50;
inline constexpr runtime::nanoseconds retry_pause = runtime::milliseconds{100};

template <class T, class... Arguments>
runtime::task<result<T>> patiently(runtime::task<result<T>> (*once)(cluster_link&, Arguments...), cluster_link& link,
                                   Arguments... arguments) {
    for (int left = retry_tries_max;; --left) {
        auto got = co_await once(link, arguments...);
        if (got || left <= 1 || !is_retriable(got.error()) || got.error().what == errc::unreachable)
            co_return std::move(got);
        co_await runtime::sleep_for(retry_pause);
    }
}

} // namespace millrace::client
