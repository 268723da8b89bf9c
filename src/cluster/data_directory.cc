#include "cluster/data_directory.h"

#include "cluster/change.h"
#include "cluster/topic_config_value.h"

#include <algorithm>

namespace millrace::cluster {

namespace {

constexpr std::size_t format_bytes_max = 4096;
constexpr const char* kafka_format_file_name = "meta.properties";

std::string parent_of(const std::string& path) {
    auto end = path.find_last_not_of('/');
    auto slash = end == path.npos ? path.npos : path.rfind('/', end);
    if (slash == path.npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

// Left by a format that a crash cut short: an empty metadata log and nothing else.
runtime::task<bool> is_unfinished(runtime::disk& disk, std::string metadata) {
    auto entries = co_await disk.list(metadata);
    if (!entries) co_return false;
    for (const auto& e : *entries) {
        bool ours = e.name == changes_file_name || e.name == std::string{changes_file_name} + ".tmp";
        if (!ours || e.is_directory || e.size_bytes > log_magic_size) co_return false;
    }
    co_return true;
}

} // namespace

std::unexpected<failure> disk_failure(std::string_view doing, std::string_view path, runtime::errc why) {
    return refuse(errc::storage_failed, std::string{doing} + " " + std::string{path} + ": " + runtime::describe(why));
}

std::string format_text(const identity& who) {
    return "# A Millrace data directory. Written once; do not edit.\nversion=1\ncluster.id=" + who.cluster_id +
           "\nnode.id=" + std::to_string(who.node_id.value) + "\n";
}

outcome<identity> parse_format(std::string_view text, std::string_view path) {
    identity who{{}, broker_id{-1}};
    std::string_view version;
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        auto equals = line.find('=');
        if (line.empty() || line[0] == '#' || equals == line.npos) continue;
        auto key = line.substr(0, equals), value = line.substr(equals + 1);
        if (key == "version") version = value;
        if (key == "cluster.id") who.cluster_id = value;
        if (key == "node.id")
            if (auto n = parse_integer(value); n && *n >= 0 && *n <= INT32_MAX)
                who.node_id = broker_id{static_cast<std::int32_t>(*n)};
    }
    if (!version.empty() && version != "1")
        return refuse(errc::unsupported_format, std::string{path} + ": format version " + std::string{version} +
                                                    " was written by a later release; this one reads version 1");
    if (version.empty() || !uuid::parse(who.cluster_id) || who.node_id.value < 0)
        return refuse(errc::corrupt, std::string{path} + ": not a complete format file");
    return who;
}

runtime::task<outcome<std::optional<identity>>> identify_directory(runtime::disk& disk, std::string directory, bool adopt) {
    auto listed = co_await disk.list(directory);
    if (!listed) {
        if (listed.error() == runtime::errc::not_found) co_return std::optional<identity>{};
        co_return disk_failure("cannot list", directory, listed.error());
    }
    for (const auto& e : *listed) {
        if (e.name != format_file_name) continue;
        std::string path = directory + "/" + format_file_name;
        auto content = co_await runtime::read_whole(disk, path, format_bytes_max);
        if (!content) co_return disk_failure("cannot read", path, content.error());
        auto who = parse_format(as_text(*content), path);
        if (!who) co_return std::unexpected{who.error()};
        co_return std::optional<identity>{std::move(*who)};
    }
    const bool of_kafka = std::any_of(listed->begin(), listed->end(), [](const auto& e) { return e.name == kafka_format_file_name; });
    if (adopt && of_kafka) co_return std::optional<identity>{};
    for (const auto& e : *listed) {
        if (e.name == std::string{format_file_name} + ".tmp" || e.name == ".lock") continue;
        if (e.name == "lost+found" && e.is_directory) continue; // the root of a file system
        if (e.name == metadata_directory_name && e.is_directory) {
            bool unfinished = co_await is_unfinished(disk, directory + "/" + metadata_directory_name);
            if (unfinished) continue;
        }
        co_return refuse(errc::foreign_directory, directory + " holds \"" + e.name + "\" but no " + format_file_name +
                                                      (of_kafka ? ": it is Kafka's; log.dirs.adopt=true takes its topics over" : ": it is not a Millrace data directory; name an empty one"));
    }
    co_return std::optional<identity>{};
}

runtime::task<std::string> kafka_cluster_id(runtime::disk& disk, std::string directory) {
    auto content = co_await runtime::read_whole(disk, directory + "/" + kafka_format_file_name, format_bytes_max);
    if (!content) co_return "";
    auto text = as_text(*content);
    constexpr std::string_view key = "\ncluster.id=";
    auto at = text.find(key);
    if (at == text.npos) co_return "";
    auto value = text.substr(at + key.size());
    value = value.substr(0, value.find_first_of("\r\n"));
    co_return uuid::parse(value) ? std::string{value} : std::string{};
}

runtime::task<outcome<void>> format_directory(runtime::disk& disk, std::string directory, identity who) {
    for (std::string path : {directory, directory + "/" + metadata_directory_name}) {
        auto made = co_await disk.make_directory(path);
        if (!made && made.error() != runtime::errc::exists) co_return disk_failure("cannot make", path, made.error());
        auto parent = parent_of(path);
        auto synced = co_await disk.sync_directory(parent);
        if (!synced) co_return disk_failure("cannot flush", parent, synced.error());
    }
    auto magic = as_bytes(log_magic);
    std::string metadata = directory + "/" + metadata_directory_name;
    std::vector<std::byte> empty_log(magic.begin(), magic.end());
    auto wrote = co_await runtime::replace_whole(disk, metadata, changes_file_name, std::move(empty_log));
    if (!wrote) co_return disk_failure("cannot write", metadata, wrote.error());
    auto text = format_text(who);
    auto bytes = as_bytes(text);
    std::vector<std::byte> content(bytes.begin(), bytes.end());
    wrote = co_await runtime::replace_whole(disk, directory, format_file_name, std::move(content));
    if (!wrote) co_return disk_failure("cannot write", directory, wrote.error());
    co_return outcome<void>{};
}

} // namespace millrace::cluster
