#include "command.h"
#include "help.h"
#include "io/directory_lock.h"
#include "log/journal_walk.h"
#include "log/segment.h"
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
        log_directory_ = directory_;
        if (log::directory_checkpoints::parse_directory_name(name_in(directory_)) && holds_segments(*listed)) {
            only_ = name_in(directory_);
            log_directory_ = parent_of(directory_);
            partitions.push_back(log_directory_ + "/" + only_);
        } else {
            for (const auto& entry : *listed)
                if (entry.is_directory && log::directory_checkpoints::parse_directory_name(entry.name))
                    partitions.push_back(directory_ + "/" + entry.name);
        }
        if (partitions.empty()) co_return failed(directory_ + " is no partition's directory, and holds none");
        std::optional<io::directory_lock> lock;
        if (write_) {
            auto taken = io::directory_lock::take(log_directory_);
            if (!taken) co_return failed(taken.error());
            lock.emplace(std::move(*taken));
            auto settled = co_await settle(disk);
            if (!settled) co_return exit_failure;
        }
        log::journal_view as_started{disk, log_directory_};
        auto journal = co_await as_started.load();
        if (!journal) co_return failed("cannot read the commit journal of " + log_directory_ + ", or a segment that it speaks of");
        journal_ = std::move(*journal);
        if (what_ == deed::dump) co_return co_await dump(as_started, partitions);
        log::directory_checkpoints checkpoints;
        co_await checkpoints.read(disk, log_directory_);
        std::vector<log::partition_findings> all;
        for (const auto& p : partitions) {
            all.push_back(co_await log::inspect_partition(as_started, p, &checkpoints));
            log::tell_of_journal(journal_, all.back());
        }
        if (what_ == deed::verify) co_return report(all);
        co_return co_await recover(disk, all);
    }

  private:
    static bool holds_segments(const std::vector<runtime::directory_entry>& entries) {
        for (const auto& e : entries)
            if (e.name.ends_with(".log") || e.name == "partition.metadata") return true;
        return false;
    }
    static void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

    // Before anything is looked at to be cut: the journal would be written over what was cut, and may hold what seems to be missing.
    runtime::task<bool> settle(runtime::disk& disk) {
        auto settled = co_await log::settle_journal(disk, log_directory_);
        const std::string path = log_directory_ + "/" + log::journal_file_name;
        if (!settled && settled.error() == log::errc::corrupt)
            failed(path + " is damaged: it may hold acknowledged records that are nowhere else: put back what was there, or move it away and lose them");
        else if (!settled)
            failed("cannot write " + path + " back into the segments" + (settled.error() == log::errc::no_space ? ": no space is left" : ""));
        if (!settled) co_return false;
        settled_ = *settled;
        co_return true;
    }
    runtime::task<int> dump(log::journal_view& disk, const std::vector<std::string>& partitions) {
        bool damaged = journal_.damaged(), first = true;
        if (json_) print("[");
        for (const auto& p : partitions) {
            std::vector<batch_row> rows;
            auto found = co_await log::inspect_partition(disk, p, nullptr, [&](const log::stored_batch& b) {
                const auto name = log::segment_file_name(b.segment_base, log::log_suffix(b.provisional));
                rows.push_back(row_of(b, disk.only_in_journal(p + "/" + name, b.position, b.batch.size_bytes())));
            });
            std::string out;
            if (json_)
                for (const auto& r : rows) append_dump_json(out, p, r, first);
            else
                out = dump_text(p, rows);
            print(out);
            damaged |= found.damaged();
            tell(p, found.all);
        }
        if (json_) print(first ? "]\n" : "\n]\n");
        else print(journal_text(journal_, only_));
        tell(log_directory_, journal_.all);
        co_return damaged ? exit_failure : 0;
    }
    static void tell(const std::string& directory, const std::vector<log::finding>& all) {
        for (const auto& f : all)
            if (f.damage)
                std::fprintf(stderr, "millrace: %s/%s: byte %lld: %s\n", directory.c_str(), f.file.c_str(), static_cast<long long>(f.byte.value_or(0)), f.what.c_str());
    }
    int report(const std::vector<log::partition_findings>& all) {
        print(json_ ? findings_json(all, journal_) : findings_text(all) + journal_text(journal_, only_));
        for (const auto& p : all)
            if (p.damaged()) return exit_failure;
        return journal_.damaged() ? exit_failure : 0;
    }
    runtime::task<int> recover(runtime::disk& disk, std::vector<log::partition_findings>& all) {
        bool left = journal_.damaged();
        if (!json_) print(settled_text(journal_, write_ ? &settled_ : nullptr));
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
        tell(log_directory_, journal_.all);
        if (json_) print(findings_json(all, journal_));
        else if (!left) print(write_ ? "nothing is damaged any more\n" : "nothing is damaged\n");
        co_return left ? exit_failure : 0;
    }

    deed what_;
    std::string directory_;
    bool json_, write_;
    std::string log_directory_;
    std::string only_; // the partition that is asked for; empty: all
    log::journal_findings journal_;
    log::journal_replay settled_;
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
