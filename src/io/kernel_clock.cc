#include "io/kernel_clock.h"

#include "base/assert.h"

#include <bit>
#include <sys/random.h>
#include <time.h>

namespace millrace::io {

runtime::mono_time kernel_clock::now() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return runtime::mono_time{runtime::seconds{t.tv_sec} + runtime::nanoseconds{t.tv_nsec}};
}

timestamp_ms kernel_clock::wall() {
    timespec t{};
    clock_gettime(CLOCK_REALTIME, &t);
    return {t.tv_sec * 1000 + t.tv_nsec / 1'000'000};
}

seeded_random::seeded_random() {
    auto got = getrandom(state_.data(), sizeof state_, 0);
    MR_ASSERT(got == static_cast<ssize_t>(sizeof state_), "the kernel gave no random seed");
}

std::uint64_t seeded_random::next() {
    auto result = std::rotl(state_[1] * 5, 7) * 9;
    auto t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

} // namespace millrace::io
