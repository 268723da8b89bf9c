// Read here and not by boost.program_options, whose config file parser does not tell the line of a setting.
#include "config/config_file.h"

#include "config/value.h"

namespace millrace::config {

std::expected<std::vector<setting>, std::string> parse_config_file(std::string_view path, std::string_view content) {
    std::vector<setting> out;
    std::string section;
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
        if (line.front() == '[') {
            if (line.back() != ']') return bad("a section looks like [name]");
            section = trimmed(line.substr(1, line.size() - 2));
            if (!section.empty()) section += '.';
            continue;
        }
        auto equals = line.find('=');
        if (equals == line.npos) return bad("a setting looks like name=value");
        std::string name = section + std::string{trimmed(line.substr(0, equals))};
        for (const auto& before : out)
            if (before.name == name)
                return bad("\"" + name + "\" was already set in line " + std::to_string(before.line));
        out.push_back({std::move(name), std::string{trimmed(line.substr(equals + 1))}, line_number});
    }
    return out;
}

} // namespace millrace::config
