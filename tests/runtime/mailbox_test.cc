#include "runtime/mailbox.h"

#include <doctest/doctest.h>

#include <memory>
#include <thread>
#include <vector>

using namespace millrace::runtime;

TEST_CASE("mailbox: messages between two threads arrive once each, in the order sent, however often the box is full") {
    constexpr std::size_t count = 200'000;
    auto box = std::make_unique<mailbox>();
    std::vector<message> messages(count);
    std::thread producer{[&] {
        for (auto& m : messages)
            while (!box->push(m)) std::this_thread::yield();
    }};
    bool in_order = true;
    for (std::size_t i = 0; i < count;) {
        message* m = box->pop();
        if (!m) {
            std::this_thread::yield();
            continue;
        }
        in_order = in_order && m == &messages[i];
        ++i;
    }
    producer.join();
    CHECK(in_order);
    CHECK(box->pop() == nullptr);
}

TEST_CASE("mailbox: a full box refuses, and takes again after one message has been read") {
    auto box = std::make_unique<mailbox>();
    std::vector<message> messages(mailbox::mailbox_slots_max + 1);
    for (std::size_t i = 0; i < mailbox::mailbox_slots_max; ++i) REQUIRE(box->push(messages[i]));
    CHECK_FALSE(box->push(messages.back()));
    CHECK(box->pop() == &messages[0]);
    CHECK(box->push(messages.back()));
}
