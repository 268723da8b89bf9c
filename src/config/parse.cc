#include "config/parse.h"

#include "config/command_line.h"
#include "config/fill.h"
#include "config/option_table.h"
#include "config/print.h"
#include "config/value.h"

namespace millrace::config {

namespace {

using values_map = std::map<std::string, origin_value>;
using checked = std::expected<void, std::string>;

checked take(values_map& values, std::string_view name, std::string_view text, std::string origin) {
    const auto* o = find_option(name);
    if (!o) return std::unexpected{origin + ": " + unknown_option("", name)};
    auto plain = plain_value(*o, text);
    if (!plain) return std::unexpected{origin + ": " + std::string{name} + ": " + plain.error()};
    values[std::string{name}] = {std::move(*plain), std::move(origin)};
    return {};
}

checked take_file(values_map& values, const file_reader& files, const std::string& path, bool may_be_missing) {
    auto content = files.read(path);
    if (!content) {
        switch (content.error()) {
        case file_error::not_found:
            if (may_be_missing) return {};
            return std::unexpected{path + ": no such file; --config must name one that exists, without it the built-in values hold"};
        case file_error::is_directory: return std::unexpected{path + ": is a directory, not a configuration file"};
        case file_error::unreadable: return std::unexpected{path + ": cannot be read"};
        }
    }
    auto settings = parse_config_file(path, *content);
    if (!settings) return std::unexpected{settings.error()};
    for (const auto& s : *settings)
        if (auto taken = take(values, s.name, s.value, path + ":" + std::to_string(s.line)); !taken) return taken;
    return {};
}

checked take_files(values_map& values, const file_reader& files, const std::string& given) {
    std::string path = given.empty() ? default_config_path : given;
    if (auto taken = take_file(values, files, path, given.empty()); !taken) return taken;
    auto slash = path.rfind('/');
    std::string directory = (slash == path.npos ? "" : path.substr(0, slash + 1)) + "conf.d";
    for (const auto& name : files.list(directory))
        if (name.ends_with(".conf") && !name.starts_with('.'))
            if (auto taken = take_file(values, files, directory + "/" + name, false); !taken) return taken;
    return {};
}

struct surroundings {
    std::string state_directory;
    bool testing = false;
};

checked take_environment(values_map& values, std::span<const std::string> environment, surroundings& around,
                         std::vector<std::string>& warnings) {
    for (std::string_view entry : environment) {
        auto equals = entry.find('=');
        if (equals == entry.npos) continue;
        auto variable = entry.substr(0, equals), value = entry.substr(equals + 1);
        if (variable == "STATE_DIRECTORY") around.state_directory = value;
        if (variable == "MILLRACE_TEST") around.testing = value == "1";
        if (!variable.starts_with("MILLRACE_") || variable == "MILLRACE_TEST") continue;
        std::string name{variable.substr(9)};
        for (auto& c : name) c = c == '_' ? '.' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        if (!find_option(name)) {
            // Kubernetes sets MILLRACE_PORT and the like for a service of that name: no reason to stop.
            auto near = suggest_option(name);
            warnings.push_back("environment: " + std::string{variable} + " is not an option" +
                               (near.empty() ? "" : "; the closest is " + std::string{near}));
            continue;
        }
        if (auto taken = take(values, name, value, "environment " + std::string{variable}); !taken) return taken;
    }
    return {};
}

values_map built_in() {
    values_map out;
    for (const auto& o : option_table()) out[std::string{o.name}] = {std::string{o.default_value}, "built-in"};
    return out;
}

outcome to_print(std::string text) {
    outcome out;
    out.what = action::print_and_exit;
    out.text = std::move(text);
    return out;
}

} // namespace

std::expected<outcome, parse_failure> parse(std::span<const std::string> arguments,
                                            std::span<const std::string> environment, const file_reader& files) {
    auto stop = [](std::string message) { return std::unexpected{parse_failure{std::move(message), exit_bad_config}}; };
    auto line = parse_command_line(arguments);
    if (!line) return stop(line.error());
    if (line->what == request::help) return to_print(print_help());
    if (line->what == request::version) return to_print(print_version());
    if (line->what == request::defaults) return to_print(print_defaults());

    outcome out;
    surroundings around;
    out.values = built_in();
    if (auto taken = take_files(out.values, files, line->config_path); !taken) return stop(taken.error());
    if (auto taken = take_environment(out.values, environment, around, out.warnings); !taken) return stop(taken.error());
    for (const auto& s : line->settings)
        if (auto taken = take(out.values, s.name, s.value, "command line"); !taken) return stop(taken.error());
    for (const auto& o : option_table())
        if (const auto& v = out.values[std::string{o.name}]; o.hidden && v.value == "true" && !around.testing)
            return stop(v.origin + ": " + std::string{o.name} + " breaks the promise to keep data; it needs MILLRACE_TEST=1");

    auto filled = fill_options(out.values, around.state_directory);
    if (!filled) return stop(filled.error());
    out.options = std::move(*filled);
    if (line->what != request::run) {
        out.what = action::print_and_exit;
        out.text = line->what == request::check ? "The configuration is valid.\n" : print_values(out.values);
    }
    return out;
}

std::expected<outcome, parse_failure> parse(int argc, const char* const* argv, const char* const* environ,
                                            const file_reader& files) {
    std::vector<std::string> arguments, environment;
    for (int i = 1; i < argc; ++i) arguments.emplace_back(argv[i]);
    for (; environ && *environ; ++environ) environment.emplace_back(*environ);
    return parse(arguments, environment, files);
}

} // namespace millrace::config
