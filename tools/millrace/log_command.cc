#include "command.h"
#include "help.h"
#include "io/directory_lock.h"
#include "log_report.h"
#include "runtime/shard.h"

namespace millrace::tool {

namespace {

enum class deed { dump, verify, recover };

std::string without_slashes(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}
std::string parent_of(const std::string& path) {
    auto slash = path.rfind('/');
    return slash == path.npos ? "." : path.substr(0, slash);
}
std::string name_in(const std::string& path) { return path.substr(path.rfind('/') + 1); }

class log_body final : public command_body {
  public:
    log_body(deed what, std::string directory, bool json, bool write)
        : what_{what}, directory_{std::move(directory)}, json_{json}, write_{write} {}

    runtime::task<int> run(client::cluster_link&) override {
        auto& disk = *runtime::shard::current().world().disk;
        auto listed = co_await disk.list(directory_);
        if (!listed) co_return failed("cannot list " + directory_ + ": " + runtime::describe(listed.error()));
        std::vector<std::string> partitions;
        std::string log_directory = directory_;
        if (log::directory_checkpoints::parse_directory_name(name_in(directory_)) && holds_segments(*listed)) {
            partitions.push_back(directory_);
            log_directory = parent_of(directory_);
        } else {
            for (const auto& entry : *listed)
                if (entry.is_directory && log::directory_checkpoints::parse_directory_name(entry.name))
                    partitions.push_back(directory_ + "/" + entry.name);
        }
        if (partitions.empty()) co_return failed(directory_ + " is no partition's directory, and holds none");
        log::directory_checkpoints checkpoints;
        co_await checkpoints.read(disk, log_directory);
        if (what_ == deed::dump) co_return co_await dump(disk, partitions);
        std::vector<log::partition_findings> all;
        for (const auto& p : partitions) all.push_back(co_await log::inspect_partition(disk, p, &checkpoints));
        if (what_ == deed::verify) co_return report(all);
        co_return co_await recover(disk, all, log_directory);
    }

  private:
    static bool holds_segments(const std::vector<runtime::directory_entry>& entries) {
        for (const auto& e : entries)
            if (e.name.ends_with(".log") || e.name == "partition.metadata") return true;
        return false;
    }
    static void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

    runtime::task<int> dump(runtime::disk& disk, const std::vector<std::string>& partitions) {
        bool damaged = false, first = true;
        if (json_) print("[");
        for (const auto& p : partitions) {
            std::vector<batch_row> rows;
            auto found = co_await log::inspect_partition(disk, p, nullptr, [&](const log::stored_batch& b) { rows.push_back(row_of(b)); });
            std::string out;
            if (json_)
                for (const auto& r : rows) append_dump_json(out, p, r, first);
            else
                out = dump_text(p, rows);
            print(out);
            damaged |= found.damaged();
            for (const auto& f : found.all)
                if (f.damage) std::fprintf(stderr, "millrace: %s/%s: byte %lld: %s\n", p.c_str(), f.file.c_str(), static_cast<long long>(f.byte.value_or(0)), f.what.c_str());
        }
        if (json_) print(first ? "]\n" : "\n]\n");
        co_return damaged ? exit_failure : 0;
    }
    int report(const std::vector<log::partition_findings>& all) {
        print(json_ ? findings_json(all) : findings_text(all));
        for (const auto& p : all)
            if (p.damaged()) return exit_failure;
        return 0;
    }
    runtime::task<int> recover(runtime::disk& disk, std::vector<log::partition_findings>& all, std::string log_directory) {
        std::optional<io::directory_lock> lock;
        if (write_) {
            auto taken = io::directory_lock::take(log_directory);
            if (!taken) co_return failed(taken.error());
            lock.emplace(std::move(*taken));
        }
        bool left = false;
        for (auto& p : all) {
            if (!p.damaged()) continue;
            if (write_) {
                auto cut = co_await log::cut_partition(disk, p);
                if (!cut) co_return failed("cannot cut " + p.directory + ": " + runtime::describe(cut.error()));
            } else {
                left = true;
            }
            if (!json_) print(cut_text(p, write_));
        }
        if (json_) print(findings_json(all));
        else if (!left) print(write_ ? "nothing is damaged any more\n" : "nothing is damaged\n");
        co_return left ? exit_failure : 0;
    }

    deed what_;
    std::string directory_;
    bool json_, write_;
};

} // namespace

int log_command(std::span<const char* const> words) {
    static constexpr option_form forms[] = {{"help"}, {"format", true}, {"write"}};
    auto given = arguments::parse(words, forms);
    if (!given) return usage_error(given.error());
    if (given->has("help")) return std::fputs(help_log, stdout), 0;
    const auto& alone = given->alone();
    if (alone.size() != 2) return usage_error("log takes dump, verify or recover, and a directory; see millrace log --help");
    deed what = deed::verify;
    if (alone[0] == "dump") what = deed::dump;
    else if (alone[0] == "recover") what = deed::recover;
    else if (alone[0] != "verify") return usage_error("unknown command log " + alone[0] + "; known are dump, verify and recover");
    if (given->has("write") && what != deed::recover) return usage_error("--write is of log recover alone");
    auto common = common_from(*given);
    if (!common) return usage_error(common.error());
    log_body body{what, without_slashes(alone[1]), common->json, given->has("write")};
    return run_session(common->bootstrap, body);
}

} // namespace millrace::tool
