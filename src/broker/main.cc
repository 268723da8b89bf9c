// millraced: reads its options, takes its directories, builds the world, and runs a node until a signal ends it.
// Owner: the process. The only place that picks `io`.
// Invariant: a start that cannot succeed says in one line why and what to do, and exits with a code of its own kind.
#include "broker/allocator.h"
#include "broker/counters_line.h"
#include "broker/node.h"
#include "broker/stderr_report.h"
#include "broker/threads.h"
#include "config/parse.h"
#include "io/cpu.h"
#include "io/directory_lock.h"
#include "io/probe.h"
#include "io/service_manager.h"
#include "io/signals.h"
#include "io/transport.h"
#include "io/world.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace millrace;
using runtime::severity;
using runtime::task;

namespace {

// sysexits.h, as systemd names them (systemd.exec(5)); 71 is io_uring's own.
constexpr int exit_unavailable = 69;
constexpr int exit_ring_refused = 71;
constexpr int exit_cannot_create = 73;
constexpr int port_checks_max = 50;
constexpr auto port_check_pause = std::chrono::milliseconds{10};
constexpr int signals[] = {SIGTERM, SIGINT, SIGUSR1};

int fail(int code, const std::string& line) {
    runtime::report(severity::error, line);
    return code;
}

// As many descriptors as this user may have; the budget is printed at the start.
std::size_t raise_descriptor_limit() {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return 1024;
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    return static_cast<std::size_t>(files.rlim_cur);
}

std::expected<std::vector<io::directory_lock>, std::string> take_directories(const config::broker_options& options) {
    std::vector<io::directory_lock> locks;
    for (const auto& path : options.log_dirs) {
        const bool first = &path == &options.log_dirs.front();
        std::error_code error;
        std::filesystem::create_directories(path, error);
        if (error && !first) continue; // node::start finds it unusable, and goes on with the others
        if (error)
            return std::unexpected{"cannot make the data directory " + path + ": " + error.message() +
                                   "; set log.dirs to a place that this user may write to"};
        auto lock = io::directory_lock::take(path);
        if (!lock) return std::unexpected{lock.error()};
        locks.push_back(std::move(*lock));
    }
    return locks;
}

// SO_REUSEPORT would let a second broker listen beside the first without a word. Asked for a moment: the rings of a broker
// that was killed are taken apart by the kernel after its process has gone, and hold its sockets until then.
std::expected<void, std::string> check_ports(const config::broker_options& options) {
    for (const auto& at : options.listeners) {
        if (at.port == 0) continue;
        auto taken = io::address_in_use({at.host, at.port});
        for (int i = 0; i < port_checks_max && taken && *taken; ++i) {
            std::this_thread::sleep_for(port_check_pause);
            taken = io::address_in_use({at.host, at.port});
        }
        if (taken && *taken)
            return std::unexpected{"cannot listen on " + at.host + ":" + std::to_string(at.port) +
                                   ": another process uses the port; stop it, or set listeners to a free port"};
    }
    return {};
}

struct process {
    broker::node& node;
    broker::shard_threads& threads;
    io::signal_watch watch;
    runtime::scope scope;
    int exit_code = 0;
    bool started = false, stopping = false;

    process(broker::node& n, broker::shard_threads& t)
        : node{n}, threads{t}, watch{signals, [this](int signal) { told(signal); }} {}

    void begin() {
        watch.start();
        scope.spawn(start());
    }
    task<void> start() {
        auto up = co_await node.start();
        started = true;
        if (!up) {
            exit_code = fail(exit_unavailable, up.error().line);
            stopping = true;
        } else {
            for (const auto& line : node.summary()) runtime::report(severity::notice, line);
            io::tell_service_manager("READY=1\nSTATUS=" + node.summary().back());
        }
        if (stopping) scope.spawn(end());
    }
    void told(int signal) {
        if (signal == SIGUSR1) {
            if (started) runtime::report(severity::info, "counters " + broker::counters_line(node));
            return;
        }
        if (stopping) return;
        stopping = true;
        runtime::report(severity::notice, "stopping");
        io::tell_service_manager("STOPPING=1");
        if (started) scope.spawn(end());
    }
    task<void> end() {
        co_await node.stop();
        // The kernel answers for what was in flight on closed sockets and files before the rings go.
        co_await runtime::sleep_for(runtime::milliseconds{2});
        co_await threads.stop_all();
    }
};

} // namespace

int main(int argc, char** argv) {
    broker::keep_freed_pages();
    broker::report_to_stderr();
    auto parsed = config::parse(argc, argv, environ, config::real_files());
    if (!parsed) {
        std::fprintf(stderr, "%s\n", parsed.error().message.c_str());
        return parsed.error().exit_code;
    }
    if (parsed->what == config::action::print_and_exit) {
        std::fwrite(parsed->text.data(), 1, parsed->text.size(), stdout);
        return 0;
    }
    const auto& options = parsed->options;
    for (const auto& warning : parsed->warnings) runtime::report(severity::warning, warning);
    auto descriptors = raise_descriptor_limit();
    if (options.open_files_max > 0) descriptors = std::min(descriptors, static_cast<std::size_t>(options.open_files_max));
    ::umask(0027);
    ::signal(SIGPIPE, SIG_IGN);
    io::block_signals(signals);

    auto features = io::probe_kernel();
    if (!features) return fail(exit_ring_refused, features.error().message);
    auto free_ports = check_ports(options);
    if (!free_ports) return fail(exit_unavailable, free_ports.error());
    auto locks = take_directories(options);
    if (!locks) return fail(exit_cannot_create, locks.error());

    io::world_options with;
    with.shards = options.shards ? options.shards : io::usable_cores();
    with.disk.way = io::probe_append_way(options.log_dirs.front());
    with.disk.skip_sync = options.test_disk_skip_sync;
    with.disk.skip_directory_sync = options.test_disk_skip_directory_sync;
    with.sendfile_bytes_min = static_cast<std::uint32_t>(options.fetch_sendfile_min_bytes);
    auto world = io::world::create(with);
    if (!world) return fail(exit_ring_refused, world.error().message);

    broker::shard_threads threads{**world, options.shard_pin};
    broker::node node{options, threads.group(), descriptors, &parsed->values};
    node.on_progress = [](const std::string& line) { io::tell_service_manager("STATUS=" + line); };
    process all{node, threads};
    threads.run([&all] { all.begin(); });
    return all.exit_code;
}
