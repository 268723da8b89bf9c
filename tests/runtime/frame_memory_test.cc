#include "runtime/frame_memory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>
#include <vector>

using namespace millrace::runtime;

#if !defined(__SANITIZE_ADDRESS__) // there every frame really goes back
TEST_CASE("frame memory: the frame that was given back last is taken first, by whoever needs one of its size") {
    void* a = frame_memory::take(200);
    void* b = frame_memory::take(200);
    frame_memory::give_back(a, 200);
    frame_memory::give_back(b, 200);
    CHECK(frame_memory::take(193) == b);
    CHECK(frame_memory::take(256) == a);
    frame_memory::give_back(a, 256);
    frame_memory::give_back(b, 193);
}

TEST_CASE("frame memory: a frame that ends on another thread is that thread's next one") {
    void* frame = frame_memory::take(100);
    void* next = nullptr;
    std::thread other{[&] {
        frame_memory::give_back(frame, 100);
        next = frame_memory::take(100);
        frame_memory::give_back(next, 100);
    }};
    other.join();
    CHECK(next == frame);
}
#endif

TEST_CASE("frame memory: frames that live at the same time are apart, whatever their sizes, and more than the lists keep can come back") {
    std::vector<std::pair<unsigned char*, std::size_t>> live;
    for (std::size_t round = 0; round < 3; ++round) {
        for (std::size_t i = 0; i < 4 * frame_memory::idle_max; ++i) {
            std::size_t bytes = 16 + i * 13 % (2 * frame_memory::pooled_bytes_max);
            auto* frame = static_cast<unsigned char*>(frame_memory::take(bytes));
            std::fill(frame, frame + bytes, static_cast<unsigned char>(i));
            live.emplace_back(frame, bytes);
        }
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < live.size(); ++i)
            for (std::size_t at = 0; at < live[i].second; ++at) wrong += live[i].first[at] != static_cast<unsigned char>(i);
        CHECK(wrong == 0);
        for (auto& [frame, bytes] : live) frame_memory::give_back(frame, bytes);
        live.clear();
    }
}
