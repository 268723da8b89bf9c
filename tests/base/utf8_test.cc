#include "base/utf8.h"

#include <doctest/doctest.h>

using namespace millrace;

TEST_CASE("utf8: characters of one to four bytes are read, and what is no character is not") {
    CHECK(first_utf8("a")->code_point == 'a');
    CHECK(first_utf8("\xc3\xa9")->code_point == 0xe9);
    CHECK(first_utf8("\xe2\x82\xac")->code_point == 0x20ac);
    CHECK(first_utf8("\xf0\x9f\x98\x80z")->code_point == 0x1f600);
    CHECK(first_utf8("\xf0\x9f\x98\x80z")->size_bytes == 4);
    for (auto bad : {"", "\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82z"})
        CHECK_FALSE(first_utf8(bad));
    CHECK(is_utf8("a\xc3\xa9\xf0\x9f\x98\x80"));
    CHECK_FALSE(is_utf8("a\xc3\xa9\xff"));
}

TEST_CASE("utf8: a text is cut between characters, and left alone where it fits") {
    CHECK(cut_utf8("a\xc3\xa9z", 4) == "a\xc3\xa9z");
    CHECK(cut_utf8("a\xc3\xa9z", 3) == "a\xc3\xa9");
    CHECK(cut_utf8("a\xc3\xa9z", 2) == "a");
    CHECK(cut_utf8("\xc3\xa9", 1).empty());
}
