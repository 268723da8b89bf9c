#include "command.h"
#include "help.h"

#include <cstring>

namespace millrace::tool {

std::expected<common_options, std::string> common_from(const arguments& given) {
    common_options out;
    auto address = given.value("bootstrap-server").value_or("127.0.0.1:9092");
    out.bootstrap = parse_bootstrap(address);
    if (out.bootstrap.empty()) return std::unexpected{"--bootstrap-server must be host:port, not " + address};
    auto format = given.value("format").value_or("text");
    if (format != "text" && format != "json") return std::unexpected{"--format must be text or json, not " + format};
    out.json = format == "json";
    return out;
}

} // namespace millrace::tool

int main(int argc, char** argv) {
    using namespace millrace::tool;
    std::span<const char* const> words{argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)};
    if (words.empty()) {
        std::fputs(help_overview, stderr);
        return exit_usage;
    }
    std::string_view first = words[0];
    if (first == "--help" || first == "-h" || first == "help") {
        std::fputs(help_overview, stdout);
        return 0;
    }
    if (first == "--version") {
        std::puts("millrace 0.1.0");
        return 0;
    }
    if (first == "topic") return topic_command(words.subspan(1));
    if (first == "cluster") return cluster_command(words.subspan(1));
    if (first == "config") return config_command(words.subspan(1));
    if (first == "group") return group_command(words.subspan(1));
    if (first == "log") return log_command(words.subspan(1));
    if (first == "produce") return produce_command(words.subspan(1));
    if (first == "consume") return consume_command(words.subspan(1));
    return usage_error("unknown command " + std::string{first} + "; known are topic, group, cluster, config, log, produce and consume, see --help");
}
