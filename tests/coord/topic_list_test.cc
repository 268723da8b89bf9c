#include "coord/group/known_topics.h"
#include "coord/group/topic_list.h"

#include <doctest/doctest.h>

using namespace millrace;
using coord::topic_list;

TEST_CASE("topic list: names in any order and more than once are one list, ascending and each once") {
    const topic_list list{"b", "a", "c", "a"};
    CHECK(std::vector<std::string_view>{list.names().begin(), list.names().end()} == std::vector<std::string_view>{"a", "b", "c"});
    CHECK(list.bytes() == 3);
    CHECK(list == topic_list{"a", "b", "c"});
    CHECK(list != topic_list{"a", "b"});
    CHECK(list != topic_list{"a", "bc"}); // of the same letters
    CHECK(list.contains("b"));
    CHECK_FALSE(list.contains("d"));
    CHECK(topic_list{}.empty());
    CHECK(topic_list{} == topic_list{std::vector<std::string>{}});
    CHECK(topic_list{""} != topic_list{});
}

TEST_CASE("topic list: of two lists the same one is always first") {
    const std::vector<topic_list> lists{{}, {"a"}, {"b"}, {"a", "b"}, {"ab"}, {""}};
    for (const auto& one : lists)
        for (const auto& other : lists) {
            CHECK(((one <=> other) == 0) == (&one == &other));
            CHECK(((one <=> other) < 0) == ((other <=> one) > 0));
        }
}

TEST_CASE("topic list: its names outlive what they were made from, and every copy has them") {
    topic_list copy;
    {
        std::vector<std::string> names{"one", std::string(1000, 'x')};
        topic_list list{names};
        copy = list;
        names.assign(2, "other");
    }
    CHECK(copy == topic_list{"one", std::string(1000, 'x')});
}

TEST_CASE("known topics: whether there are more names or more topics, those that exist are found, and their hash tells every change") {
    auto image_of = [](std::vector<std::string> names, int partitions) {
        cluster::image image;
        for (const auto& name : names) {
            auto t = std::make_shared<cluster::topic>();
            t->name = name;
            t->id.bytes[0] = static_cast<std::uint8_t>(name.front());
            t->partition_count = partitions;
            image.put(t);
        }
        return image;
    };
    const auto few = image_of({"b"}, 2), many = image_of({"a", "b", "c", "d", "e"}, 2);
    const topic_list wanted{"b", "x", "y"};
    const auto among_few = coord::look_up(wanted, few), among_many = coord::look_up(wanted, many);
    for (const auto& known : {among_few, among_many}) {
        REQUIRE(known->topics.size() == 1);
        CHECK(known->topics[0].id == few.find("b")->id);
        CHECK(known->partitions == 2);
        CHECK(known->hash == among_few->hash);
    }
    CHECK(coord::look_up(wanted, image_of({"b"}, 3))->hash != among_few->hash);
    CHECK(coord::look_up({"a", "b"}, many)->hash != among_few->hash);
    CHECK(coord::look_up({"z"}, many)->hash == 0);
}
