#include "base/intrusive_list.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

using namespace millrace;

namespace {
struct item : hook_of<struct first_tag>, hook_of<struct second_tag> {
    int id = 0;
};
using first_list = intrusive_list<item, first_tag>;
using second_list = intrusive_list<item, second_tag>;

std::vector<int> ids(first_list& list) {
    std::vector<int> out;
    for (auto& i : list) out.push_back(i.id);
    return out;
}
} // namespace

TEST_CASE("intrusive list: whatever is pushed, popped, removed and spliced, it holds what a deque would") {
    std::mt19937_64 random{1};
    std::vector<item> items(50);
    for (int i = 0; i < 50; ++i) items[static_cast<std::size_t>(i)].id = i;
    first_list list, other;
    std::deque<int> model, other_model;
    for (int step = 0; step < 20'000; ++step) {
        item& i = items[random() % items.size()];
        bool in = first_list::contains(i);
        switch (random() % 6) {
        case 0:
            if (!in) list.push_back(i), model.push_back(i.id);
            break;
        case 1:
            if (!in) list.push_front(i), model.push_front(i.id);
            break;
        case 2:
            if (!in) other.push_back(i), other_model.push_back(i.id);
            break;
        case 3:
            first_list::remove(i);
            std::erase(model, i.id);
            std::erase(other_model, i.id);
            break;
        case 4: {
            item* popped = list.pop_front();
            REQUIRE((popped != nullptr) == !model.empty());
            if (popped) {
                CHECK(popped->id == model.front());
                model.pop_front();
            }
            break;
        }
        case 5:
            if (random() % 8) break;
            list.splice_back(other);
            model.insert(model.end(), other_model.begin(), other_model.end());
            other_model.clear();
            break;
        }
        REQUIRE(list.empty() == model.empty());
        REQUIRE(std::ranges::equal(ids(list), model));
        REQUIRE(std::ranges::equal(ids(other), other_model));
    }
}

TEST_CASE("intrusive list: an element leaves its lists when it ends, and two hooks do not disturb each other") {
    first_list by_one;
    second_list by_two;
    item stays;
    stays.id = 1;
    by_one.push_back(stays);
    {
        item ends;
        by_one.push_back(ends);
        by_two.push_back(ends);
        by_one.remove(ends);
        CHECK(second_list::contains(ends));
        by_one.push_front(ends);
    }
    CHECK(ids(by_one) == std::vector<int>{1});
    CHECK(by_two.empty());
}
