#include "server/api/handlers.h"
#include "server/api/repeated.h"
#include "server/api/answer_text.h"

namespace millrace::server {

namespace {

using request = kafka::delete_topics_request;
using response = kafka::delete_topics_response;
using kafka::error_code;

struct answers {
    call& c;
    std::vector<response::topic_entry> topics;

    // Null name: the client gave an id, and no topic has it.
    void add(kafka::nullable_string name, const topic_id& id, const refusal& result) {
        response::topic_entry e;
        e.name = name;
        e.topic_id = id;
        e.error_code = result.code;
        if (result) e.error_message = keep_error(c.arena, result.text);
        topics.push_back(e);
    }
};

// What the request names: names and ids apart, nonsense answered at once.
struct targets {
    std::vector<std::string_view> names;
    std::vector<topic_id> ids;
};
targets read_targets(const request& in, answers& out) {
    targets found;
    for (auto name : in.topic_names) found.names.push_back(name);
    for (const auto& t : in.topics) {
        if (t.name.is_null() && t.topic_id.is_zero())
            out.add({}, {}, {error_code::invalid_request, "Neither topic name nor id were specified."});
        else if (t.name.is_null())
            found.ids.push_back(t.topic_id);
        else if (t.topic_id.is_zero())
            found.names.push_back(t.name.value());
        else
            out.add(t.name, t.topic_id, {error_code::invalid_request, "You may not specify both topic name and topic id."});
    }
    return found;
}

// With deletion switched off: the same code for everything asked for.
void refuse_all(const request& in, answers& out) {
    refusal why{out.c.version < 3 ? error_code::invalid_request : error_code::topic_deletion_disabled};
    for (auto name : in.topic_names) out.add(name, {}, why);
    for (const auto& t : in.topics) out.add(t.name, t.topic_id, why);
}

} // namespace

runtime::task<kafka::delete_topics_response> answer(const kafka::delete_topics_request& in, call& c) {
    answers out{c, {}};
    response made;
    if (!c.here.options.delete_topic_enable) {
        refuse_all(in, out);
        made.responses = keep(c.arena, out.topics);
        co_return made;
    }

    auto found = read_targets(in, out);
    auto names = count_occurrences(std::move(found.names));
    auto ids = count_occurrences(std::move(found.ids));
    for (auto name : names.repeated) out.add(name, {}, {error_code::invalid_request, "Duplicate topic name."});
    for (const auto& id : ids.repeated) out.add({}, id, {error_code::invalid_request, "Duplicate topic id."});

    struct target {
        topic_id id;
        std::string_view name;
    };
    std::vector<target> doomed;
    for (const auto& id : ids.once) {
        if (const auto* t = c.image->find(id))
            doomed.push_back({id, t->name});
        else
            out.add({}, id, refusal{error_code::unknown_topic_id});
    }
    for (auto name : names.once) {
        const auto* t = c.image->find(name);
        if (!t)
            out.add(name, {}, refusal{error_code::unknown_topic_or_partition});
        else if (holds(ids.once, t->id) || holds(ids.repeated, t->id))
            out.add(name, t->id, {error_code::invalid_request,
                                  "The provided topic name maps to an ID that was already supplied."});
        else
            doomed.push_back({t->id, name});
    }
    for (const auto& t : doomed) {
        auto done = co_await c.here.changes.delete_topic(t.id);
        out.add(t.name, t.id, done ? refusal{} : refusal{done.error()});
    }
    made.responses = keep(c.arena, out.topics);
    co_return made;
}

} // namespace millrace::server
