// An append or a flush of a log, awaited.
// Owner: the test's coroutine.
#pragma once

#include "log/partition_log.h"

#include <coroutine>

namespace millrace::log::samples {

// Operation: an append_entry or a flush_waiter; `begin` hands it to the log. Yields whether it went well.
template <class Operation, void (partition_log::*begin)(Operation&)> struct awaited : Operation {
    std::coroutine_handle<> waiter{};
    partition_log* log = nullptr;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) {
        waiter = h;
        this->done = [](runtime::completion& c) noexcept {
            static_cast<awaited&>(static_cast<Operation&>(c)).waiter.resume();
        };
        (log->*begin)(*this);
    }
    bool await_resume() const noexcept { return this->res >= 0; }
};
using writing = awaited<append_entry, &partition_log::append>;
using flushing = awaited<flush_waiter, &partition_log::request_flush>;

} // namespace millrace::log::samples
