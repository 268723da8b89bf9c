#include "session.h"

#include "arguments.h"
#include "io/signals.h"
#include "io/world.h"
#include "runtime/scope.h"
#include "runtime/shard.h"

#include <csignal>
#include <cstdio>

namespace millrace::tool {

namespace {
runtime::task<void> work(std::vector<runtime::endpoint> bootstrap, command_body& body, int& exit_code) {
    auto& shard = runtime::shard::current();
    client::connection_options options;
    options.client_id = "millrace-tool";
    client::cluster_link link{*shard.world().transport, std::move(bootstrap), options};
    exit_code = co_await body.run(link);
    co_await link.close();
    shard.stop();
}

constexpr int ending_signals[] = {SIGINT, SIGTERM};

int run_on_shard(std::vector<runtime::endpoint> bootstrap, command_body& body, io::signal_watch* watch) {
    io::world_options options;
    options.offload_threads = 1;
    auto world = io::world::create(options);
    if (!world) {
        std::fprintf(stderr, "millrace: %s\n", world.error().message.c_str());
        return 1;
    }
    int exit_code = 1;
    shard_id id{0};
    runtime::shard shard{id, (*world)->ports(id), (*world)->ring(id), runtime::turn_limits{}};
    (*world)->start(shard);
    runtime::scope tasks;
    {
        runtime::current_shard here{shard};
        if (watch) watch->start();
        tasks.spawn(work(std::move(bootstrap), body, exit_code));
    }
    // A command may have ended in its first step, without anything to wait for.
    if (tasks.running()) shard.run();
    return exit_code;
}
} // namespace

int run_session(std::vector<runtime::endpoint> bootstrap, command_body& body) {
    return run_on_shard(std::move(bootstrap), body, nullptr);
}

int run_session_until_signal(std::vector<runtime::endpoint> bootstrap, command_body& body) {
    io::block_signals(ending_signals);
    io::signal_watch watch{ending_signals, [&body](int) {
                               io::unblock_signals(ending_signals);
                               body.interrupted();
                           }};
    return run_on_shard(std::move(bootstrap), body, &watch);
}

std::vector<runtime::endpoint> parse_bootstrap(const std::string& text) {
    std::vector<runtime::endpoint> out;
    for (std::size_t from = 0; from <= text.size();) {
        auto comma = std::min(text.find(',', from), text.size());
        auto one = text.substr(from, comma - from);
        from = comma + 1;
        auto colon = one.rfind(':');
        if (colon == one.npos || colon == 0) return {};
        auto port = parse_number(one.substr(colon + 1));
        if (!port || *port < 1 || *port > 65535) return {};
        auto host = one.substr(0, colon);
        if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
        out.push_back({host, static_cast<std::uint16_t>(*port)});
    }
    return out;
}

} // namespace millrace::tool
