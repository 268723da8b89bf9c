// GB/s of each CRC32C variant beside boost::crc: crc32c_bench [size ...]
#include "base/crc32c.h"

#include <boost/crc.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

using namespace millrace;

namespace {

template <class F> double gigabytes_per_second(std::size_t size, std::size_t total, F&& once) {
    double best = 0;
    for (int round = 0; round < 5; ++round) {
        auto repeats = total / size + 1;
        auto start = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < repeats; ++i) once();
        std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        best = std::max(best, static_cast<double>(size * repeats) / took.count() / 1e9);
    }
    return best;
}

} // namespace

int main(int argc, char** argv) {
    std::vector<std::size_t> sizes;
    for (int i = 1; i < argc; ++i) sizes.push_back(std::strtoull(argv[i], nullptr, 10));
    if (sizes.empty()) sizes = {100, 1024, 16 << 10, 64 << 10, 1 << 20};

    std::printf("chosen: %s\n", name_of(crc32c_chosen()));
    for (auto size : sizes) {
        std::vector<std::byte> bytes(size, std::byte{0x5a});
        std::uint32_t crc = 0;
        std::printf("%8zu bytes:", size);
        for (auto variant : all_crc32c_variants) {
            if (!crc32c_available(variant)) continue;
            auto rate = gigabytes_per_second(size, 200'000'000, [&] { crc = crc32c_with(variant, crc, bytes); });
            std::printf("  %s %.2f", name_of(variant), rate);
        }
        auto rate = gigabytes_per_second(size, 200'000'000, [&] { crc = crc32c(crc, bytes); });
        std::printf("  crc32c() %.2f", rate);
        rate = gigabytes_per_second(size, 20'000'000, [&] {
            boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> library{crc};
            library.process_bytes(bytes.data(), bytes.size());
            crc = static_cast<std::uint32_t>(library.checksum());
        });
        std::printf("  boost %.2f GB/s  (%08x)\n", rate, crc);
    }
}
