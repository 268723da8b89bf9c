// What a commit costs: 4 KiB appended to each of N files, then made durable by the committer, beside one fdatasync(2) of one growing file.
//
//   commit_cost DIRECTORY [ROUNDS]     ratios count; N = 1, 16, 64, 256, with the journal and without it
//
// The rounds of all kinds alternate, so that what else the machine does falls on all of them. A last table says from
// how many bytes per file on a flush of the file is as fast as the journal (log/journal_plan.h, journal_range_bytes_max).
#include "io/disk.h"
#include "io/kernel_clock.h"
#include "io/ring.h"
#include "log/committer.h"
#include "runtime/latch.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

using namespace millrace;

namespace {

constexpr std::size_t appended_bytes = 4096;
constexpr std::size_t files_max = 256;
std::vector<std::byte> payload(1 << 20, std::byte{0x5a});

struct samples {
    std::vector<double> us;
    double p50() {
        if (us.empty()) return 0;
        std::sort(us.begin(), us.end());
        return us[us.size() / 2];
    }
};

double us_since(runtime::clock& clock, runtime::mono_time began) {
    return std::chrono::duration<double, std::micro>(clock.now() - began).count();
}

struct growing_file {
    std::shared_ptr<runtime::file> file;
    std::uint64_t size = 0;
};

struct waited_job : log::commit_job {
    runtime::latch* all = nullptr;
};

// A log directory with its files; `journal_bytes` 0: each file is flushed by itself.
struct directory {
    runtime::ports& world;
    std::string path;
    log::committer commits;
    std::vector<growing_file> files;
    std::vector<waited_job> jobs{files_max};

    directory(runtime::ports& w, std::string at, std::uint64_t journal_bytes)
        : world{w}, path{std::move(at)}, commits{shard_id{0}, *w.disk, log::journal_setup{path, journal_bytes, 1}} {
        ::mkdir(path.c_str(), 0750);
    }
    runtime::task<void> open() {
        auto none = co_await commits.recover_journal();
        if (!none) std::abort();
        for (std::size_t i = 0; i < files_max; ++i) {
            auto f = co_await world.disk->open(path + "/" + std::to_string(i), runtime::open_mode::create);
            if (!f) std::abort();
            files.push_back({std::move(*f), 0});
        }
        co_await commit(1, 100); // the journal is made meanwhile
        co_await runtime::sleep_for(runtime::seconds{2});
    }
    // The time from the first submission to the last answer.
    runtime::task<double> commit(std::size_t count, std::size_t bytes) {
        for (std::size_t i = 0; i < count; ++i) {
            auto wrote = co_await runtime::write(*files[i].file, files[i].size, bytes_view{payload}.first(bytes));
            if (!wrote) std::abort();
        }
        runtime::latch all{count};
        auto began = world.clock->now();
        for (std::size_t i = 0; i < count; ++i) {
            auto& job = jobs[i];
            job.partition = "bench-0";
            job.files[0] = {files[i].file, log_offset{0}, files[i].size, files[i].size + bytes};
            job.file_count = 1;
            job.all = &all;
            job.done = [](log::commit_job& j) noexcept { static_cast<waited_job&>(j).all->count_down(); };
            commits.submit(job);
        }
        co_await all;
        double took = us_since(*world.clock, began);
        for (std::size_t i = 0; i < count; ++i) files[i].size += bytes;
        if (commits.offline()) std::abort();
        co_return took;
    }
};

double one_fdatasync(runtime::clock& clock, int fd, std::uint64_t& at, std::size_t bytes) {
    if (::pwrite(fd, payload.data(), bytes, static_cast<off_t>(at)) < 0) std::abort();
    at += bytes;
    auto began = clock.now();
    if (::fdatasync(fd) < 0) std::abort();
    return us_since(clock, began);
}

runtime::task<void> measure(runtime::ports& world, std::string where, int rounds, runtime::shard& shard) {
    directory with{world, where + "/with", 64 << 20}, without{world, where + "/without", 0};
    co_await with.open();
    co_await without.open();
    int fd = ::open((where + "/one").c_str(), O_RDWR | O_CREAT, 0640);
    std::uint64_t at = 0;
    std::printf("%8s %12s %14s %18s %22s\n", "files", "fdatasync us", "journal us", "each flushed us", "journal / fdatasync");
    for (std::size_t count : {std::size_t{1}, std::size_t{16}, std::size_t{64}, std::size_t{256}}) {
        samples one, journal, each;
        for (int i = 0; i < rounds; ++i) {
            one.us.push_back(one_fdatasync(*world.clock, fd, at, appended_bytes));
            journal.us.push_back(co_await with.commit(count, appended_bytes));
            if (i % 4 == 0) each.us.push_back(co_await without.commit(count, appended_bytes));
        }
        std::printf("%8zu %12.0f %14.0f %18.0f %22.2f\n", count, one.p50(), journal.p50(), each.p50(), journal.p50() / one.p50());
    }
    std::printf("\n%8s %12s %14s %18s\n", "files", "bytes each", "journal us", "each flushed us");
    for (std::size_t count : {std::size_t{1}, std::size_t{4}}) {
        for (std::size_t bytes : {std::size_t{16} << 10, std::size_t{64} << 10, std::size_t{256} << 10}) {
            samples journal, each;
            auto before = with.commits.journal_commits();
            for (int i = 0; i < rounds / 2; ++i) {
                journal.us.push_back(co_await with.commit(count, bytes));
                each.us.push_back(co_await without.commit(count, bytes));
            }
            bool all = with.commits.journal_commits() - before >= static_cast<std::uint64_t>(rounds / 2);
            std::printf("%8zu %12zu %14.0f %18.0f%s\n", count, bytes, journal.p50(), each.p50(), all ? "" : "   not in the journal: too large");
        }
    }
    const auto& stats = shard.stats();
    std::printf("\njournal commits %llu, full %llu\n", static_cast<unsigned long long>(stats.journal_commits.read()),
                static_cast<unsigned long long>(stats.journal_full.read()));
    for (auto* d : {&with, &without}) {
        auto closed = co_await d->commits.close();
        if (!closed) std::abort();
    }
    ::close(fd);
    shard.stop();
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: commit_cost DIRECTORY [ROUNDS]\n");
        return 2;
    }
    int rounds = argc > 2 ? std::max(4, std::atoi(argv[2])) : 60;
    io::kernel_clock clock;
    io::seeded_random random;
    io::disk_options with;
    with.way = io::probe_append_way(argv[1]);
    io::kernel_disk disk{with};
    runtime::ports world{&clock, &random, &disk, nullptr, nullptr};
    auto ring = io::ring_driver::create();
    if (!ring) return 71;
    runtime::shard shard{shard_id{0}, world, **ring, runtime::turn_limits{}};
    (*ring)->start(shard);
    runtime::scope scope;
    {
        runtime::current_shard mark{shard};
        scope.spawn(measure(world, argv[1], rounds, shard));
    }
    shard.run();
    return 0;
}
