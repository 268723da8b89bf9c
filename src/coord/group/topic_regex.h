// A regular expression over topic names, as members of consumer groups subscribe with (KIP-848): RE2's syntax, which Kafka's
// RE2/J shares, matched against the whole name.
// Owner: whoever looks for topics with it; movable.
// Invariant: matching takes time linear in the name, and its memory is bounded: an expression that needs more is refused.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace millrace::coord {

inline constexpr std::size_t regex_memory_bytes_max = 128 << 10;

class topic_regex {
  public:
    // The error says what is wrong with `text`.
    static std::expected<topic_regex, std::string> compile(std::string_view text);
    topic_regex(topic_regex&&) noexcept;
    topic_regex& operator=(topic_regex&&) noexcept;
    ~topic_regex();

    bool matches(std::string_view topic) const;
    // An upper bound on steps for each byte of a name.
    std::size_t cost() const;

  private:
    explicit topic_regex(std::unique_ptr<re2::RE2> compiled);
    std::unique_ptr<re2::RE2> compiled_;
};

} // namespace millrace::coord
