#include "arguments.h"

#include "table.h"

#include <algorithm>
#include <charconv>

namespace millrace::tool {

namespace {

constexpr std::size_t word_bytes_max = 32'767; // of a string on the wire
constexpr std::size_t shown_bytes = 40;

// Nearly every word may become a string of a request, so none may be longer than those.
std::optional<std::string> too_long(std::span<const char* const> words) {
    for (std::string_view word : words)
        if (word.size() > word_bytes_max)
            return "the argument that begins with " + cell(word.substr(0, shown_bytes)) + " has " + std::to_string(word.size()) +
                   " bytes; an argument may have at most " + std::to_string(word_bytes_max);
    return std::nullopt;
}

} // namespace

std::expected<arguments, std::string> arguments::parse(std::span<const char* const> words,
                                                       std::span<const option_form> forms) {
    if (auto why = too_long(words)) return std::unexpected{std::move(*why)};
    arguments out;
    bool options_ended = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string_view word = words[i];
        if (options_ended || !word.starts_with("--")) {
            if (!options_ended && word.size() > 1 && word.starts_with("-") && word != "-h")
                return std::unexpected{"unknown option " + std::string{word} + "; options begin with two dashes, see --help"};
            if (!options_ended && word == "-h")
                out.options_["help"];
            else
                out.alone_.emplace_back(word);
            continue;
        }
        word.remove_prefix(2);
        if (word.empty()) {
            options_ended = true;
            continue;
        }
        auto equals = word.find('=');
        auto name = word.substr(0, equals);
        auto form = std::find_if(forms.begin(), forms.end(), [&](const auto& f) { return f.name == name; });
        if (form == forms.end()) return std::unexpected{"unknown option --" + std::string{name} + "; see --help"};
        auto& values = out.options_[std::string{name}];
        if (!form->has_value) {
            if (equals != word.npos) return std::unexpected{"option --" + std::string{name} + " takes no value"};
            continue;
        }
        if (!values.empty() && !form->repeats) return std::unexpected{"option --" + std::string{name} + " is given twice"};
        if (equals != word.npos) {
            values.emplace_back(word.substr(equals + 1));
        } else if (i + 1 < words.size()) {
            values.emplace_back(words[++i]);
        } else {
            return std::unexpected{"option --" + std::string{name} + " needs a value"};
        }
    }
    return out;
}

std::optional<std::string> arguments::value(std::string_view name) const {
    auto found = options_.find(name);
    if (found == options_.end() || found->second.empty()) return std::nullopt;
    return found->second.back();
}

std::vector<std::string> arguments::values(std::string_view name) const {
    auto found = options_.find(name);
    return found == options_.end() ? std::vector<std::string>{} : found->second;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
    std::int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::expected<std::int64_t, std::string> arguments::number(std::string_view name, std::int64_t otherwise,
                                                           std::int64_t min, std::int64_t max) const {
    auto text = value(name);
    if (!text) return otherwise;
    auto parsed = parse_number(*text);
    if (!parsed || *parsed < min || *parsed > max)
        return std::unexpected{"--" + std::string{name} + " must be a number from " + std::to_string(min) + " to " +
                               std::to_string(max) + ", not " + *text};
    return *parsed;
}

} // namespace millrace::tool
