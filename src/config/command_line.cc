#include "config/command_line.h"

#include "config/option_table.h"

#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>

namespace millrace::config {

namespace {

namespace po = boost::program_options;

constexpr std::pair<const char*, request> requests[] = {
    {"help", request::help},           {"version", request::version},         {"check-config", request::check},
    {"print-config", request::values}, {"print-defaults", request::defaults},
};

po::options_description described() {
    po::options_description all;
    auto add = all.add_options();
    add("help,h", "")("config", po::value<std::string>(), "");
    for (auto [name, what] : requests)
        if (what != request::help) add(name, "");
    for (const auto& o : option_table()) add(std::string{o.name}.c_str(), po::value<std::string>(), "");
    return all;
}

// The library refuses "--cluster.id=" by itself; for us it is the way to write an empty value.
std::vector<po::option> empty_value(std::vector<std::string>& rest) {
    const auto& token = rest.front();
    if (!token.starts_with("--") || token.size() < 4 || token.find('=') != token.size() - 1) return {};
    std::vector<po::option> out(1);
    out[0].string_key = token.substr(2, token.size() - 3);
    out[0].value.emplace_back();
    out[0].original_tokens.push_back(token);
    rest.erase(rest.begin());
    return out;
}

std::string quoted(std::string_view text) { return "\"" + std::string{text} + "\""; }

} // namespace

std::expected<command_line, std::string> parse_command_line(std::span<const std::string> arguments) {
    auto bad = [](const std::string& why) { return std::unexpected{"command line: " + why}; };
    using namespace po::command_line_style; // without allow_guessing: no abbreviations
    constexpr int style = allow_long | long_allow_adjacent | long_allow_next | allow_short | short_allow_next | allow_dash_for_short;
    const auto all = described();
    command_line out;
    try {
        po::command_line_parser parser{std::vector<std::string>{arguments.begin(), arguments.end()}};
        auto parsed = parser.options(all).style(style).extra_style_parser(empty_value).allow_unregistered().run();
        for (auto& o : parsed.options) {
            const auto& token = o.original_tokens.empty() ? o.string_key : o.original_tokens.front();
            if (o.position_key != -1 || !(token.starts_with("--") || o.string_key == "help"))
                return bad(quoted(token) + " is not an option; options look like --log.dirs=/data");
            if (o.unregistered) return bad(unknown_option("--", o.string_key));
            bool requested = false;
            for (auto [name, what] : requests)
                if (o.string_key == name) {
                    out.what = what;
                    requested = true;
                }
            if (requested) continue;
            if (o.string_key == "config") out.config_path = o.value.at(0);
            else out.settings.push_back({std::move(o.string_key), std::move(o.value.at(0)), 0});
        }
    } catch (const po::invalid_command_line_syntax& e) {
        if (e.kind() == po::invalid_syntax::missing_parameter) return bad(e.get_option_name() + " needs a value");
        return bad(e.what());
    } catch (const po::error& e) {
        return bad(e.what());
    }
    return out;
}

} // namespace millrace::config
