// Which topics of a list exist, and what an assignment depends on of them.
// Owner: shared by all who have the list; any thread may have it.
// Invariant: nothing in it changes once it is made; it is of one image.
#pragma once

#include "cluster/image.h"
#include "coord/group/topic_list.h"

namespace millrace::coord {

struct known_topics {
    struct one {
        topic_id id;
        std::int32_t partitions = 0;
    };
    std::vector<one> topics; // ascending by id
    std::size_t partitions = 0; // of all of them
    std::uint64_t hash = 0;     // 0: none exists
};
using known_topics_ptr = std::shared_ptr<const known_topics>;

// Names and topics are gone through side by side, from the shorter to the longer: about as many steps as the shorter one has.
std::size_t steps_to_look_up(const topic_list& names, const cluster::image& in);
known_topics_ptr look_up(const topic_list& names, const cluster::image& in);

// Many names among many topics, looked up off the loop.
// Owner: the coordinator until it is taken, then whoever runs it.
// Invariant: touches nothing but its own.
struct topic_look_up {
    struct list {
        std::string regex; // empty: the list is one that members gave
        topic_list names;
        known_topics_ptr found; // once it is over
    };
    std::string group;
    cluster::image_ptr topics;
    std::uint64_t topics_number = 0; // of the coordinator that began it
    std::vector<list> lists;
    std::size_t next = 0; // of them
    bool over = false;

    // A slice of about `steps_max` steps, and one list at least.
    void run(std::size_t steps_max);
};

} // namespace millrace::coord
