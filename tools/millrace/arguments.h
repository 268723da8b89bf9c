// The words of a command line, taken apart: options with a declared form, and what stands alone.
// Owner: a command; on its thread.
// Invariant: after `parse` succeeded every option is one of those declared, and has a value exactly if its form has one; no word
// is longer than a string of the wire.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::tool {

struct option_form {
    std::string_view name; // without the dashes
    bool has_value = false;
    bool repeats = false;
};

class arguments {
  public:
    // Takes "--name value" and "--name=value"; "--" ends the options. Error: one line for the user.
    static std::expected<arguments, std::string> parse(std::span<const char* const> words,
                                                       std::span<const option_form> forms);

    bool has(std::string_view name) const { return options_.contains(name); }
    std::optional<std::string> value(std::string_view name) const;
    std::vector<std::string> values(std::string_view name) const;
    // Error where the value is no number between the bounds.
    std::expected<std::int64_t, std::string> number(std::string_view name, std::int64_t otherwise, std::int64_t min,
                                                    std::int64_t max) const;
    const std::vector<std::string>& alone() const { return alone_; }

  private:
    std::map<std::string, std::vector<std::string>, std::less<>> options_;
    std::vector<std::string> alone_;
};

std::optional<std::int64_t> parse_number(std::string_view text);

} // namespace millrace::tool
