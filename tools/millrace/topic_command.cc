#include "client/admin.h"
#include "command.h"
#include "help.h"
#include "json.h"
#include "retention_report.h"
#include "topic_report.h"

namespace millrace::tool {

namespace {

struct topic_wish {
    std::string action;
    std::string name;
    bool json = false;
    std::int32_t partitions = -1;
    std::int16_t replication_factor = -1;
    std::vector<client::config_change> configs;
    bool tolerant = false; // --if-exists, --if-not-exists
};

class topic_body final : public command_body {
  public:
    explicit topic_body(topic_wish wish) : wish_{std::move(wish)} {}

    runtime::task<int> run(client::cluster_link& link) override {
        if (wish_.action == "list") co_return co_await list(link);
        if (wish_.action == "describe") co_return co_await describe(link);
        if (wish_.action == "explain-retention") co_return co_await explain(link);
        if (wish_.action == "create") co_return co_await create(link);
        if (wish_.action == "alter") co_return co_await alter(link);
        co_return co_await remove(link);
    }

  private:
    int done(const char* what) {
        if (wish_.json) {
            std::string out = "{\"topic\":";
            append_json_string(out, wish_.name);
            std::printf("%s,\"result\":\"%s\"}\n", out.c_str(), what);
        } else {
            std::printf("topic %s %s\n", wish_.name.c_str(), what);
        }
        return 0;
    }
    runtime::task<int> create(client::cluster_link& link) {
        client::new_topic wanted;
        wanted.name = wish_.name;
        wanted.partitions = wish_.partitions;
        wanted.replication_factor = wish_.replication_factor;
        wanted.configs = wish_.configs;
        auto made = co_await client::create_topic(link, wanted);
        if (made) co_return done("created");
        if (wish_.tolerant && made.error().code == kafka::error_code::topic_already_exists) co_return done("exists");
        co_return failed(made.error());
    }
    runtime::task<int> remove(client::cluster_link& link) {
        auto gone = co_await client::delete_topic(link, wish_.name);
        if (gone) co_return done("deleted");
        if (wish_.tolerant && gone.error().code == kafka::error_code::unknown_topic_or_partition) co_return done("absent");
        co_return failed(gone.error());
    }
    runtime::task<int> alter(client::cluster_link& link) {
        if (!wish_.configs.empty()) {
            client::config_resource of{client::config_kind::topic, wish_.name};
            auto set = co_await client::alter_configs(link, of, wish_.configs);
            if (!set) co_return failed(set.error());
        }
        if (wish_.partitions > 0) {
            auto raised = co_await client::create_partitions(link, wish_.name, wish_.partitions);
            if (!raised) co_return failed(raised.error());
        }
        co_return done("altered");
    }
    runtime::task<int> list(client::cluster_link& link) {
        auto all = co_await link.topics();
        if (!all) co_return failed(all.error());
        std::string out = wish_.json ? "[" : "";
        for (const auto& t : *all) {
            if (!wish_.json) {
                out += t->name + "\n";
                continue;
            }
            if (out.size() > 1) out += ",";
            out += "\n {\"name\":";
            append_json_string(out, t->name);
            out += ",\"id\":\"" + t->id.to_string() + "\",\"partitions\":" + std::to_string(t->partitions.size());
            out += t->internal ? ",\"internal\":true}" : ",\"internal\":false}";
        }
        if (wish_.json) out += out.size() > 1 ? "\n]\n" : "]\n";
        std::fwrite(out.data(), 1, out.size(), stdout);
        co_return 0;
    }
    template <class Report> int print(const Report& report) const {
        std::string out;
        if (wish_.json) {
            append_json(out, report);
            out += "\n";
        } else {
            append_text(out, report);
        }
        std::fwrite(out.data(), 1, out.size(), stdout);
        return 0;
    }
    runtime::task<int> describe(client::cluster_link& link) {
        auto report = co_await report_topic(link, wish_.name);
        if (!report) co_return failed(report.error());
        co_return print(*report);
    }

    runtime::task<int> explain(client::cluster_link& link) {
        auto report = co_await report_retention(link, wish_.name);
        if (!report) co_return failed(report.error());
        co_return print(*report);
    }

    topic_wish wish_;
};

} // namespace

int topic_command(std::span<const char* const> words) {
    static constexpr option_form forms[] = {{"help"}, {"bootstrap-server", true}, {"format", true}, {"partitions", true},
        {"replication-factor", true}, {"config", true, true}, {"delete-config", true, true}, {"if-exists"}, {"if-not-exists"}};
    auto given = arguments::parse(words, forms);
    if (!given) return usage_error(given.error());
    if (given->has("help")) return std::fputs(help_topic, stdout), 0;
    const auto& alone = given->alone();
    if (alone.empty()) return usage_error("topic needs one of create, list, describe, explain-retention, alter, delete; see millrace topic --help");
    topic_wish wish;
    wish.action = alone[0];
    bool known = false;
    for (auto* a : {"create", "list", "describe", "explain-retention", "alter", "delete"}) known |= wish.action == a;
    if (!known) return usage_error("unknown action topic " + wish.action + "; known are create, list, describe, explain-retention, alter, delete");
    std::size_t names = wish.action == "list" ? 0 : 1;
    if (alone.size() != 1 + names)
        return usage_error("topic " + wish.action + (names ? " needs one topic name" : " takes no topic name") + "; see millrace topic --help");
    if (names) wish.name = alone[1];
    auto common = common_from(*given);
    if (!common) return usage_error(common.error());
    wish.json = common->json;
    auto partitions = given->number("partitions", -1, 1, 1'000'000);
    if (!partitions) return usage_error(partitions.error());
    wish.partitions = static_cast<std::int32_t>(*partitions);
    auto copies = given->number("replication-factor", -1, 1, 32767);
    if (!copies) return usage_error(copies.error());
    wish.replication_factor = static_cast<std::int16_t>(*copies);
    for (const auto& pair : given->values("config")) {
        auto equals = pair.find('=');
        if (equals == pair.npos || equals == 0) return usage_error("--config must be KEY=VALUE, not " + pair);
        client::config_change one;
        one.name = pair.substr(0, equals);
        one.value = pair.substr(equals + 1);
        wish.configs.push_back(std::move(one));
    }
    for (const auto& key : given->values("delete-config")) {
        client::config_change one;
        one.name = key;
        wish.configs.push_back(std::move(one));
    }
    wish.tolerant = given->has(wish.action == "create" ? "if-not-exists" : "if-exists");
    if (wish.action == "alter" && wish.configs.empty() && wish.partitions < 0)
        return usage_error("topic alter needs --partitions, --config or --delete-config");
    topic_body body{std::move(wish)};
    return run_session(common->bootstrap, body);
}

} // namespace millrace::tool
