// Hunts for what an acknowledgement does not keep: runs whole brokers in simulated worlds and starts them again from the states
// that crashes leave (hunt.h). Says how many states it has looked at, and the command that replays what it finds.
//   crash_hunt [--seeds FIRST COUNT] [--states N] [--seconds N] [--mutation NAME] [--seed N [--state N]]
#define DOCTEST_CONFIG_IMPLEMENT
#include "hunt.h"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <unistd.h>

using namespace millrace;
using namespace millrace::crash;

namespace {

struct named_mutation {
    const char* name;
    sim::disk_mutation how;
};
constexpr named_mutation mutations[] = {
    {"none", sim::disk_mutation::none},
    {"sync-skipped", sim::disk_mutation::sync_skipped},
    {"directory-sync-skipped", sim::disk_mutation::directory_sync_skipped},
    {"range-sync-only", sim::disk_mutation::range_sync_only},
    {"one-sync-for-all", sim::disk_mutation::one_sync_for_all},
};

char replay[512]; // the command, for a handler that must not allocate

void remember(const char* program, const hunt_options& o, const char* mutation, std::uint64_t state) {
    auto used = std::snprintf(replay, sizeof replay, "%s --seed %llu", program, static_cast<unsigned long long>(o.seed));
    auto add = [&](const char* how, auto... what) {
        used += std::snprintf(replay + used, sizeof replay - static_cast<std::size_t>(used), how, what...);
    };
    if (state) add(" --state %llu", static_cast<unsigned long long>(state));
    if (o.mutation != sim::disk_mutation::none) add(" --mutation %s", mutation);
    add("%s", "\n");
}

void died(int signal) {
    static constexpr char text[] = "the broker died; again: ";
    (void)!::write(1, text, sizeof text - 1);
    (void)!::write(1, replay, std::strlen(replay));
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

[[noreturn]] void usage(const char* program) {
    std::fprintf(stderr, "usage: %s [--seeds FIRST COUNT] [--states N] [--seconds N] [--seed N [--state N]] [--mutation NAME]\nmutations:", program);
    for (auto& m : mutations) std::fprintf(stderr, " %s", m.name);
    std::fprintf(stderr, "\n");
    std::exit(2);
}

} // namespace

int main(int argc, char** argv) {
    std::uint64_t first = 1, count = 20, states_max = ~std::uint64_t{0}, only_state = 0;
    long seconds_max = 0;
    named_mutation mutation = mutations[0];
    for (int i = 1; i < argc; ++i) {
        std::string option = argv[i];
        auto text = [&]() -> const char* { return ++i < argc ? argv[i] : (usage(argv[0]), nullptr); };
        auto number = [&] { return std::strtoull(text(), nullptr, 10); };
        if (option == "--seeds") first = number(), count = number();
        else if (option == "--seed") first = number(), count = 1;
        else if (option == "--state") only_state = number();
        else if (option == "--states") states_max = number();
        else if (option == "--seconds") seconds_max = static_cast<long>(number());
        else if (option == "--mutation") {
            std::string wanted = text();
            bool known = false;
            for (auto& m : mutations)
                if (wanted == m.name) mutation = m, known = true;
            if (!known) usage(argv[0]);
        } else usage(argv[0]);
    }
    // The clients' own checks (tests/broker/wire.h) end the run instead of a test.
    doctest::Context context;
    context.setAsDefaultForAssertsOutOfTestCases();
    context.setAssertHandler([](const doctest::AssertData& failed) {
        if (failed.m_failed) throw std::runtime_error(std::string{failed.m_file} + ":" + std::to_string(failed.m_line) + ": " + failed.m_expr);
    });
    for (int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) std::signal(signal, died);

    hunt_counts counts;
    std::uint64_t runs = 0, differing = 0;
    bool found = false;
    auto began = std::chrono::steady_clock::now();
    for (std::uint64_t seed = first; seed < first + count && !found; ++seed) {
        if (counts.kills + counts.power_cuts >= states_max) break;
        if (seconds_max && std::chrono::steady_clock::now() - began > std::chrono::seconds{seconds_max}) break;
        hunt_options o;
        o.seed = seed;
        o.state = only_state;
        o.mutation = mutation.how;
        remember(argv[0], o, mutation.name, 0);
        auto outcome = hunt(o, counts, [&](std::uint64_t state) { remember(argv[0], o, mutation.name, state); });
        ++runs;
        if (!outcome.wrong.empty()) {
            found = true;
            remember(argv[0], o, mutation.name, outcome.state);
            for (std::size_t i = 0; i < outcome.wrong.size() && i < 5; ++i) std::printf("WRONG %s\n", outcome.wrong[i].c_str());
            if (only_state)
                for (auto& file : outcome.files) std::printf("  %s\n", file.c_str());
            std::printf("in seed %llu, crash state %llu (0: the run itself); again: %s", static_cast<unsigned long long>(seed),
                        static_cast<unsigned long long>(outcome.state), replay);
            break;
        }
        hunt_counts uncounted;
        o.only_run = true;
        auto again = hunt(o, uncounted, [](std::uint64_t) {});
        if (again.schedule_hash != outcome.schedule_hash) {
            ++differing;
            found = true;
            std::printf("WRONG seed %llu goes another way the second time\n", static_cast<unsigned long long>(seed));
        }
    }
    auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    // One line that tools/test crash adds up.
    std::printf("{\"runs\": %llu, \"states\": %llu, \"kills\": %llu, \"power_cuts\": %llu, \"distinct\": %zu, \"cut_again\": %llu, \"went_on\": %llu, "
                "\"crashes\": %llu, \"acknowledged\": %llu, \"deletions\": %llu, \"commits\": %llu, \"member_commits\": %llu, \"topic_changes\": %llu, \"keyed\": %llu, \"compactions\": %llu, \"aged\": %llu, \"read_back\": %llu, \"seconds\": %.1f, \"wrong\": %d}\n",
                static_cast<unsigned long long>(runs), static_cast<unsigned long long>(counts.kills + counts.power_cuts),
                static_cast<unsigned long long>(counts.kills), static_cast<unsigned long long>(counts.power_cuts), counts.distinct.size(),
                static_cast<unsigned long long>(counts.twice), static_cast<unsigned long long>(counts.went_on),
                static_cast<unsigned long long>(counts.crashes), static_cast<unsigned long long>(counts.acknowledged),
                static_cast<unsigned long long>(counts.deletions), static_cast<unsigned long long>(counts.commits),
                static_cast<unsigned long long>(counts.member_commits), static_cast<unsigned long long>(counts.topic_changes),
                static_cast<unsigned long long>(counts.keyed), static_cast<unsigned long long>(counts.compactions), static_cast<unsigned long long>(counts.aged),
                static_cast<unsigned long long>(counts.compared), took, found ? 1 : 0);
    return found ? 1 : 0;
}
