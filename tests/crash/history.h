// What the clients of a run sent and were told, and what is therefore wrong with what a broker shows after its end. The checks
// are those of Jepsen's Kafka workload, as far as one broker can be wrong: lost, duplicate, reordered, phantom, inconsistent,
// going back.
// Owner: the run; one thread; no I/O, no clock: moments are numbers that the run counts up.
// Invariant: nothing is called wrong that a broker may do; a crash at a moment is judged by what was told before it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace millrace::crash {

using moment = std::uint64_t;
inline constexpr moment never = ~moment{0};
using faults = std::vector<std::string>;

enum class ending : std::uint8_t { kill, power_cut }; // the page cache stays, or goes

// Stands for an offset without a record, with records behind it.
inline const std::string hole = "(no record)";

// Stands for an offset in front of the one that the log begins with.
inline const std::string deleted = "(deleted)";

// What an acknowledgement of a record means.
enum class promise : std::uint8_t {
    none,      // acks=0
    in_memory, // it survives the end of the process
    on_disk,   // … and a power cut
};

// Whose records keep their order: a producer's, or a connection's where nothing numbers its batches.
struct source {
    int producer = 0;
    int stream = 0;
    friend auto operator<=>(const source&, const source&) = default;
};

// What goes from the front of a log: what is older, or what it has more of; a negative number is no limit.
struct retention {
    std::int64_t ms = -1;
    std::int64_t bytes = -1;
};

class partition_history {
  public:
    explicit partition_history(std::string name) : name_{std::move(name)} {}

    // Every value is sent to one partition only; again only by a producer that numbers its batches.
    void sent(const std::string& value, source by, promise asked, std::int64_t time = 0);
    void acknowledged(const std::string& value, std::int64_t offset, moment now, faults& wrong);
    void read(std::int64_t offset, const std::string& value, moment now, faults& wrong);
    void watermark(std::int64_t high, moment now, faults& wrong);

    // Records below `offset` were asked to be deleted; from the answer on they stay so. Offsets grow.
    void deletion_sent(std::int64_t offset, moment now) { deletions_.push_back({offset, now, never}); }
    void deletion_acknowledged(std::int64_t offset, moment now);
    // Records go from its front by themselves, and no others than these.
    void goes_by_itself(retention by) { retention_ = by; }
    // Readers were told that it begins here: it stays so.
    void start_told(std::int64_t offset, moment now);
    std::int64_t highest_watermark() const { return watermarks_.empty() ? static_cast<std::int64_t>(base_.size()) : watermarks_.back().second; }
    std::int64_t last_deletion() const { return deletions_.empty() ? begins_at(base_) : deletions_.back().offset; }

    // `found`: what can be read after a crash at `at`, from offset 0 on, with holes, and with `deleted` in front.
    // `wall`: the time at the crash, for who goes by itself.
    void check(const std::vector<std::string>& found, ending how, moment at, faults& wrong, std::int64_t wall = 0) const;
    // The broker has started on `found`: it is kept from now on, and what it had not kept may be overwritten.
    void restarted(std::vector<std::string> found);

    std::size_t acknowledged_total() const { return acknowledged_total_; }

  private:
    struct sent_record {
        source by;
        std::uint64_t order = 0; // of the first sending
        promise asked = promise::none;
        std::int64_t time = 0;
    };
    struct told {
        std::string value;
        moment when = never;
    };
    struct deletion {
        std::int64_t offset;
        moment sent, told;
    };
    static std::int64_t begins_at(const std::vector<std::string>& found);
    void check_start(std::int64_t start, moment when, std::int64_t wall, faults& wrong) const;
    void check_kept_bytes(const std::vector<std::string>& found, std::int64_t start, faults& wrong) const;
    std::string at(std::int64_t offset) const { return name_ + " offset " + std::to_string(offset) + ": "; }
    bool on_disk(const std::string& value) const;
    std::int64_t flushed_end(moment when) const;
    void check_content(const std::vector<std::string>& found, faults& wrong) const;

    std::string name_;
    std::map<std::string, sent_record> sent_;
    std::vector<std::string> base_; // found at the last start
    std::map<std::int64_t, told> acknowledged_, read_; // since then
    std::map<std::string, std::int64_t> offsets_;      // … by value
    std::vector<std::pair<moment, std::int64_t>> watermarks_;
    std::vector<deletion> deletions_; // since the last start
    std::optional<retention> retention_;
    std::size_t acknowledged_total_ = 0;
};

// One committed offset of a group; commits grow.
class commit_history {
  public:
    explicit commit_history(std::string name) : name_{std::move(name)} {}
    void sent(std::int64_t offset, moment now) { attempts_.push_back({offset, now, never}); }
    void acknowledged(std::int64_t offset, moment now);
    void check(std::optional<std::int64_t> found, moment at, faults& wrong) const;
    void restarted(std::optional<std::int64_t> found);
    std::int64_t last() const { return attempts_.empty() ? base_.value_or(0) : attempts_.back().offset; }

  private:
    struct attempt {
        std::int64_t offset;
        moment sent, told;
    };
    std::string name_;
    std::optional<std::int64_t> base_;
    std::vector<attempt> attempts_; // since the last start
};

// Whether a topic exists; its creations and deletions come one after the other.
class topic_history {
  public:
    explicit topic_history(std::string name) : name_{std::move(name)} {}
    void begun(bool creation, moment now) { changes_.push_back({creation, now, never, false}); }
    void ended(bool done, moment now); // the last one
    // What must be so after a crash at `at`; nothing where either would do.
    std::optional<bool> expected(moment at) const;
    void check(bool exists, moment at, faults& wrong) const;
    void restarted(bool exists);

  private:
    struct change {
        bool creation;
        moment begun, told;
        bool done;
    };
    std::string name_;
    bool base_ = false;
    std::vector<change> changes_; // since the last start
};

} // namespace millrace::crash
