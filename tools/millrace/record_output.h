// Records as lines on standard output.
// Owner: a command's body; on main's thread.
// Invariant: after `flush` every record that was printed has been handed to the kernel, or `broken` is true.
#pragma once

#include "client/reader.h"

#include <string>

namespace millrace::tool {

struct record_format {
    bool json = false;
    bool quiet = false;                       // only counts
    std::optional<std::string> key_separator; // text: keys too
};

class record_output {
  public:
    explicit record_output(record_format format) : format_{std::move(format)} {}

    void print(const client::read_record& r);
    void flush();
    bool broken() const { return broken_; }
    std::uint64_t count() const { return count_; }
    std::uint64_t bytes() const { return bytes_; }

  private:
    record_format format_;
    std::string out_;
    std::uint64_t count_ = 0, bytes_ = 0;
    bool broken_ = false;
};

} // namespace millrace::tool
