// What happened in a run that its figures do not say.
// Owner: one run, on its shard.
// Invariant: a note is said once, with how often it happened; the run is valid until `spoil` says it is not.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace millrace::bench {

class run_notes {
  public:
    static constexpr std::size_t notes_max = 20;

    void note(std::string text) {
        for (auto& [said, times] : all_)
            if (said == text) {
                ++times;
                return;
            }
        if (all_.size() < notes_max) all_.emplace_back(std::move(text), 1);
    }
    void spoil(std::string text) {
        valid_ = false;
        note(std::move(text));
    }
    bool valid() const { return valid_; }
    std::vector<std::string> lines() const {
        std::vector<std::string> out;
        for (const auto& [said, times] : all_) out.push_back(times == 1 ? said : said + " (" + std::to_string(times) + " times)");
        return out;
    }

  private:
    std::vector<std::pair<std::string, std::uint64_t>> all_;
    bool valid_ = true;
};

} // namespace millrace::bench
