#include "client/cluster_info.h"
#include "command.h"
#include "help.h"
#include "json.h"
#include "table.h"

namespace millrace::tool {

namespace {

void append_text(std::string& out, const client::cluster_info& cluster, bool apis) {
    out += "cluster " + cell(cluster.id) + "  controller " + std::to_string(cluster.controller.value) + "  nodes " +
           std::to_string(cluster.nodes.size()) + "\n";
    table rows{{">NODE", "ADDRESS", "RACK", ">APIS", "FEATURES"}};
    for (const auto& node : cluster.nodes) {
        std::string features;
        for (const auto& f : node.features) features += (features.empty() ? "" : " ") + f.name + "=" + std::to_string(f.level);
        rows.row({std::to_string(node.id.value), cell(node.address), cell(node.rack.value_or("")), std::to_string(node.apis.size()), cell(features)});
    }
    out += rows.text();
    if (!apis) return;
    table ranges{{">NODE", ">KEY", "API", ">MIN", ">MAX"}};
    for (const auto& node : cluster.nodes)
        for (const auto& a : node.apis)
            ranges.row({std::to_string(node.id.value), std::to_string(a.key), cell(a.name), std::to_string(a.min), std::to_string(a.max)});
    out += "\n" + ranges.text();
}

void append_json(std::string& out, const client::cluster_info& cluster) {
    json_object all{out};
    all.text("cluster", cluster.id).number("controller", cluster.controller.value);
    append_json_array(all.member("nodes"), cluster.nodes, [](std::string& to, const client::node_info& node) {
        json_object one{to};
        one.number("node", node.id.value).text("address", node.address).text_or_null("rack", node.rack);
        json_object features{one.member("features")};
        for (const auto& f : node.features) features.number(f.name, f.level);
        features.close();
        append_json_array(one.member("apis"), node.apis, [](std::string& inner, const client::api_range& a) {
            json_object range{inner};
            range.number("key", a.key).text("name", a.name).number("min", a.min).number("max", a.max).close();
        });
        one.close();
    });
    all.close();
    out += "\n";
}

class cluster_body final : public command_body {
  public:
    cluster_body(bool json, bool apis) : json_{json}, apis_{apis} {}
    runtime::task<int> run(client::cluster_link& link) override {
        auto cluster = co_await client::describe_cluster(link);
        if (!cluster) co_return failed(cluster.error());
        std::string out;
        if (json_)
            append_json(out, *cluster);
        else
            append_text(out, *cluster, apis_);
        std::fwrite(out.data(), 1, out.size(), stdout);
        co_return 0;
    }

  private:
    bool json_, apis_;
};

} // namespace

int cluster_command(std::span<const char* const> words) {
    static constexpr option_form forms[] = {{"help"}, {"bootstrap-server", true}, {"format", true}, {"apis"}};
    auto given = arguments::parse(words, forms);
    if (!given) return usage_error(given.error());
    if (given->has("help")) return std::fputs(help_cluster, stdout), 0;
    if (!given->alone().empty()) return usage_error("cluster takes no word " + given->alone()[0] + "; see millrace cluster --help");
    auto common = common_from(*given);
    if (!common) return usage_error(common.error());
    cluster_body body{common->json, given->has("apis")};
    return run_session(common->bootstrap, body);
}

} // namespace millrace::tool
