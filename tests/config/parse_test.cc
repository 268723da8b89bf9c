#include "cluster/topic_config.h"
#include "config/option_table.h"
#include "config/parse.h"
#include "config/print.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

using namespace millrace;
using namespace millrace::config;

namespace {
struct given {
    std::map<std::string, std::string> files;
    std::vector<std::string> arguments, environment;

    std::expected<config::outcome, parse_failure> parse() const {
        file_reader reader;
        reader.read = [this](const std::string& path) -> std::expected<std::string, file_error> {
            auto at = files.find(path);
            if (at == files.end()) return std::unexpected{file_error::not_found};
            return at->second;
        };
        reader.list = [this](const std::string& directory) {
            std::vector<std::string> names;
            for (const auto& [path, text] : files)
                if (path.starts_with(directory + "/")) names.push_back(path.substr(directory.size() + 1));
            return names;
        };
        return config::parse(arguments, environment, reader);
    }
    std::string refusal() const {
        auto parsed = parse();
        if (parsed) return "accepted";
        CHECK(parsed.error().exit_code == exit_bad_config);
        return parsed.error().message;
    }
};
const std::string main_file = default_config_path;
} // namespace

TEST_CASE("config: with nothing given it is one node on loopback with its data beside it") {
    auto o = given{}.parse()->options;
    REQUIRE(o.listeners.size() == 1);
    CHECK(o.listeners[0].host == "127.0.0.1");
    CHECK(o.listeners[0].port == 9092);
    CHECK(o.log_dirs == std::vector<std::string>{"./millrace-data"});
    CHECK(o.advertised_listeners.empty());
    CHECK(o.topic_defaults.empty());
    broker_options plain; // what tests of other rooms start from says the same as the table
    CHECK(o.max_connections == plain.max_connections);
    CHECK(o.max_connections_per_ip == plain.max_connections_per_ip);
    CHECK(o.queued_max_request_bytes == plain.queued_max_request_bytes);
    CHECK(o.fetch_sendfile_min_bytes == plain.fetch_sendfile_min_bytes);
    CHECK(o.socket_request_max_bytes == plain.socket_request_max_bytes);
    CHECK(o.connections_max_idle_ms == plain.connections_max_idle_ms);
    CHECK(o.message_max_bytes == plain.message_max_bytes);
    CHECK(o.fetch_max_bytes == plain.fetch_max_bytes);
    CHECK(o.producer_id_expiration_ms == plain.producer_id_expiration_ms);
    given systemd{{}, {}, {"STATE_DIRECTORY=/var/lib/millrace:/other"}};
    CHECK(systemd.parse()->options.log_dirs == std::vector<std::string>{"/var/lib/millrace"});
}

TEST_CASE("config: command line over environment over conf.d over main file over built-in, each with its origin") {
    given g;
    auto now = [&] {
        auto v = g.parse()->values["num.partitions"];
        return v.value + " " + v.origin;
    };
    CHECK(now() == "1 built-in");
    g.files[main_file] = "# here\nnum.partitions = 2 # two\n";
    CHECK(now() == "2 " + main_file + ":2");
    g.files["/etc/millrace/conf.d/10-a.conf"] = "num.partitions=3";
    g.files["/etc/millrace/conf.d/20-b.conf"] = "[num]\npartitions=4";
    g.files["/etc/millrace/conf.d/30-c.conf.bak"] = "num.partitions=99";
    CHECK(now() == "4 /etc/millrace/conf.d/20-b.conf:2");
    g.environment = {"MILLRACE_NUM_PARTITIONS=5"};
    CHECK(now() == "5 environment MILLRACE_NUM_PARTITIONS");
    g.arguments = {"--num.partitions", "6"};
    CHECK(now() == "6 command line");
    CHECK(g.parse()->options.num_partitions == 6);
}

TEST_CASE("config: an unknown option stops the start with its place and the name that was meant") {
    CHECK(given{{{main_file, "\nlog.dir=/x"}}, {}, {}}.refusal() ==
          main_file + ":2: unknown option \"log.dir\": did you mean \"log.dirs\"?");
    CHECK(given{{}, {"--listener=x"}, {}}.refusal() ==
          "command line: unknown option \"--listener\": did you mean \"--listeners\"?");
    CHECK(given{{}, {"--num.part=1"}, {}}.refusal().starts_with("command line: unknown option \"--num.part\"")); // never an abbreviation
    CHECK(given{{{main_file, "qqqqqqqqqqqq=1"}}, {}, {}}.refusal() == main_file + ":1: unknown option \"qqqqqqqqqqqq\"");
}

TEST_CASE("config: a bad value stops the start with its place") {
    CHECK(given{{{main_file, "num.partitions=many"}}, {}, {}}.refusal() ==
          main_file + ":1: num.partitions: \"many\" is not a whole number");
    CHECK(given{{}, {}, {"MILLRACE_NUM_PARTITIONS=0"}}.refusal() ==
          "environment MILLRACE_NUM_PARTITIONS: num.partitions: 0 is below the least, 1");
    CHECK(given{{}, {"--log.dirs"}, {}}.refusal() == "command line: --log.dirs needs a value");
    CHECK(given{{}, {"--advertised.listeners=PLAINTEXT://0.0.0.0:9092"}, {}}.refusal().find("can reach") != std::string::npos);
    CHECK(given{{}, {"--message.max.bytes=200MiB"}, {}}.refusal().find("could never arrive") != std::string::npos);
}

TEST_CASE("config: what is no configuration file is refused: missing, a directory, NUL bytes, a setting given twice") {
    CHECK(given{{}, {"--config", "/nowhere"}, {}}.refusal() == 
          "/nowhere: no such file; --config must name one that exists, without it the built-in values hold");
    CHECK(given{{{main_file, std::string("node.id=1\na\0b=1\n", 16)}}, {}, {}}.refusal() ==
          main_file + ":2: holds a NUL byte: not a text file");
    CHECK(given{{{main_file, "node.id=1\nnode.id=2\n"}}, {}, {}}.refusal() ==
          main_file + ":2: \"node.id\" was already set in line 1");
    std::vector<std::string> arguments{"--config=/"};
    CHECK(config::parse(arguments, {}, real_files()).error().message == "/: is a directory, not a configuration file");
}

TEST_CASE("config: on the command line a name is whole, a value may be empty, and the last one given counts") {
    CHECK(given{{{main_file, "log.dirs=/x"}}, {"--log.dirs="}, {}}.parse()->options.log_dirs ==
          std::vector<std::string>{"./millrace-data"});
    CHECK(given{{}, {"--log.dirs", "-x"}, {}}.parse()->options.log_dirs == std::vector<std::string>{"-x"});
    CHECK(given{{}, {"--node.id=2", "--node.id", "3"}, {}}.parse()->options.node_id == 3);
    CHECK(given{{}, {"-h"}, {}}.parse()->text == print_help());
    CHECK(given{{}, {"--bogus-thing="}, {}}.refusal() == "command line: unknown option \"--bogus-thing\"");
    CHECK(given{{}, {"--print-conf"}, {}}.refusal() == "command line: unknown option \"--print-conf\"");
    CHECK(given{{}, {"--help=3"}, {}}.refusal() == "command line: option '--help' does not take any arguments");
    for (auto stray : {"start", "-x", "-", "-node.id=3", "--=3"}) {
        CAPTURE(stray);
        CHECK(given{{}, {stray}, {}}.refusal() ==
              "command line: \"" + std::string{stray} + "\" is not an option; options look like --log.dirs=/data");
    }
}

TEST_CASE("config: files have sections, comments and byte order marks; another form of line is refused with its place") {
    given g{{{main_file, "\xef\xbb\xbf# first\r\n[log]\r\ndirs = /a=b, /c \r\n\n  [num] # counts\npartitions=4\n[node]\nid=5"}}, {}, {}};
    auto parsed = g.parse();
    REQUIRE(parsed);
    CHECK(parsed->options.log_dirs == std::vector<std::string>{"/a=b", "/c"});
    CHECK(parsed->values["num.partitions"].origin == main_file + ":6");
    CHECK(parsed->values["node.id"].origin == main_file + ":8");
    CHECK(given{{{main_file, "\nnode.id: 5"}}, {}, {}}.refusal() == main_file + ":2: a setting looks like name=value");
    CHECK(given{{{main_file, "[]"}}, {}, {}}.refusal() == main_file + ":1: a section looks like [name]");
    CHECK(given{{{main_file, "[log"}}, {}, {}}.refusal() == main_file + ":1: a section looks like [name]");
    CHECK(given{{{main_file, "[num]\npartitions=1\n[log]\ndir=/x"}}, {}, {}}.refusal() ==
          main_file + ":4: unknown option \"log.dir\": did you mean \"log.dirs\"?");
}

TEST_CASE("config: an unknown MILLRACE_ variable is a warning, since service links set such") {
    given g{{}, {}, {"MILLRACE_PORT=tcp://10.0.0.1:9092", "OTHER=1"}};
    auto parsed = g.parse();
    REQUIRE(parsed);
    REQUIRE(parsed->warnings.size() == 1);
    CHECK(parsed->warnings[0].find("MILLRACE_PORT") != std::string::npos);
}

TEST_CASE("config: options that skip flushing need the test environment") {
    given g{{}, {"--test.disk.skip.sync=true"}, {}};
    CHECK(g.refusal().find("needs MILLRACE_TEST=1") != std::string::npos);
    g.environment = {"MILLRACE_TEST=1"};
    CHECK(g.parse()->options.test_disk_skip_sync);
    CHECK(print_help().find("test.disk") == std::string::npos);
}

TEST_CASE("config: topic defaults that somebody gave are passed on as plain values, and topics take them") {
    given g{{}, {"--log.retention.hours=2d", "--log.segment.bytes=2MiB"}, {}};
    auto defaults = g.parse()->options.topic_defaults;
    CHECK(defaults.size() == 2);
    CHECK(defaults["log.retention.hours"] == "48");
    auto made = cluster::make_topic_config(defaults, {});
    REQUIRE(made);
    CHECK(made->retention_ms == 48 * 3'600'000ll);
    CHECK(made->segment_bytes == 2 << 20);
}

TEST_CASE("config: every broker name of a topic config is an option with the same default, and the other way round") {
    std::size_t synonyms = 0;
    for (const auto& key : cluster::topic_config_keys()) {
        for (const auto& s : key.synonyms) {
            if (s.name.empty()) break;
            CAPTURE(s.name);
            ++synonyms;
            const auto* o = find_option(s.name);
            REQUIRE(o);
            CHECK(o->topic_default);
            if (o->unset) continue;
            auto with = cluster::describe_topic_config({{std::string{s.name}, std::string{o->default_value}}}, {});
            for (const auto& row : with)
                if (row.name == key.name) CHECK(row.value == key.default_value);
        }
    }
    for (const auto& o : option_table()) synonyms -= o.topic_default;
    CHECK(synonyms == 0);
}

TEST_CASE("config: conf/millrace.conf is what --print-defaults prints, and setting nothing in it changes nothing") {
    std::ifstream in{MILLRACE_SOURCE_ROOT "/conf/millrace.conf"};
    REQUIRE(in.good());
    std::ostringstream text;
    text << in.rdbuf();
    given g{{}, {"--print-defaults"}, {}};
    CHECK((g.parse()->text == text.str()));
    given with{{{main_file, text.str()}}, {}, {}};
    auto parsed = with.parse();
    REQUIRE(parsed);
    for (const auto& [name, v] : parsed->values) CHECK(v.origin == "built-in");
}

TEST_CASE("config: --print-config names values with origin, --check-config finds errors, --version and --help print") {
    given g{{}, {"--print-config", "--node.id=7"}, {}};
    CHECK(g.parse()->what == action::print_and_exit);
    CHECK(g.parse()->text.find("node.id=7  # command line\n") != std::string::npos);
    CHECK(given{{}, {"--check-config"}, {}}.parse()->what == action::print_and_exit);
    CHECK(given{{{main_file, "x=1"}}, {"--check-config"}, {}}.refusal() != "accepted");
    CHECK(given{{}, {"--version"}, {}}.parse()->text.starts_with("millraced "));
    CHECK(given{{}, {"--help"}, {}}.parse()->text.find("--log.dirs") != std::string::npos);
}
