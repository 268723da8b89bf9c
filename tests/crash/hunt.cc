#include "hunt.h"

#include "hunt_clients.h"
#include "hunt_keyed.h"

#include <array>
#include <cerrno>
#include <stdexcept>

namespace millrace::crash {

namespace {

using bt::whole_node;
using runtime::microseconds;

struct crash_state {
    sim::disk_image image;
    ending how;
    moment at;
    std::int64_t wall;
    std::uint64_t number;
};

void list_files(const sim::disk_node& in, const std::string& path, std::vector<std::string>& out) {
    for (auto& [name, node] : in.entries) {
        if (node->is_directory) list_files(*node, path + "/" + name, out);
        else out.push_back(path + "/" + name + " " + std::to_string(node->data.size()));
    }
}

constexpr std::size_t states_kept_max = 64; // until they are looked at

class run {
  public:
    run(const hunt_options& o, hunt_counts& counts, const std::function<void(std::uint64_t)>& began)
        : options_{o}, counts_{counts}, began_{began}, random_{o.seed}, choose_{o.seed ^ 0x5eed}, n_{o.seed, shards()} {
        shape();
        settings(n_);
        // Always at work here; what a crash leaves is read undisturbed.
        n_.options.log_initial_task_delay_ms = n_.options.log_retention_check_interval_ms = 3;
        n_.options.log_cleaner_backoff_ms = 2;
        for (int i = 0; i < 4; ++i) producers_.emplace_back(i, i < 2, static_cast<std::int16_t>(i == 2 ? 1 : static_cast<int>(o.seed % 3) - 1));
    }

    hunt_outcome go() {
        hunt_outcome out;
        try {
            lives();
            forget_clients();
        } catch (const std::exception& e) {
            know_.wrong.push_back(std::string{"a client is not answered as it has to be: "} + e.what());
            forget_clients();
        }
        n_.w.disk().before_change = nullptr;
        out.wrong = know_.wrong;
        out.state = found_in_;
        out.files = files_;
        out.schedule_hash = n_.w.schedule_hash();
        counts_.deletions += know_.deletions_told;
        counts_.commits += know_.commits_told;
        counts_.member_commits += know_.member_commits_told;
        counts_.topic_changes += know_.topic_changes_told;
        if (know_.newest) counts_.keyed += know_.newest->acknowledged_total();
        for (auto& [at, history] : know_.partitions) counts_.acknowledged += history.acknowledged_total();
        return out;
    }

  private:
    static constexpr std::int64_t hour_ms = 3'600'000; // the simulated day has gone on for so long when a run begins
    std::int64_t wall() { return n_.w.shard(shard_id{0}).wall().value; }
    std::size_t shards() const { return 1 + options_.seed % 3; }
    void settings(whole_node& n) const {
        if (options_.seed % 2) n.options.log_dirs = {"/data", "/more"};
        n.options.offsets_topic_num_partitions = 1;
        n.options.group_initial_rebalance_delay_ms = 0;
    }
    // What kind of run this is.
    void shape() {
        know_.topics = {{"flows", 3, "acks"}, {"kept", 1, "flush"}, {"loose", 1, "cache", false}, {"shrinks", 1, "acks", false}};
        value_bytes_ = options_.seed % 5 == 0 ? 6'000 : options_.seed % 5 == 1 ? 900 : 60;
        // One kind of cleanup in each run: two would make each state a third dearer.
        const auto kind = options_.seed / 2 % 4;
        if (kind % 2 == 0) know_.newest.emplace(keyed_writer::topic);
        else know_.topics.insert(know_.topics.end() - 1, {"ages", 1, "acks", false, kind == 1 ? retention{.ms = hour_ms - 20'000} : retention{.bytes = 3'000}});
        steps_ = value_bytes_ > 1'000 ? 40 : 70;
        fails_ = options_.seed % 4 == 3;
        n_.w.network().lose(options_.seed % 7 == 3 ? 20 : 0);
        look_one_in_ = value_bytes_ > 1'000 ? 4 : 3;
    }

    void lives() {
        constexpr int lives_max = 3;
        for (int life = 0; life < lives_max; ++life) {
            if (!start(life)) return;
            n_.w.disk().mutate(options_.mutation); // what was set up before is kept: records are what is to be lost
            n_.w.disk().before_change = [this] { branch(); };
            if (fails_ && random_.next() % 2) fail_something();
            for (int i = 0; i < steps_ && know_.wrong.empty(); ++i) {
                act();
                n_.w.run_for(microseconds{random_.next() % 1'500});
                hear();
                look_at_states();
            }
            n_.w.disk().before_change = nullptr;
            look_at_states();
            if (!know_.wrong.empty()) return;
            for (auto& host : n_.node->hosts()) counts_.compactions += host->keeper().stats().compactions.read();
            end();
            if (!know_.wrong.empty()) return;
        }
        if (!start(lives_max)) return;
    }

    // One call of the disk will fail in this life.
    void fail_something() {
        auto& d = n_.w.disk();
        auto error = std::array{EIO, ENOSPC, EDQUOT}[random_.next() % 3];
        switch (auto kind = random_.next() % (3 + sim::disk_calls)) {
        case 0: return d.fail_write(1 + random_.next() % 60, error);
        case 1: return d.fail_sync(1 + random_.next() % 40, EIO);
        case 2: return d.fail_directory_sync(1 + random_.next() % 20, EIO);
        default: return d.fail(static_cast<sim::disk_call>(kind - 3), 1 + random_.next() % 10, error);
        }
    }
    void fail_nothing() {
        constexpr auto far = std::uint64_t{1} << 40;
        auto& d = n_.w.disk();
        d.fail_write(far, EIO);
        d.fail_sync(far, EIO);
        d.fail_directory_sync(far, EIO);
        for (std::size_t i = 0; i < sim::disk_calls; ++i) d.fail(static_cast<sim::disk_call>(i), far, EIO);
    }

    void act() {
        time_ += static_cast<std::int64_t>(random_.next() % 400);
        for (auto& p : producers_)
            if (random_.next() % 2) p.act(n_, know_, random_, value_bytes_, time_);
        if (know_.newest && random_.next() % 2) keyed_.act(n_, *know_.newest, know_.now, know_.wrong, random_, value_bytes_, time_);
        if (random_.next() % 3 == 0) reader_.act(n_, know_, random_);
        if (random_.next() % 4 == 0) committer_.act(n_, know_, random_);
        if (random_.next() % 4 == 0) member_.act(n_, know_, random_);
        if (random_.next() % 8 == 0) deleter_.act(n_, know_, random_);
        if (random_.next() % 6 == 0) topics_.act(n_, know_, random_);
        switch (random_.next() % 120) {
        case 0: return n_.w.network().reset_all();
        case 1: return n_.w.network().reset_one();
        case 2: return n_.w.network().split(runtime::milliseconds{random_.next() % 20});
        default: return;
        }
    }
    void hear() {
        for (auto& p : producers_) p.hear(know_);
        if (know_.newest) keyed_.hear(*know_.newest, know_.now, know_.wrong);
        reader_.hear(know_);
        committer_.hear(know_);
        member_.hear(know_);
        deleter_.hear(know_);
        topics_.hear(know_);
    }
    void forget_clients() {
        for (auto& p : producers_) p.forget();
        keyed_.forget();
        reader_.forget();
        committer_.forget();
        member_.forget();
        deleter_.forget();
        topics_.forget();
    }

    // A life begins: what is there is looked at before anybody writes.
    bool start(int life) {
        auto up = n_.try_start();
        if (!up) {
            know_.wrong.push_back("it does not start: " + up.error().line);
            return false;
        }
        bt::wire c{n_};
        if (life == 0) {
            for (auto& t : know_.topics) {
                auto made = bt::create(c, t.name, t.partitions,
                                       {{"segment.ms", "1500"}, {"millrace.durability", t.durability}, {"file.delete.delay.ms", "5"},
                                        {"retention.ms", std::to_string(t.goes.ms)}, {"retention.bytes", std::to_string(t.goes.bytes)}});
                if (made != kafka::error_code::none) throw std::runtime_error("a topic cannot be made");
                for (std::int32_t p = 0; p < t.partitions; ++p)
                    if (auto& history = know_.of(t.name, p); t.goes.ms >= 0 || t.goes.bytes >= 0) history.goes_by_itself(t.goes);
            }
            if (know_.newest) {
                auto made = bt::create(c, keyed_writer::topic, 1,
                                       {{"segment.ms", "1500"}, {"cleanup.policy", "compact"}, {"min.cleanable.dirty.ratio", "0.01"},
                                        {"delete.retention.ms", "0"}, {"file.delete.delay.ms", "5"}});
                if (made != kafka::error_code::none) throw std::runtime_error("a topic cannot be made");
            }
            find_coordinator(c);
            return true;
        }
        auto found = look(c, n_, how_ended_, know_.now, know_.wrong, wall());
        if (!know_.wrong.empty()) return false;
        for (auto& [at, values] : found) {
            if (at.first == keyed_writer::topic) know_.newest->restarted(values);
            else know_.of(at.first, at.second).restarted(values);
            if (at.first == "ages") counts_.aged += static_cast<std::uint64_t>(std::count(values.begin(), values.end(), deleted));
        }
        know_.commits.restarted(read_commit(c, n_, committer::group, committer::topic, know_.wrong));
        know_.member_commits.restarted(read_commit(c, n_, member::group, member::topic, know_.wrong));
        for (auto& [name, history] : know_.changing) history.restarted(n_.topic(name) != nullptr);
        return know_.wrong.empty();
    }

    void find_coordinator(bt::wire& c) {
        kafka::find_coordinator_request in;
        in.key = committer::group;
        in.key_type = 0;
        for (int tries = 0; tries < 100; ++tries) {
            if (c.ask<kafka::find_coordinator_response>(in, 3)->message.error_code == kafka::error_code::none) return;
            n_.w.run_for(runtime::milliseconds{5});
        }
        throw std::runtime_error("the group's coordinator is not found");
    }

    // The life ends: somewhere in the next changes of the disk.
    void end() {
        n_.w.disk().cut_power_after(random_.next() % 12);
        for (int i = 0; i < 5; ++i) {
            for (auto& p : producers_) p.act(n_, know_, random_, value_bytes_, time_);
            n_.w.run_for(microseconds{random_.next() % 1'500});
            if (!n_.w.disk().power_is_cut()) hear(); // an answer that was under way when the power went may not have come
        }
        forget_clients();
        ++counts_.crashes;
        how_ended_ = random_.next() % 3 == 0 ? ending::kill : ending::power_cut;
        if (!n_.w.disk().power_is_cut()) n_.w.disk().cut_power_after(0);
        n_.stop();
        fail_nothing();
        if (how_ended_ == ending::kill) n_.w.disk().end_process();
        else n_.w.disk().crash(static_cast<sim::survival>(random_.next() % sim::survivals));
    }

    // In the middle of a turn: the states that a crash here would leave are put aside.
    void branch() {
        if (options_.only_run || drawn_ >= states_kept_max || choose_.next() % look_one_in_ != 0) return;
        for (int i = 0; i < 3; ++i) {
            auto mode = choose_.next() % 8;
            auto seed = choose_.next();
            ++last_state_;
            ++drawn_;
            bool kill = mode == 7;
            if (options_.state == 0 || options_.state == last_state_) {
                std::optional<sim::survival> left;
                // Most of the bugs that there are show where some survives and some does not.
                if (!kill) left = mode < sim::survivals ? static_cast<sim::survival>(mode) : sim::survival::any;
                states_.push_back({n_.w.disk().after_crash(left, seed), kill ? ending::kill : ending::power_cut, know_.now, wall(), last_state_});
            }
            if (kill) break; // one state, however often it is asked for
        }
    }
    void look_at_states() {
        for (auto& s : states_) {
            if (!know_.wrong.empty()) break;
            began_(s.number);
            look_at(s);
            if (know_.wrong.empty()) continue;
            found_in_ = s.number;
            list_files(*s.image.root, "", files_);
        }
        began_(0);
        states_.clear();
        drawn_ = 0;
    }

    void look_at(const crash_state& s) {
        (s.how == ending::kill ? counts_.kills : counts_.power_cuts) += 1;
        counts_.distinct.insert(s.image.hash());
        sim::seeded_random random{options_.seed * 1'000'003 + s.number};
        whole_node after{random.next(), shards()};
        settings(after);
        after.w.disk().mutate(options_.mutation);
        after.w.disk().load(s.image);
        auto how = s.how;
        if (random.next() % 6 == 0) { // again, before it is up
            ++counts_.twice;
            after.w.disk().cut_power_after(random.next() % 25);
            (void)after.try_start();
            if (!after.w.disk().power_is_cut()) after.w.disk().cut_power_after(0);
            after.stop();
            if (random.next() % 3 == 0) {
                after.w.disk().end_process();
            } else {
                after.w.disk().crash(static_cast<sim::survival>(random.next() % sim::survivals));
                how = ending::power_cut;
            }
        }
        auto up = after.try_start();
        if (!up) {
            know_.wrong.push_back("it does not start: " + up.error().line);
            return;
        }
        bt::wire c{after};
        auto found = look(c, after, how, s.at, know_.wrong, s.wall);
        for (auto& [at, values] : found) counts_.compared += values.size();
        auto committed = read_commit(c, after, committer::group, committer::topic, know_.wrong);
        know_.commits.check(committed, s.at, know_.wrong);
        auto by_member = read_commit(c, after, member::group, member::topic, know_.wrong);
        know_.member_commits.check(by_member, s.at, know_.wrong);
        if (know_.wrong.empty() && random.next() % 4 == 0) go_on(c, s, found);
    }

    // What producers do next: send again what they were not told about. All of it is there once, behind what was there.
    void go_on(bt::wire& c, const crash_state& s, const contents& before) {
        ++counts_.went_on;
        std::map<std::pair<std::string, std::int32_t>, std::vector<std::string>> again;
        std::size_t answers = 0;
        for (auto& p : producers_) answers += p.send_again(c, s.at, again);
        for (; answers > 0; --answers) {
            if (!c.wait()) {
                know_.wrong.push_back("a producer that sends again is not answered");
                return;
            }
            auto got = bt::outcome(c.next<kafka::produce_response>()->message);
            if (got.code != kafka::error_code::none)
                know_.wrong.push_back("a producer that sends again gets error " + std::to_string(static_cast<int>(got.code)));
        }
        auto after = read_everything(c, partitions(), know_.wrong);
        for (auto& [at, values] : after) {
            auto& old = before.at(at); // nothing goes by itself here
            if (values.size() < old.size() || !std::equal(old.begin(), old.end(), values.begin()))
                know_.wrong.push_back(at.first + "-" + std::to_string(at.second) + ": inconsistent: what was there changes as producers go on");
            std::map<std::string, int> times;
            for (auto& v : values) ++times[v];
            for (auto& v : again[at])
                if (times[v] != 1)
                    know_.wrong.push_back(at.first + "-" + std::to_string(at.second) + (times[v] ? ": duplicate: \"" : ": lost: \"") +
                                          v.substr(0, 30) + "\" was sent again and is there " + std::to_string(times[v]) + " times");
        }
    }

    std::vector<std::pair<std::string, std::int32_t>> partitions() const {
        std::vector<std::pair<std::string, std::int32_t>> all;
        for (auto& [at, history] : know_.partitions) all.push_back(at);
        return all;
    }
    // Everything that a started broker shows, against what was told before `at`.
    contents look(bt::wire& c, whole_node& n, ending how, moment at, faults& wrong, std::int64_t wall) {
        for (auto& [name, history] : know_.changing) history.check(n.topic(name) != nullptr, at, wrong);
        for (auto& [where, history] : know_.partitions)
            if (!n.topic(where.first)) wrong.push_back("topic " + where.first + ": lost");
        if (know_.newest && !n.topic(keyed_writer::topic)) wrong.push_back(std::string{"topic "} + keyed_writer::topic + ": lost");
        if (!wrong.empty()) return {};
        auto all = partitions();
        if (know_.newest) all.emplace_back(keyed_writer::topic, 0);
        auto found = read_everything(c, all, wrong);
        if (!wrong.empty()) return found;
        for (auto& [where, values] : found) {
            if (where.first == keyed_writer::topic) know_.newest->check(values, at, wrong);
            else know_.of(where.first, where.second).check(values, how, at, wrong, wall);
        }
        return found;
    }

    const hunt_options& options_;
    hunt_counts& counts_;
    const std::function<void(std::uint64_t)>& began_;
    sim::seeded_random random_; // of the run
    sim::seeded_random choose_; // of the states to look at: a run without looking goes the same way
    whole_node n_;
    knowledge know_;
    std::vector<producer> producers_;
    reader reader_;
    committer committer_;
    member member_;
    deleter deleter_;
    keyed_writer keyed_;
    topic_changer topics_;
    std::size_t value_bytes_ = 0;
    int steps_ = 0;
    bool fails_ = false;
    std::uint64_t look_one_in_ = 2;
    std::int64_t time_ = 1'767'225'600'000;
    ending how_ended_ = ending::power_cut;
    std::vector<crash_state> states_;
    std::size_t drawn_ = 0; // since the last look, those that are not asked for too: a replay draws the same
    std::uint64_t last_state_ = 0, found_in_ = 0;
    std::vector<std::string> files_;
};

} // namespace

hunt_outcome hunt(const hunt_options& options, hunt_counts& counts, const std::function<void(std::uint64_t)>& began) {
    run one{options, counts, began};
    return one.go();
}

} // namespace millrace::crash
