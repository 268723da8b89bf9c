#include "base/edit_distance.h"

#include <doctest/doctest.h>

using millrace::edit_distance;

TEST_CASE("edit distance: letters to insert, take out or replace, the same both ways, none for equal words") {
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("record-size", "record-size") == 0);
    CHECK(edit_distance("", "abc") == 3);
    CHECK(edit_distance("kitten", "sitting") == 3);
    CHECK(edit_distance("sitting", "kitten") == 3);
    CHECK(edit_distance("ab", "ba") == 2);
}
