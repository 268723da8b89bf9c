#include "line_source.h"

#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace millrace::tool {

line_source::state line_source::next(std::string_view& out) {
    constexpr std::size_t chunk_bytes = 256 << 10;
    std::size_t searched = at_;
    while (true) {
        auto newline = buffer_.find('\n', searched);
        if (newline != buffer_.npos) {
            out = std::string_view{buffer_}.substr(at_, newline - at_);
            at_ = newline + 1;
            return line;
        }
        if (ended_) {
            if (at_ == buffer_.size()) return ended;
            out = std::string_view{buffer_}.substr(at_);
            at_ = buffer_.size();
            return line;
        }
        pollfd waiting{descriptor_, POLLIN, 0};
        if (::poll(&waiting, 1, 0) == 0) return nothing_yet;
        buffer_.erase(0, at_);
        at_ = 0;
        searched = buffer_.size();
        buffer_.resize(searched + chunk_bytes);
        auto got = ::read(descriptor_, buffer_.data() + searched, chunk_bytes);
        buffer_.resize(searched + static_cast<std::size_t>(got > 0 ? got : 0));
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) ended_ = true;
    }
}

} // namespace millrace::tool
