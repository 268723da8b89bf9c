#include "client/configs.h"
#include "command.h"
#include "help.h"
#include "json.h"
#include "table.h"

#include <algorithm>

namespace millrace::tool {

namespace {

struct config_wish {
    std::string action;
    std::vector<client::config_resource> of; // one; diff may have two
    std::vector<std::string> keys;           // get
    std::vector<client::config_change> changes;
    bool json = false;
};

// The name of `broker` until the cluster has said which one that is; a broker without a name is what all brokers have.
constexpr const char* only_broker = "?";

using configs = std::vector<client::config_value>;

std::expected<client::config_resource, std::string> parse_resource(const std::string& text) {
    auto colon = text.find(':');
    auto kind = text.substr(0, colon);
    client::config_resource out;
    if (colon != text.npos) out.name = text.substr(colon + 1);
    bool named = !out.name.empty();
    if (kind == "topic" && named) return out;
    out.kind = client::config_kind::group;
    if (kind == "group" && named) return out;
    out.kind = client::config_kind::broker;
    bool number = std::all_of(out.name.begin(), out.name.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (text == "brokers" || (kind == "broker" && named && number && out.name.size() < 10)) return out;
    out.name = only_broker;
    if (text == "broker") return out;
    return std::unexpected{"what has configs is topic:NAME, broker:ID, broker, brokers or group:NAME, not " + text};
}

std::string shown(const client::config_resource& of) {
    if (of.kind == client::config_kind::broker && of.name.empty()) return "brokers";
    auto kind = of.kind == client::config_kind::topic ? "topic:" : of.kind == client::config_kind::broker ? "broker:" : "group:";
    return kind + of.name;
}

std::string value_text(const client::config_value& c) {
    if (c.secret && !c.value) return "(secret)";
    return c.value ? cell(*c.value) : "-";
}

const client::config_value* find(const configs& all, std::string_view name) {
    auto at = std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.name == name; });
    return at == all.end() ? nullptr : &*at;
}

std::string listing(const configs& all, bool json) {
    std::string out;
    if (json) {
        append_json_array(out, all, [](std::string& to, const client::config_value& c) {
            json_object one{to};
            one.text("name", c.name).text_or_null("value", c.value).text("source", c.source).flag("default", c.is_default);
            one.flag("read_only", c.read_only).flag("secret", c.secret).close();
        });
        return out + "\n";
    }
    if (all.empty()) return "nothing differs from the defaults\n";
    table rows{{"CONFIG", "VALUE", "SOURCE"}};
    for (const auto& c : all) rows.row({cell(c.name), value_text(c), c.source});
    return rows.text();
}

std::string differences(const configs& left, const configs& right, const config_wish& wish) {
    struct pair {
        const client::config_value *a, *b;
        std::string_view name() const { return a ? a->name : b->name; }
    };
    std::vector<pair> all;
    for (const auto& c : left) {
        const auto* other = find(right, c.name);
        if (!other || other->value != c.value) all.push_back({&c, other});
    }
    for (const auto& c : right)
        if (!find(left, c.name)) all.push_back({nullptr, &c});
    std::sort(all.begin(), all.end(), [](const auto& x, const auto& y) { return x.name() < y.name(); });
    std::string out;
    auto value = [](const client::config_value* c) { return c ? c->value : std::nullopt; };
    if (wish.json) {
        append_json_array(out, all, [&](std::string& to, const pair& p) {
            json_object one{to};
            one.text("name", p.name()).text_or_null("first", value(p.a)).text_or_null("second", value(p.b)).close();
        });
        return out + "\n";
    }
    if (all.empty()) return shown(wish.of[0]) + " and " + shown(wish.of[1]) + " have the same configs\n";
    table rows{{"CONFIG", shown(wish.of[0]), shown(wish.of[1])}};
    for (const auto& p : all) rows.row({cell(p.name()), p.a ? value_text(*p.a) : "-", p.b ? value_text(*p.b) : "-"});
    return rows.text();
}

class config_body final : public command_body {
  public:
    explicit config_body(config_wish wish) : wish_{std::move(wish)} {}

    runtime::task<int> run(client::cluster_link& link) override {
        for (auto& of : wish_.of) {
            if (of.kind != client::config_kind::broker || of.name != only_broker) continue;
            auto all = co_await link.brokers();
            if (!all) co_return failed(all.error());
            if (all->size() != 1) co_return failed("the cluster has " + std::to_string(all->size()) + " brokers; say which, as in broker:" +
                                                   std::to_string(all->empty() ? 1 : all->front().value));
            of.name = std::to_string(all->front().value);
        }
        if (wish_.action == "set") co_return co_await set(link);
        auto got = co_await client::describe_configs(link, wish_.of[0]);
        if (!got) co_return failed(got.error());
        std::string out;
        if (wish_.action == "get") {
            if (!wish_.keys.empty()) {
                for (const auto& key : wish_.keys)
                    if (!find(*got, key))
                        co_return failed(shown(wish_.of[0]) + " has no config " + key + "; millrace config get " + shown(wish_.of[0]) + " lists them all");
                std::erase_if(*got, [&](const auto& c) { return std::find(wish_.keys.begin(), wish_.keys.end(), c.name) == wish_.keys.end(); });
            }
            out = listing(*got, wish_.json);
        } else if (wish_.of.size() == 1) {
            std::erase_if(*got, [](const auto& c) { return c.is_default; });
            out = listing(*got, wish_.json);
        } else {
            auto other = co_await client::describe_configs(link, wish_.of[1]);
            if (!other) co_return failed(other.error());
            out = differences(*got, *other, wish_);
        }
        std::fwrite(out.data(), 1, out.size(), stdout);
        co_return 0;
    }

  private:
    runtime::task<int> set(client::cluster_link& link) {
        auto done = co_await client::alter_configs(link, wish_.of[0], wish_.changes);
        if (!done) co_return failed(done.error());
        std::string out;
        if (wish_.json) {
            json_object one{out};
            one.text("resource", shown(wish_.of[0])).text("result", "altered").close();
        } else {
            out = shown(wish_.of[0]) + " altered";
        }
        std::printf("%s\n", out.c_str());
        co_return 0;
    }

    config_wish wish_;
};

} // namespace

int config_command(std::span<const char* const> words) {
    static constexpr option_form forms[] = {{"help"}, {"bootstrap-server", true}, {"format", true}, {"delete", true, true}};
    auto given = arguments::parse(words, forms);
    if (!given) return usage_error(given.error());
    if (given->has("help")) return std::fputs(help_config, stdout), 0;
    const auto& alone = given->alone();
    if (alone.empty()) return usage_error("config needs one of get, set, diff; see millrace config --help");
    config_wish wish;
    wish.action = alone[0];
    if (wish.action != "get" && wish.action != "set" && wish.action != "diff")
        return usage_error("unknown action config " + wish.action + "; known are get, set, diff");
    if (alone.size() < 2) return usage_error("config " + wish.action + " needs topic:NAME, broker:ID, broker, brokers or group:NAME");
    for (std::size_t i = 1; i < alone.size(); ++i) {
        if (i == 1 || wish.action == "diff") {
            auto of = parse_resource(alone[i]);
            if (!of) return usage_error(of.error());
            wish.of.push_back(std::move(*of));
        } else if (wish.action == "get") {
            wish.keys.push_back(alone[i]);
        } else {
            auto equals = alone[i].find('=');
            if (equals == alone[i].npos || equals == 0) return usage_error("config set needs CONFIG=VALUE, not " + alone[i]);
            client::config_change one;
            one.name = alone[i].substr(0, equals);
            one.value = alone[i].substr(equals + 1);
            wish.changes.push_back(std::move(one));
        }
    }
    if (wish.of.size() > 2) return usage_error("config diff compares one with its defaults, or two; see millrace config --help");
    if (wish.action != "set" && given->has("delete")) return usage_error("--delete belongs to config set");
    for (const auto& key : given->values("delete")) {
        client::config_change one;
        one.name = key;
        wish.changes.push_back(std::move(one));
    }
    if (wish.action == "set" && wish.changes.empty()) return usage_error("config set needs CONFIG=VALUE or --delete CONFIG");
    auto common = common_from(*given);
    if (!common) return usage_error(common.error());
    wish.json = common->json;
    config_body body{std::move(wish)};
    return run_session(common->bootstrap, body);
}

} // namespace millrace::tool
