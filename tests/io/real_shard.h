// One shard on a real ring, turned by the test's own thread.
#pragma once

#include "io/disk.h"
#include "io/kernel_clock.h"
#include "io/ring.h"
#include "runtime/scope.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace millrace::io_test {

// Bytes that tell a wrong place from a right one.
inline std::vector<std::byte> pattern(std::size_t size, unsigned seed = 1) {
    std::vector<std::byte> out(size);
    for (auto& b : out) b = static_cast<std::byte>((seed = seed * 1103515245 + 12345) >> 16);
    return out;
}

struct scratch_directory {
    std::string path;
    scratch_directory() {
        std::string name = (std::filesystem::temp_directory_path() / "millrace-io-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~scratch_directory() { std::filesystem::remove_all(path); }
};

struct real_shard {
    io::kernel_clock clock;
    io::seeded_random random;
    io::kernel_disk disk{io::disk_options{}};
    runtime::ports world{&clock, &random, &disk, nullptr, nullptr};
    std::unique_ptr<io::ring_driver> ring;
    std::unique_ptr<runtime::shard> shard;

    real_shard() {
        auto made = io::ring_driver::create();
        if (!made) FAIL(made.error().message);
        ring = std::move(*made);
        shard = std::make_unique<runtime::shard>(shard_id{0}, world, *ring, runtime::turn_limits{});
        ring->start(*shard);
    }

    static runtime::task<void> then_stop(runtime::task<void> work, runtime::shard& s) {
        co_await work;
        s.stop(); // otherwise the last turn would sleep: nothing is left to wake it
    }

    // Runs `work` to its end; the test fails if it takes more than `turns_max` turns.
    void run(runtime::task<void> work, int turns_max = 100'000) {
        runtime::scope tasks;
        {
            runtime::current_shard mark{*shard};
            tasks.spawn(then_stop(std::move(work), *shard));
        }
        for (int i = 0; i < turns_max && tasks.running(); ++i) shard->turn();
        REQUIRE(tasks.running() == 0);
    }
};

} // namespace millrace::io_test
