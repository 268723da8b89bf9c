#include "rate_search.h"

#include <doctest/doctest.h>

#include <initializer_list>

using millrace::bench::rate_search;

TEST_CASE("saturate: the rate found is within five percent below what the broker can do, wherever the search begins") {
    for (std::uint64_t can : {1ull, 7ull, 999ull, 123'456ull, 5'000'000ull, 99'999'999ull})
        for (std::uint64_t first : {1ull, 1000ull, 1'000'000ull}) {
            CAPTURE(can);
            CAPTURE(first);
            rate_search search{first, 100'000'000};
            int tries = 0;
            while (auto rate = search.next()) {
                search.told(rate <= can);
                REQUIRE(++tries <= rate_search::tries_max);
            }
            CHECK(search.best() <= can);
            CHECK(static_cast<double>(search.best()) >= static_cast<double>(can) * 0.95 - 1);
        }
}

TEST_CASE("saturate: where no rate holds none is found, and where every one does the highest is") {
    rate_search none{1000, 100'000};
    while (none.next()) none.told(false);
    CHECK(none.best() == 0);
    rate_search all{1000, 100'000};
    while (all.next()) all.told(true);
    CHECK(all.best() == 100'000);
}
