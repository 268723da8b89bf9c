#include "table.h"

#include "base/assert.h"
#include "base/utf8.h"

#include <algorithm>

namespace millrace::tool {

namespace {
// Code points; wide and combining characters are taken as one column each.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}
} // namespace

table::table(std::vector<std::string> headings) {
    for (auto& heading : headings) {
        numbers_.push_back(heading.starts_with('>'));
        if (numbers_.back()) heading.erase(0, 1);
    }
    rows_.push_back(std::move(headings));
}

void table::row(std::vector<std::string> cells) {
    MR_ASSERT(cells.size() == numbers_.size(), "a row has a cell for each heading");
    rows_.push_back(std::move(cells));
}

std::string table::text() const {
    std::vector<std::size_t> widths(numbers_.size(), 0);
    for (const auto& row : rows_)
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
    std::string out;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i) line += "  ";
            std::string gap(widths[i] - width(row[i]), ' ');
            line += numbers_[i] ? gap + row[i] : row[i] + gap;
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + '\n';
    }
    return out;
}

std::string cell(std::string_view text) {
    if (text.empty()) return "-";
    constexpr char hex[] = "0123456789abcdef";
    bool readable = is_utf8(text);
    std::string out;
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !readable)) {
            out += "\\x";
            out += hex[byte >> 4];
            out += hex[byte & 15];
        } else {
            out += c;
        }
    }
    return out;
}

} // namespace millrace::tool
