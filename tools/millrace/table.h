// Columns for people: aligned, numbers to the right.
// Owner: a command; on its thread.
// Invariant: a cell is one line and changes no terminal, whatever its bytes are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::tool {

class table {
  public:
    // A heading that begins with '>' is of a column of numbers.
    explicit table(std::vector<std::string> headings);
    // REQUIRES: as many cells as headings.
    void row(std::vector<std::string> cells);
    std::string text() const;

  private:
    std::vector<bool> numbers_;
    std::vector<std::vector<std::string>> rows_;
};

// Control characters, and bytes that are no UTF-8, as \xNN; "-" where there is nothing.
std::string cell(std::string_view text);
inline std::string cell(std::optional<std::int64_t> number) { return number ? std::to_string(*number) : "-"; }

} // namespace millrace::tool
