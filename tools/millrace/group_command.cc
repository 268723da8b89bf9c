#include "client/groups.h"
#include "command.h"
#include "group_report.h"
#include "group_reset.h"
#include "help.h"
#include "json.h"
#include "table.h"

#include <algorithm>

namespace millrace::tool {

namespace {

class group_body final : public command_body {
  public:
    group_body(std::string action, std::vector<std::string> groups, bool json)
        : action_{std::move(action)}, groups_{std::move(groups)}, json_{json} {}

    runtime::task<int> run(client::cluster_link& link) override {
        if (action_ == "list") co_return co_await list(link);
        if (action_ == "describe") co_return co_await describe(link);
        co_return co_await remove(link);
    }

  private:
    static void print(const std::string& out) { std::fwrite(out.data(), 1, out.size(), stdout); }

    runtime::task<int> list(client::cluster_link& link) {
        auto all = co_await client::list_groups(link);
        if (!all) co_return failed(all.error());
        std::string out;
        if (json_) {
            append_json_array(out, *all, [](std::string& to, const client::listed_group& g) {
                json_object one{to};
                one.text("group", g.id).text("state", g.state).text("type", g.type).text("protocol_type", g.protocol_type);
                one.number("coordinator", g.coordinator.value).close();
            });
            out += "\n";
        } else if (all->empty()) {
            out = "no groups\n";
        } else {
            table rows{{"GROUP", "STATE", "TYPE", "PROTOCOL", ">COORDINATOR"}};
            for (const auto& g : *all)
                rows.row({cell(g.id), cell(g.state), cell(g.type), cell(g.protocol_type), std::to_string(g.coordinator.value)});
            out = rows.text();
        }
        print(out);
        co_return 0;
    }
    // The groups that can be described are, whatever is wrong with the others.
    runtime::task<int> describe(client::cluster_link& link) {
        std::vector<group_report> reports;
        int exit_code = 0;
        for (const auto& group : groups_) {
            auto report = co_await report_group(link, group);
            if (report)
                reports.push_back(std::move(*report));
            else
                exit_code = failed(report.error());
        }
        std::string out;
        if (json_) {
            append_json_array(out, reports, [](std::string& to, const group_report& r) { append_json(to, r); });
            out += "\n";
        } else {
            for (const auto& report : reports) {
                if (!out.empty()) out += "\n";
                append_text(out, report);
            }
        }
        print(out);
        co_return exit_code;
    }
    runtime::task<int> remove(client::cluster_link& link) {
        int exit_code = 0;
        for (const auto& group : groups_) {
            auto gone = co_await client::delete_group(link, group);
            if (!gone) {
                exit_code = failed(gone.error());
                continue;
            }
            std::string out;
            if (json_) {
                json_object one{out};
                one.text("group", group).text("result", "deleted").close();
            } else {
                out = "group " + cell(group) + " deleted";
            }
            print(out + "\n");
        }
        co_return exit_code;
    }

    std::string action_;
    std::vector<std::string> groups_;
    bool json_;
};

class reset_body final : public command_body {
  public:
    explicit reset_body(reset_request wanted) : wanted_{std::move(wanted)} {}
    runtime::task<int> run(client::cluster_link& link) override { return reset_offsets(link, wanted_); }

  private:
    reset_request wanted_;
};

} // namespace

int group_command(std::span<const char* const> words) {
    static constexpr option_form forms[] = {{"help"}, {"bootstrap-server", true}, {"format", true}, {"topic", true, true},
        {"to-earliest"}, {"to-latest"}, {"to-offset", true}, {"shift-by", true}, {"to-time", true}, {"by-duration", true}, {"execute"}};
    auto given = arguments::parse(words, forms);
    if (!given) return usage_error(given.error());
    if (given->has("help")) return std::fputs(help_group, stdout), 0;
    auto alone = given->alone();
    if (alone.empty()) return usage_error("group needs one of list, describe, reset-offsets, delete; see millrace group --help");
    auto action = alone[0];
    alone.erase(alone.begin());
    bool resets = action == "reset-offsets";
    if (action != "list" && action != "describe" && action != "delete" && !resets)
        return usage_error("unknown action group " + action + "; known are list, describe, reset-offsets, delete");
    if (action == "list" && !alone.empty()) return usage_error("group list takes no group; see millrace group --help");
    if (action != "list" && alone.empty()) return usage_error("group " + action + " needs a group; millrace group list shows which there are");
    if (std::find(alone.begin(), alone.end(), "") != alone.end()) return usage_error(empty_group_id);
    auto common = common_from(*given);
    if (!common) return usage_error(common.error());
    if (resets) {
        if (alone.size() != 1) return usage_error("group reset-offsets needs one group; see millrace group --help");
        auto wanted = reset_request_from(*given);
        if (!wanted) return usage_error(wanted.error());
        wanted->group = alone[0];
        wanted->json = common->json;
        reset_body body{std::move(*wanted)};
        return run_session(common->bootstrap, body);
    }
    for (auto name : {"topic", "to-earliest", "to-latest", "to-offset", "shift-by", "to-time", "by-duration", "execute"})
        if (given->has(name)) return usage_error("--" + std::string{name} + " belongs to group reset-offsets");
    group_body body{std::move(action), std::move(alone), common->json};
    return run_session(common->bootstrap, body);
}

} // namespace millrace::tool
