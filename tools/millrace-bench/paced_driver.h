// A driver that wakes the shard at an instant, to some microseconds: timers of the wheel are a millisecond apart, and a
// load of thousands of sends a second needs better. It sleeps until shortly before, then looks without sleeping.
// Owner: one session, on its thread; wraps the ring's driver.
// Invariant: `due` is posted once for each `wake_at`, at or after its time.
#pragma once

#include "runtime/shard.h"

#include <algorithm>

namespace millrace::bench {

class paced_driver final : public runtime::driver {
  public:
    paced_driver(runtime::driver& inner, runtime::clock& clock) : inner_{inner}, clock_{clock} {}

    void attach(runtime::shard& s) { shard_ = &s; }
    void spin_for(runtime::nanoseconds longest) { spin_ = longest; }
    // The latest call holds; `never` takes it back.
    void wake_at(runtime::mono_time when, runtime::completion& due) {
        at_ = when;
        due_ = &due;
    }
    // Time spent looking for nothing: not work, though it costs CPU.
    runtime::nanoseconds spun() const { return spun_; }

    void wait(runtime::mono_time until) override {
        if (at_ == runtime::never || until == runtime::mono_time{} || until <= at_ - spin_) {
            spinning_since_ = {};
            inner_.wait(until);
        } else {
            auto now = clock_.now();
            if (at_ - now > spin_) {
                spinning_since_ = {};
                inner_.wait(std::min(until, at_ - spin_));
            } else {
                // The turn between two looks found nothing to do either, or it would have taken longer.
                if (spinning_since_ != runtime::mono_time{} && now - spinning_since_ < idle_turn_max) spun_ += now - spinning_since_;
                auto came = shard_->stats().receives.read();
                inner_.wait(runtime::mono_time{});
                spinning_since_ = clock_.now();
                if (shard_->stats().receives.read() != came)
                    spinning_since_ = {}; // that was work, and so will be the turn behind it
                else
                    spun_ += std::min<runtime::nanoseconds>(spinning_since_ - now, idle_look_max);
            }
        }
        if (at_ == runtime::never || clock_.now() < at_) return;
        at_ = runtime::never;
        spinning_since_ = {};
        shard_->post(*due_);
    }
    void ring_doorbell() noexcept override { inner_.ring_doorbell(); }

  private:
    static constexpr runtime::nanoseconds idle_turn_max = runtime::microseconds{2};
    // A longer look was one that others had the core in.
    static constexpr runtime::nanoseconds idle_look_max = runtime::microseconds{5};

    runtime::driver& inner_;
    runtime::clock& clock_;
    runtime::shard* shard_ = nullptr;
    runtime::nanoseconds spin_ = runtime::microseconds{60};
    runtime::mono_time at_ = runtime::never;
    runtime::mono_time spinning_since_{};
    runtime::completion* due_ = nullptr;
    runtime::nanoseconds spun_{0};
};

} // namespace millrace::bench
