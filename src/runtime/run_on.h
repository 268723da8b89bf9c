// Runs a task on another shard and resumes here with its result.
// Owner: the awaiting coroutine; while away the message and the task belong to the target shard.
// Invariant: the task starts on the target, inside `there`, and its result is moved back before the waiter resumes. The
// frame is allocated here and freed here; only its run happens elsewhere. For cold paths.
#pragma once

#include "runtime/scope.h"
#include "runtime/shard.h"

#include <optional>
#include <type_traits>
#include <variant>

namespace millrace::runtime {

// co_await run_on(target, there, work): `there` is a scope of the target shard that outlives the visit and is not
// closed. Also to oneself, by way of the run queue.
template <class T> auto run_on(shard_id target, scope& there, task<T> work) {
    struct awaiter : message {
        using stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
        shard_id target, home;
        scope& there;
        task<T> work;
        std::optional<stored> value;
        std::coroutine_handle<> waiter{};

        awaiter(shard_id t, scope& s, task<T> w)
            : target{t}, home{shard::current().id()}, there{s}, work{std::move(w)} {}
        static task<void> visit(awaiter& self) {
            if constexpr (std::is_void_v<T>) co_await self.work;
            else self.value.emplace(co_await self.work);
            self.arrived = [](message& back) noexcept { static_cast<awaiter&>(back).waiter.resume(); };
            shard::current().send(self.home, self);
        }
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) noexcept {
            waiter = h;
            arrived = [](message& m) noexcept {
                auto& self = static_cast<awaiter&>(m);
                self.there.spawn(visit(self));
            };
            shard::current().send(target, *this);
        }
        T await_resume() {
            if constexpr (!std::is_void_v<T>) return std::move(*value);
        }
    };
    return awaiter{target, there, std::move(work)};
}

} // namespace millrace::runtime
