// What the writer of a compacted partition sent and was told, and what is therefore wrong with what a broker shows after its end.
// Owner: the run; one thread; no I/O, no clock: moments are numbers that the run counts up.
// Invariant: nothing is called wrong that compaction may do: older records of a key go, and a record without a value once nothing
// older of its key is left.
#pragma once

#include "history.h"

namespace millrace::crash {

class key_history {
  public:
    explicit key_history(std::string name) : name_{std::move(name)} {}

    // As readers see them (read_batches): a key, its number, filler; a record that removes a key has no number.
    static std::string shown_value(const std::string& key, int number) { return key + "=" + std::to_string(number) + " "; }
    static std::string shown_removal(const std::string& key) { return "(removed) " + key; }

    // Numbers of a key grow. REQUIRES: on the disk when it is acknowledged.
    void sent(const std::string& key, int number, bool removes, moment now) { keys_[key][number] = {removes, now, never, -1}; }
    void acknowledged(const std::string& key, int number, std::int64_t offset, moment now);
    // `found`: what can be read after a crash at `at`, from offset 0 on, with holes. Each key's newest acknowledged record is there, or
    // a newer one.
    void check(const std::vector<std::string>& found, moment at, faults& wrong) const;
    // The broker has started on `found`: it is kept from now on.
    void restarted(const std::vector<std::string>& found);

    std::size_t acknowledged_total() const { return acknowledged_total_; }

  private:
    struct attempt {
        bool removes = false;
        moment sent = never, told = never;
        std::int64_t offset = -1; // where it was acknowledged
    };
    struct newest {
        std::optional<int> number; // none: the record removes the key
        std::int64_t offset = 0;
    };
    using attempts = std::map<int, attempt>;
    static std::map<std::string, newest> read(const std::vector<std::string>& found, const std::string& name, faults& wrong);
    // The first that removes the key, from this number on, sent before `at`.
    static attempts::const_iterator removal(const attempts& all, int from, moment at);
    void check_key(const std::string& key, const attempts& all, const newest* there, moment at, faults& wrong) const;

    std::string name_;
    std::map<std::string, attempts> keys_;
    std::size_t acknowledged_total_ = 0;
};

} // namespace millrace::crash
