#include "config/print.h"

#include "config/option_table.h"

namespace millrace::config {

namespace {

std::string_view kind(const option& o) {
    switch (o.type) {
    case option_type::boolean: return "true or false";
    case option_type::integer: return "number";
    case option_type::decimal: return "decimal";
    case option_type::bytes: return "size";
    case option_type::duration:
        return o.unit == time_unit::ms ? "duration, ms" : o.unit == time_unit::minutes ? "duration, minutes" : "duration, hours";
    case option_type::word: return "word";
    case option_type::text: return "text";
    case option_type::list: return "list";
    case option_type::endpoints: return "addresses";
    case option_type::shard_count: return "number or auto";
    }
    return "";
}

std::string range_of(const option& o) {
    bool numeric = o.type == option_type::integer || o.type == option_type::bytes || o.type == option_type::duration ||
                   o.type == option_type::shard_count;
    if (!o.words.empty()) return ": " + std::string{o.words};
    if (!numeric) return "";
    if (o.max >= std::numeric_limits<std::int32_t>::max()) return ", from " + std::to_string(o.min);
    return ", " + std::to_string(o.min) + " to " + std::to_string(o.max);
}

} // namespace

std::string print_version() { return "millraced " MILLRACE_VERSION "\n"; }

std::string print_help() {
    std::string out = "Usage: millraced [--config FILE] [--OPTION VALUE | --OPTION=VALUE]...\n\n"
                      "  --config FILE       read FILE and conf.d/*.conf beside it (default " +
                      std::string{default_config_path} +
                      ", if it exists)\n"
                      "  --check-config      check every option and exit\n"
                      "  --print-config      print the values in force, with their origin, and exit\n"
                      "  --print-defaults    print a commented configuration file and exit\n"
                      "  --version, --help   print this and exit\n\n"
                      "Each option may also stand in a file (log.dirs=/data) or in the environment (MILLRACE_LOG_DIRS=/data).\n"
                      "Sizes take B, KiB, MiB, GiB, TiB, kB, MB, GB; durations take ms, s, min, h, d.\n";
    std::string_view group;
    for (const auto& o : option_table()) {
        if (o.hidden) continue;
        if (o.group != group) out += "\n" + std::string{group = o.group} + ":\n";
        out += "  --" + std::string{o.name};
        if (!o.default_value.empty()) out += " (" + std::string{o.default_value} + ")";
        out += "\n      " + std::string{o.help} + "\n";
    }
    return out;
}

std::string print_defaults() {
    std::string out = "# Millrace's options with their built-in values. Remove the # of a line to set it.\n"
                      "# Command line > MILLRACE_ environment > conf.d/*.conf > this file > built-in.\n"
                      "# Sizes take B, KiB, MiB, GiB, TiB, kB, MB, GB; durations take ms, s, min, h, d.\n";
    std::string_view group;
    for (const auto& o : option_table()) {
        if (o.hidden) continue;
        if (o.group != group) out += "\n## " + std::string{group = o.group} + "\n";
        out += "\n# " + std::string{o.help} + "\n# (" + std::string{kind(o)} + range_of(o) + ")\n#" + std::string{o.name} +
               "=" + std::string{o.default_value} + "\n";
    }
    return out;
}

std::string print_values(const std::map<std::string, origin_value>& values) {
    std::string out;
    for (const auto& o : option_table()) {
        const auto& v = values.find(std::string{o.name})->second;
        if (o.hidden && v.origin == "built-in") continue;
        out += std::string{o.name} + "=" + v.value + "  # " + v.origin + "\n";
    }
    return out;
}

} // namespace millrace::config
