#include "coord/group/topic_regex.h"

#include <re2/re2.h>

#include <algorithm>

namespace millrace::coord {

topic_regex::topic_regex(std::unique_ptr<re2::RE2> compiled) : compiled_{std::move(compiled)} {}
topic_regex::topic_regex(topic_regex&&) noexcept = default;
topic_regex& topic_regex::operator=(topic_regex&&) noexcept = default;
topic_regex::~topic_regex() = default;

std::expected<topic_regex, std::string> topic_regex::compile(std::string_view text) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(regex_memory_bytes_max);
    options.set_never_capture(true);
    auto compiled = std::make_unique<re2::RE2>(re2::StringPiece{text.data(), text.size()}, options);
    if (!compiled->ok()) return std::unexpected{compiled->error()};
    return topic_regex{std::move(compiled)};
}

bool topic_regex::matches(std::string_view topic) const {
    return re2::RE2::FullMatch(re2::StringPiece{topic.data(), topic.size()}, *compiled_);
}

std::size_t topic_regex::cost() const { return static_cast<std::size_t>(std::max(compiled_->ProgramSize(), 1)); }

} // namespace millrace::coord
