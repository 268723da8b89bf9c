// Which log directory is which, where there are several: each carries an id, and the first one knows the ids of all. So a disk that is
// not mounted, or the wrong one in its place, is no empty directory to make partitions in.
#include "broker/log_directories.h"
#include "cluster/data_directory.h"
#include "log/text_lines.h"
#include "runtime/random.h"
#include "runtime/report.h"
#include "runtime/shard.h"

#include <algorithm>
#include <map>

namespace millrace::broker {

using runtime::task;

namespace {

constexpr const char* id_file = "millrace.directory"; // "version=1", "id=…"
constexpr const char* list_file = "log-directories";  // as Kafka's checkpoints: "id path" per line
constexpr std::size_t small_file_bytes_max = 1 << 20;

std::optional<uuid> parse_id(bytes_view bytes) {
    auto text = as_text(bytes);
    constexpr std::string_view key = "\nid=";
    auto at = text.find(key);
    return at == text.npos ? std::nullopt : uuid::parse(text.substr(at + key.size(), 22));
}

std::map<uuid, std::string> parse_list(bytes_view bytes) {
    std::map<uuid, std::string> out;
    auto lines = log::checkpoint_lines(as_text(bytes));
    if (!lines) return out; // as if there were none: the ids are gathered again
    for (auto line : *lines) {
        auto space = line.find(' ');
        if (space == line.npos) continue;
        if (auto id = uuid::parse(line.substr(0, space))) out[*id] = std::string{line.substr(space + 1)};
    }
    return out;
}

std::vector<std::byte> encode_list(const std::map<uuid, std::string>& list) {
    std::string text = "0\n" + std::to_string(list.size()) + "\n";
    for (const auto& [id, path] : list) text += id.to_string() + " " + path + "\n";
    return log::to_bytes(text);
}

} // namespace

task<void> log_directories::identify() {
    const std::string metadata = directories_[0]->path + "/" + cluster::metadata_directory_name;
    auto stored = co_await runtime::read_whole(disk_, metadata + "/" + list_file, small_file_bytes_max);
    if (!stored && directories_.size() == 1) co_return;
    std::map<uuid, std::string> known;
    if (stored) known = parse_list(*stored);
    const auto before = known;

    auto refuse = [](log_directory& d, const std::string& why) {
        d.commits.take_offline();
        runtime::report(runtime::severity::error, "log directory " + d.path + ": " + why + "; its partitions are offline");
    };
    std::map<uuid, std::string> present;
    std::vector<log_directory*> unmarked;
    for (auto& d : directories_) {
        auto read = co_await runtime::read_whole(disk_, d->path + "/" + id_file, small_file_bytes_max);
        if (!read && read.error() == runtime::errc::not_found) {
            unmarked.push_back(d.get());
            continue;
        }
        auto id = read ? parse_id(*read) : std::nullopt;
        if (!id) {
            refuse(*d, std::string{id_file} + " cannot be read" + (read ? "" : std::string{": "} + runtime::describe(read.error())) +
                           ": put it back, or delete it if this is the directory that it was");
        } else if (auto [at, is_new] = present.try_emplace(*id, d->path); !is_new) {
            refuse(*d, "it is a copy of " + at->second + ": name one of the two");
        }
    }
    for (auto* d : unmarked) {
        auto was = std::find_if(known.begin(), known.end(), [&](const auto& k) { return k.second == d->path && !present.contains(k.first); });
        if (was != known.end()) {
            refuse(*d, "it is not the directory that was here at the last start: mount its disk; if that is lost for good, remove the line of " +
                           d->path + " from " + metadata + "/" + list_file);
            present.emplace(was->first, d->path); // it is named, though not usable
            continue;
        }
        auto made = co_await disk_.make_directory(d->path);
        auto id = runtime::shard::current().world().random->next_uuid();
        auto wrote = co_await runtime::replace_whole(disk_, d->path, id_file, log::to_bytes("version=1\nid=" + id.to_string() + "\n"));
        (void)made; // what is wrong with it shows when the file is written
        if (wrote) {
            present.emplace(id, d->path);
        } else {
            d->commits.take_offline();
            (void)unusable(*d, wrote.error(), "cannot be written to");
        }
    }
    for (const auto& [id, path] : known)
        if (!present.contains(id)) absent_ += (absent_.empty() ? "" : ", ") + path;
    for (const auto& [id, path] : present) known[id] = path;
    if (known == before) co_return;
    auto saved = co_await runtime::replace_whole(disk_, metadata, list_file, encode_list(known));
    if (!saved)
        runtime::report(runtime::severity::warning, "cannot write " + metadata + "/" + list_file + ": " + runtime::describe(saved.error()));
}

} // namespace millrace::broker
