// Which topics a regular expression matches, found in slices off the loop: an expensive one among many topics takes long, and
// making it ready takes milliseconds by itself.
// Owner: the coordinator until it is taken, then whoever runs it.
// Invariant: touches nothing but its own; the topics are an image, which nobody changes.
#pragma once

#include "cluster/image.h"
#include "coord/group/known_topics.h"
#include "coord/group/topic_regex.h"

#include <string>
#include <vector>

namespace millrace::coord {

struct topic_search {
    std::string group, regex;
    cluster::image_ptr topics;
    std::uint64_t topics_number = 0;              // of the coordinator that began it
    std::shared_ptr<const topic_regex> compiled;  // null: made with the first slice
    std::size_t next = 0;                         // of the topics
    std::vector<std::string_view> found;          // so far, in the image
    topic_list list;                              // when it is over: what was found
    known_topics_ptr known;
    bool over = false;
    bool refused = false; // no expression by our bounds: stored by a broker with others

    // A slice of about `steps_max` steps of matching, and one topic at least.
    void run(std::size_t steps_max);
};

} // namespace millrace::coord
