// CPU time of a batch that gets its topic's codec (compression.type), per MB of records: recompress_cost [batch bytes]
// From no compression and from each codec to each, at the levels that topics begin with; the records are JSON of a made-up shop.
#include "cpu_seconds.h"
#include "records/batch_builder.h"
#include "records/recompress.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

using namespace millrace;
using namespace millrace::records;

namespace {

struct target {
    codec which;
    int level; // what a topic begins with (cluster/topic_config.cc)
};
constexpr target targets[] = {{codec::none, codec_level_default}, {codec::gzip, codec_level_default}, {codec::snappy, codec_level_default},
                              {codec::lz4, 9}, {codec::zstd, 3}};
constexpr double seconds_least = 0.3; // of each measurement
constexpr int rounds = 3;

std::vector<std::byte> make_batch(codec which, std::size_t plain_bytes) {
    batch_builder builder{{.codec = which}};
    std::mt19937 random{1};
    for (std::int64_t i = 0; builder.size_bytes() < plain_bytes; ++i) {
        const std::string value = "{\"order\":" + std::to_string(1'000'000 + i) + ",\"customer\":" + std::to_string(random() % 100'000) + ",\"item\":\"article-" +
                                  std::to_string(random() % 5'000) + "\",\"amount\":" + std::to_string(random() % 10) + ",\"price\":" +
                                  std::to_string(random() % 100'000) + ",\"currency\":\"EUR\",\"state\":\"" + (random() % 4 ? "paid" : "open") + "\"}";
        builder.append(timestamp_ms{1'767'225'600'000 + i}, std::nullopt, as_bytes(value));
    }
    auto made = builder.finish({});
    return {made.begin(), made.end()};
}

} // namespace

int main(int argc, char** argv) {
    const std::size_t plain_bytes = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
    if (plain_bytes == 0) return std::fprintf(stderr, "usage: recompress_cost [batch bytes]\n"), 2;
    std::printf("ms of CPU per MB of uncompressed batches of %zu bytes, best of %d; size: of the result, in hundredths of that\n%-10s", plain_bytes, rounds,
                "from \\ to");
    for (const auto& to : targets) std::printf(" %12s", name_of(to.which));
    std::printf("\n");
    const auto megabytes = static_cast<double>(make_batch(codec::none, plain_bytes).size()) / 1e6;
    std::vector<double> sizes(std::size(targets));
    for (const auto& from : targets) {
        const auto batch = make_batch(from.which, plain_bytes);
        std::printf("%-10s", name_of(from.which));
        for (std::size_t t = 0; t < std::size(targets); ++t) {
            const auto& to = targets[t];
            if (to.which == from.which) { // a batch that has the topic's codec stays as it is
                std::printf(" %12s", "-");
                continue;
            }
            double best = 1e9;
            byte_buffer out;
            for (int round = 0; round < rounds; ++round) {
                int times = 0;
                const double began = cpu_seconds();
                double took = 0;
                for (; took < seconds_least; took = cpu_seconds() - began, ++times)
                    if (!recompress(batch, producer_rules(0x7fffffff, 9, false), to.which, to.level, 256 << 20, out))
                        return std::fprintf(stderr, "a batch was refused\n"), 1;
                best = std::min(best, took / times / megabytes * 1000);
            }
            sizes[t] = static_cast<double>(out.size()) / megabytes / 1e4;
            std::printf(" %12.2f", best);
        }
        std::printf("\n");
    }
    std::printf("%-10s", "size");
    for (auto s : sizes) std::printf(" %12.0f", s);
    std::printf("\n");
}
