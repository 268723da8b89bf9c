// Topics by name, as a member of a consumer group subscribes to them or a regular expression finds them: sorted, each once.
// Owner: shared by all who have the same list; a copy is a pointer, and any thread may have one.
// Invariant: nothing in a list changes once it is made. Its names lie in one piece of memory: one of tens of thousands of names,
// which some request may have, is given back as fast as a short one.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::coord {

class topic_list {
  public:
    topic_list() = default; // of no topics
    topic_list(std::initializer_list<std::string_view> names) : topic_list{std::vector<std::string_view>{names}} {}
    explicit topic_list(std::vector<std::string_view> names); // in any order and more than once; copied
    // Whatever has names one after the other.
    template <class Names> explicit topic_list(const Names& names) : topic_list{std::vector<std::string_view>{names.begin(), names.end()}} {}

    std::span<const std::string_view> names() const { return made_ ? std::span{made_->names} : std::span<const std::string_view>{}; }
    bool empty() const { return !made_; }
    std::size_t size() const { return names().size(); }
    std::size_t bytes() const { return made_ ? made_->text.size() : 0; } // of the names
    bool contains(std::string_view name) const { return std::binary_search(names().begin(), names().end(), name); }

    friend bool operator==(const topic_list& a, const topic_list& b) { return (a <=> b) == 0; }
    // In an order of no meaning that is the same everywhere. Of different lists the hashes nearly always say it.
    friend std::strong_ordering operator<=>(const topic_list& a, const topic_list& b);

  private:
    struct made {
        std::string text;
        std::vector<std::string_view> names; // in `text`
        std::uint64_t hash = 0;
    };
    std::shared_ptr<const made> made_; // null: of no topics
};

} // namespace millrace::coord
