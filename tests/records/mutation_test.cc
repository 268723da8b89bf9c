// Valid batches, damaged at random: nothing crashes, and nothing under the CRC goes unnoticed.
#include "records/compressed_walk.h"
#include "records/scan.h"
#include "samples.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::records;
using samples::byte_vector;

TEST_CASE("mutation: every flipped bit outside the 17 uncovered header bytes is detected") {
    for (auto which : samples::all) {
        CAPTURE(name_of(which));
        auto batch = samples::batch({.codec = which, .records = 4});
        for (std::size_t bit = at::crc * 8; bit < batch.size() * 8; ++bit) {
            CAPTURE(bit);
            auto flip = static_cast<std::byte>(1 << (bit % 8));
            batch[bit / 8] ^= flip;
            REQUIRE_FALSE(validate(batch, stored_rules()).has_value());
            batch[bit / 8] ^= flip;
        }
        CHECK(validate(batch, stored_rules()).has_value());
    }
}

TEST_CASE("mutation: random damage, with the CRC made right again, never crashes a reader") {
    decompressor with;
    byte_buffer scratch;
    for (std::uint64_t seed = 0; seed < 20000; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random{seed};
        auto batch = samples::batch({.codec = samples::all[seed % 5], .records = 1 + static_cast<int>(random() % 6),
                                     .seed = seed % 16});
        for (auto changes = 1 + random() % 6; changes > 0; --changes) {
            // Half of the damage goes to the header and the first records, where the lengths are.
            auto where = random() % (random() % 2 ? batch.size() : std::min<std::size_t>(batch.size(), 80));
            batch[where] = random() % 2 ? static_cast<std::byte>(random())
                                        : batch[where] ^ static_cast<std::byte>(1 << (random() % 8));
        }
        if (random() % 8 == 0) batch.resize(random() % batch.size());
        batch.shrink_to_fit();
        if (batch.size() > at::attributes) samples::fix_crc(batch);

        auto rules = producer_rules(1 << 20, 9, seed % 2);
        auto info = validate_produced(batch, rules);
        (void)validate(batch, {.from_producer = false, .walk_records = true});
        auto step = scan_next(batch, 0, {});
        if (step.outcome == scan_outcome::whole) CHECK(step.batch.size_bytes <= batch.size());
        if (!info) continue;
        CHECK(info->size_bytes <= batch.size());
        CHECK(info->record_count == (info->last_offset - info->base_offset) + 1);
        (void)check_timestamps(*info, {}, samples::base_time);
        if (info->codec != codec::none)
            (void)walk_compressed(batch, rules, 1 << 16, with, scratch);
        CHECK(scratch.size() <= (1 << 16) + 1);
    }
}
