#include "server/frame_assembler.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::server;
using state = frame_assembler::state;

namespace {

std::vector<std::byte> framed(std::size_t size, unsigned seed) {
    std::vector<std::byte> out(4 + size);
    store_be<std::int32_t>(out.data(), static_cast<std::int32_t>(size));
    for (std::size_t i = 4; i < out.size(); ++i) out[i] = static_cast<std::byte>((seed = seed * 1103515245 + 12345) >> 16);
    return out;
}

} // namespace

TEST_CASE("frame assembler: however the bytes are cut, the frames come out whole and in order") {
    for (unsigned seed = 0; seed < 30; ++seed) {
        CAPTURE(seed);
        std::mt19937 random{seed};
        std::vector<std::byte> wire;
        std::vector<std::vector<std::byte>> sent;
        for (int i = 0; i < 20; ++i) {
            auto f = framed(8 + random() % (i % 5 == 0 ? 9'000'000 : 10'000), random());
            wire.insert(wire.end(), f.begin(), f.end());
            sent.emplace_back(f.begin() + 4, f.end());
        }
        frame_assembler a{100 << 20};
        std::size_t at = 0, got = 0;
        while (at < wire.size() || a.now() == state::complete) {
            if (a.now() == state::complete) {
                auto f = a.take_frame();
                REQUIRE(got < sent.size());
                CHECK(as_text(f.bytes()) == as_text(sent[got++]));
            } else if (a.now() == state::exact) {
                auto into = a.exact_target();
                REQUIRE(into.size() <= wire.size() - at);
                std::copy_n(wire.begin() + static_cast<std::ptrdiff_t>(at), into.size(), into.begin());
                at += into.size();
                a.exact_received(into.size());
            } else {
                auto n = std::min<std::size_t>(wire.size() - at, 1 + random() % 20'000);
                at += a.take(bytes_view{wire}.subspan(at, n));
            }
        }
        CHECK(got == sent.size());
    }
}

TEST_CASE("frame assembler: a claim of 100 MiB with one byte behind it holds no more than the proof size") {
    frame_assembler a{100 << 20};
    auto claim = framed(8, 1);
    store_be<std::int32_t>(claim.data(), 100 << 20);
    a.take(bytes_view{claim}.first(5));
    CHECK(a.now() == state::collecting);
    CHECK(a.held_bytes() <= frame_assembler::proof_bytes);
}

TEST_CASE("frame assembler: memory follows what has arrived, not what was announced") {
    frame_assembler a{100 << 20};
    auto wire = framed(100 << 20, 1);
    std::size_t at = a.take(bytes_view{wire}.first(8000));
    while (a.now() != state::complete) {
        CHECK(a.held_bytes() <= std::max(frame_assembler::first_allocation_bytes_max, at * frame_assembler::growth_factor));
        if (a.now() == state::exact) {
            auto n = a.exact_target().size();
            at += n;
            a.exact_received(n);
        } else {
            at += a.take(bytes_view{wire}.subspan(at, std::min<std::size_t>(8000, wire.size() - at)));
        }
    }
    CHECK(a.take_frame().size == 100u << 20);
}

TEST_CASE("frame assembler: impossible sizes are refused as soon as they are read") {
    for (std::int32_t size : {-1, 0, 7, 1001}) {
        CAPTURE(size);
        frame_assembler a{1000};
        std::vector<std::byte> wire(100);
        store_be(wire.data(), size);
        CHECK(a.take(wire) == 4);
        CHECK(a.now() == state::refused);
        CHECK(a.announced_bytes() == size);
        CHECK(a.held_bytes() == 0);
    }
}

TEST_CASE("frame assembler: the bytes copied are counted anew for each frame") {
    frame_assembler a{100 << 20};
    auto wire = framed(1000, 4);
    for (int i = 0; i < 2; ++i) {
        CHECK(a.take(wire) == wire.size());
        CHECK(a.copied_bytes() == 1000);
        (void)a.take_frame();
    }
}

TEST_CASE("frame assembler: a frame of 20 KB whose beginning comes in one piece is copied once") {
    frame_assembler a{100 << 20};
    auto wire = framed(20'000, 4);
    std::size_t at = a.take(bytes_view{wire}.first(16 * 1024));
    CHECK(a.held_bytes() == 20'000);
    a.take(bytes_view{wire}.subspan(at));
    REQUIRE(a.now() == state::complete);
    CHECK(a.copied_bytes() == 20'000);
}

TEST_CASE("frame assembler: a megabyte batch is received in place but for its beginning") {
    frame_assembler a{100 << 20};
    auto wire = framed(1'000'000, 4);
    std::size_t first = a.take(bytes_view{wire}.first(16 * 1024));
    CHECK(first == 16 * 1024);
    REQUIRE(a.now() == state::exact);
    CHECK(a.exact_target().size() == wire.size() - first);
    CHECK(a.copied_bytes() == 16 * 1024 - 4);
}
