// Lines from a descriptor that may be slow, without blocking the loop.
// Owner: a command; on its thread.
// Invariant: a line is handed out whole, without its newline, and stays valid until the next call; the last line counts
// even without a newline.
#pragma once

#include <string>
#include <string_view>

namespace millrace::tool {

class line_source {
  public:
    enum state { line, nothing_yet, ended };
    explicit line_source(int descriptor) : descriptor_{descriptor} {}
    state next(std::string_view& out);

  private:
    int descriptor_;
    std::string buffer_;
    std::size_t at_ = 0;
    bool ended_ = false;
};

} // namespace millrace::tool
