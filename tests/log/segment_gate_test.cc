#include "log/segment_gate.h"
#include "runtime/scope.h"
#include "runtime/task.h"

#include <doctest/doctest.h>

#include <string>

using namespace millrace;
using log::segment_gate;

namespace {

struct held {
    std::coroutine_handle<> waiter{};
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) noexcept { waiter = h; }
    void await_resume() const noexcept {}
    void release() { std::exchange(waiter, {}).resume(); }
};

runtime::task<void> visit(segment_gate& gate, segment_gate::kind kind, std::string name, held& until, std::string& told) {
    segment_gate::pass mine{gate, kind};
    co_await mine;
    told += "+" + name;
    co_await until;
    told += "-" + name;
}

} // namespace

TEST_CASE("segment gate: loads go together, a change goes alone, and who comes after a waiting change waits too") {
    segment_gate gate;
    runtime::scope scope;
    held a, b, c, d;
    std::string told;
    scope.spawn(visit(gate, segment_gate::kind::load, "a", a, told));
    scope.spawn(visit(gate, segment_gate::kind::load, "b", b, told));
    scope.spawn(visit(gate, segment_gate::kind::change, "c", c, told));
    scope.spawn(visit(gate, segment_gate::kind::load, "d", d, told));
    CHECK(told == "+a+b");
    a.release();
    CHECK(told == "+a+b-a");
    b.release();
    CHECK(told == "+a+b-a-b+c");
    c.release();
    CHECK(told == "+a+b-a-b+c-c+d");
    d.release();
    CHECK(scope.running() == 0);
}
