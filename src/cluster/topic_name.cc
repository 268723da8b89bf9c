#include "cluster/topic_name.h"

namespace millrace::cluster {

namespace {
bool allowed(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}
std::unexpected<failure> bad(std::string why) {
    return refuse(errc::invalid_name, "Topic name is invalid: " + std::move(why));
}
} // namespace

outcome<void> check_topic_name(std::string_view name) {
    if (name.empty()) return bad("the empty string is not allowed");
    if (name == ".") return bad("'.' is not allowed");
    if (name == "..") return bad("'..' is not allowed");
    if (name.size() > topic_name_length_max)
        return bad("the length of '" + std::string{name} + "' is longer than the max allowed length 249");
    for (char c : name)
        if (!allowed(c))
            return bad("'" + std::string{name} +
                       "' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'");
    return {};
}

bool names_collide(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    auto folded = [](char c) { return c == '.' ? '_' : c; };
    for (std::size_t i = 0; i < a.size(); ++i)
        if (folded(a[i]) != folded(b[i])) return false;
    return true;
}

} // namespace millrace::cluster
