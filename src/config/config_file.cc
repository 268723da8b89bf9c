// boost.program_options reads the settings, and is handed one of them at a time, because it tells no lines. It would
// also pass NUL bytes through, so they are looked for before.
#include "config/config_file.h"

#include "config/value.h"

#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>

#include <sstream>

namespace millrace::config {

std::expected<std::vector<setting>, std::string> parse_config_file(std::string_view path, std::string_view content) {
    namespace po = boost::program_options;
    const po::options_description none; // names are held against the option table by the caller, who can suggest
    std::vector<setting> out;
    std::string section; // the line that opened it
    int line_number = 0;
    auto bad = [&](const std::string& why) {
        return std::unexpected{std::string{path} + ":" + std::to_string(line_number) + ": " + why};
    };
    if (content.starts_with("\xef\xbb\xbf")) content.remove_prefix(3); // a byte order mark
    while (!content.empty()) {
        auto raw = content.substr(0, content.find('\n'));
        content.remove_prefix(std::min(content.size(), raw.size() + 1));
        ++line_number;
        if (raw.find('\0') != raw.npos) return bad("holds a NUL byte: not a text file");
        auto line = trimmed(raw.substr(0, raw.find('#')));
        if (line.empty()) continue;
        if (line == "[]") return bad("a section looks like [name]"); // the library would look before its name's first byte
        std::vector<po::option> found;
        try {
            std::istringstream text{section + "\n" + std::string{line}};
            found = po::parse_config_file(text, none, true).options;
        } catch (const po::error&) {
            return bad(line.front() == '[' ? "a section looks like [name]" : "a setting looks like name=value");
        }
        if (found.empty()) section = line;
        for (auto& o : found) {
            for (const auto& before : out)
                if (before.name == o.string_key)
                    return bad("\"" + o.string_key + "\" was already set in line " + std::to_string(before.line));
            out.push_back({std::move(o.string_key), o.value.empty() ? "" : std::move(o.value.front()), line_number});
        }
    }
    return out;
}

} // namespace millrace::config
