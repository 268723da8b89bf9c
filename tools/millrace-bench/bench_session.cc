#include "bench_session.h"

#include "io/signals.h"
#include "io/world.h"
#include "runtime/scope.h"

#include <csignal>
#include <cstdio>
#include <sys/prctl.h>

namespace millrace::bench {

namespace {
constexpr int ending_signals[] = {SIGINT, SIGTERM};

runtime::task<void> work(std::vector<runtime::endpoint> bootstrap, paced_driver& pace, run_body& body, int& exit_code) {
    auto& shard = runtime::shard::current();
    client::connection_options options;
    options.client_id = "millrace-bench";
    client::cluster_link link{*shard.world().transport, std::move(bootstrap), options};
    exit_code = co_await body.run(link, pace);
    co_await link.close();
    shard.stop();
}
} // namespace

int run_session(std::vector<runtime::endpoint> bootstrap, runtime::nanoseconds spin, run_body& body) {
    // The kernel may end a sleep 50 us late otherwise (PR_SET_TIMERSLACK, prctl(2)).
    prctl(PR_SET_TIMERSLACK, 1000);
    io::block_signals(ending_signals);
    io::signal_watch watch{ending_signals, [&body](int) {
                               io::unblock_signals(ending_signals);
                               body.interrupted();
                           }};
    io::world_options options;
    options.offload_threads = 1;
    auto world = io::world::create(options);
    if (!world) {
        std::fprintf(stderr, "millrace-bench: %s\n", world.error().message.c_str());
        return 1;
    }
    int exit_code = 1;
    shard_id id{0};
    auto ports = (*world)->ports(id);
    paced_driver pace{(*world)->ring(id), *ports.clock};
    pace.spin_for(spin);
    runtime::turn_limits limits;
    limits.send_bytes_max = 4 << 20; // one core for one load: nobody else waits for its turn
    runtime::shard shard{id, ports, pace, limits};
    pace.attach(shard);
    (*world)->start(shard);
    runtime::scope tasks;
    {
        runtime::current_shard here{shard};
        watch.start();
        tasks.spawn(work(std::move(bootstrap), pace, body, exit_code));
    }
    if (tasks.running()) shard.run();
    return exit_code;
}

} // namespace millrace::bench
