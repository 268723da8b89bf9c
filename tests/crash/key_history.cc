#include "key_history.h"

#include <cstdlib>

namespace millrace::crash {

void key_history::acknowledged(const std::string& key, int number, std::int64_t offset, moment now) {
    ++acknowledged_total_;
    auto& one = keys_.at(key).at(number);
    one.told = now;
    one.offset = offset;
}

std::map<std::string, key_history::newest> key_history::read(const std::vector<std::string>& found, const std::string& name, faults& wrong) {
    const std::string removed = shown_removal("");
    std::map<std::string, newest> out;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const auto& v = found[i];
        const auto offset = static_cast<std::int64_t>(i);
        if (v == hole || v == deleted) continue;
        if (v.starts_with(removed)) {
            out[v.substr(removed.size())] = {std::nullopt, offset};
            continue;
        }
        const auto equals = v.find('=');
        if (equals == v.npos) {
            wrong.push_back(name + " offset " + std::to_string(offset) + ": phantom: \"" + v.substr(0, 40) + "\" was never sent");
            continue;
        }
        const int number = std::atoi(v.c_str() + equals + 1);
        auto& last = out[v.substr(0, equals)];
        if (last.number && *last.number >= number)
            wrong.push_back(name + " offset " + std::to_string(offset) + ": reordered: \"" + v.substr(0, 40) + "\" is behind number " + std::to_string(*last.number));
        last = {number, offset};
    }
    return out;
}

key_history::attempts::const_iterator key_history::removal(const attempts& all, int from, moment at) {
    auto i = all.lower_bound(from);
    while (i != all.end() && !(i->second.removes && i->second.sent < at)) ++i;
    return i;
}

void key_history::check(const std::vector<std::string>& found, moment at, faults& wrong) const {
    const auto there = read(found, name_, wrong);
    for (const auto& [key, last] : there)
        if (!keys_.contains(key)) wrong.push_back(name_ + ": phantom: key " + key + " was never sent");
    for (const auto& [key, all] : keys_) {
        auto last = there.find(key);
        check_key(key, all, last == there.end() ? nullptr : &last->second, at, wrong);
        for (const auto& [number, a] : all) {
            if (a.told >= at || a.offset < 0) continue;
            const auto expected = a.removes ? shown_removal(key) : shown_value(key, number);
            const auto index = static_cast<std::size_t>(a.offset);
            if (index >= found.size())
                wrong.push_back(name_ + " offset " + std::to_string(a.offset) + ": lost: \"" + expected + "\" was acknowledged, the log ends at " +
                                std::to_string(found.size()));
            else if (found[index] != hole && !found[index].starts_with(expected))
                wrong.push_back(name_ + " offset " + std::to_string(a.offset) + ": inconsistent: \"" + found[index].substr(0, 40) + "\" where \"" + expected +
                                "\" was acknowledged");
        }
    }
}

void key_history::check_key(const std::string& key, const attempts& all, const newest* there, moment at, faults& wrong) const {
    int least = 0; // acknowledged; numbers begin at 1
    for (const auto& [number, a] : all)
        if (a.told < at) least = number;
    if (there && there->number) {
        auto one = all.find(*there->number);
        if (one == all.end() || one->second.removes || one->second.sent >= at)
            wrong.push_back(name_ + ": phantom: number " + std::to_string(*there->number) + " of key " + key + " was never sent");
        else if (*there->number < least)
            wrong.push_back(name_ + ": lost: key " + key + " has number " + std::to_string(*there->number) + ", and " + std::to_string(least) + " was acknowledged");
        return;
    }
    if (!there && least == 0) return;
    if (removal(all, least, at) == all.end())
        wrong.push_back(name_ + ": lost: number " + std::to_string(least) + " of key " + key + " was acknowledged, and the key is " +
                        (there ? "removed" : "not there"));
}

void key_history::restarted(const std::vector<std::string>& found) {
    faults ignored;
    const auto there = read(found, name_, ignored);
    for (auto& [key, all] : keys_) {
        for (auto& [number, a] : all) a.offset = -1; // compaction may have taken it, and what was cut is another's place now
        int least = 0;
        for (const auto& [number, a] : all)
            if (a.told != never) least = number;
        auto last = there.find(key);
        if (last != there.end() && last->second.number) {
            auto one = all.find(*last->second.number);
            if (one == all.end()) continue;
            one->second.told = 0;
            all.erase(std::next(one), all.end());
        } else if (auto gone = removal(all, least, never); gone != all.end() && (last != there.end() || least > 0)) {
            all.at(gone->first).told = 0;
        }
    }
}

} // namespace millrace::crash
