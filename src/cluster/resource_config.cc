#include "cluster/resource_config.h"

#include <array>

namespace millrace::cluster {

namespace {

struct layer {
    const config_map* values;
    config_source source;
};
std::array<layer, 3> in_order(const broker_layers& l) {
    return {layer{l.on_this_broker, config_source::dynamic_broker}, layer{l.on_all_brokers, config_source::dynamic_default_broker},
            layer{l.given, config_source::static_broker}};
}

} // namespace

const std::string* broker_layers::find(std::string_view name, config_source& source) const {
    for (const auto& l : in_order(*this)) {
        if (!l.values) continue;
        if (auto at = l.values->find(name); at != l.values->end()) {
            source = l.source;
            return &at->second;
        }
    }
    return nullptr;
}

config_map broker_layers::merged() const {
    config_map out;
    for (const auto& l : in_order(*this))
        if (l.values) out.insert(l.values->begin(), l.values->end()); // what is there already is better
    return out;
}

std::vector<config_synonym> list_synonyms(std::span<const synonym_name> names, const broker_layers& layers) {
    std::vector<config_synonym> out;
    for (const auto& l : in_order(layers)) {
        if (!l.values) continue;
        for (const auto& n : names)
            if (auto at = l.values->find(n.name); at != l.values->end())
                out.push_back({std::string{n.name}, at->second, l.source});
    }
    for (const auto& n : names)
        if (n.built_in && !(out.empty() && n.name != names.front().name))
            out.push_back({std::string{n.name}, *n.built_in, config_source::built_in});
    return out;
}

} // namespace millrace::cluster
