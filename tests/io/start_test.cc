#include "io/cpu.h"
#include "io/directory_lock.h"
#include "io/probe.h"
#include "io/signals.h"
#include "real_shard.h"

#include <csignal>

using namespace millrace;
using namespace millrace::io_test;
using runtime::task;

TEST_CASE("start: a second broker on the same directory is refused, and let in after the first has gone") {
    scratch_directory d;
    {
        auto first = io::directory_lock::take(d.path);
        REQUIRE(first.has_value());
        auto second = io::directory_lock::take(d.path);
        REQUIRE(!second.has_value());
        CHECK(second.error().find(d.path) != std::string::npos);
    }
    CHECK(io::directory_lock::take(d.path).has_value());
    CHECK(!io::directory_lock::take(d.path + "/missing").has_value());
}

TEST_CASE("start: a container's processor quota bounds the cores") {
    CHECK(io::cores_of_quota("max 100000") == 0);
    CHECK(io::cores_of_quota("") == 0);
    CHECK(io::cores_of_quota("50000 100000") == 1);
    CHECK(io::cores_of_quota("250000 100000") == 2);
    CHECK(io::usable_cores() >= 1);
    CHECK(io::usable_cores() <= io::allowed_cores().size());
}

TEST_CASE("start: signals arrive on the shard, one after the other") {
    const int signals[] = {SIGUSR1, SIGHUP};
    io::block_signals(signals);
    std::vector<int> told;
    io::signal_watch watch{signals, [&](int s) { told.push_back(s); }};
    real_shard w;
    auto work = [](io::signal_watch& watch, std::vector<int>& told) -> task<void> {
        watch.start();
        std::raise(SIGUSR1);
        while (told.size() < 1) co_await runtime::sleep_for(runtime::milliseconds{1});
        std::raise(SIGHUP);
        while (told.size() < 2) co_await runtime::sleep_for(runtime::milliseconds{1});
    };
    w.run(work(watch, told));
    CHECK(told == std::vector<int>{SIGUSR1, SIGHUP});
}

TEST_CASE("start: the kernel that runs these tests has what is needed, and is named") {
    auto found = io::probe_kernel();
    if (!found) FAIL(found.error().message);
    CHECK(!found->release.empty());
}
