#include "client/producer.h"
#include "command.h"
#include "help.h"
#include "line_source.h"
#include "progress.h"
#include "runtime/random.h"

#include <charconv>

namespace millrace::tool {

namespace {

struct produce_wish {
    std::string topic;
    bool json = false;
    bool progress = false;
    std::optional<std::int64_t> generate;
    std::int64_t start = 0;
    std::string run_id;
    std::size_t record_size = 0;
    std::optional<std::string> key_separator;
    std::int32_t partition = -1;
    std::string journal;
    client::producer_options producer;
};

class produce_body final : public command_body, client::delivery_listener {
  public:
    explicit produce_body(produce_wish wish) : wish_{std::move(wish)}, progress_{wish_.progress, "produced"} {}
    ~produce_body() override {
        if (journal_) std::fclose(journal_);
    }

    runtime::task<int> run(client::cluster_link& link) override {
        if (!wish_.journal.empty()) {
            journal_ = std::fopen(wish_.journal.c_str(), "a");
            if (!journal_) co_return failed("cannot write the journal " + wish_.journal + "; check its directory and rights");
        }
        client::producer sender{link, wish_.topic, wish_.producer, *this};
        auto ready = co_await sender.start();
        if (!ready) {
            co_await sender.close();
            co_return failed(ready.error());
        }
        if (wish_.partition >= sender.partition_count()) {
            co_await sender.close();
            co_return failed("topic " + wish_.topic + " has " + std::to_string(sender.partition_count()) +
                             " partitions, numbered from 0; raise it with: millrace topic alter " + wish_.topic +
                             " --partitions N");
        }
        if (wish_.generate)
            co_await generate(sender);
        else
            co_await send_lines(sender);
        co_await sender.flush();
        co_await sender.close();
        progress_.finish(delivered_, delivered_bytes_);
        if (wish_.json)
            std::printf("{\"topic\":\"%s\",\"records\":%llu,\"bytes\":%llu,\"not_delivered\":%llu,\"seconds\":%.6f}\n",
                        wish_.topic.c_str(), static_cast<unsigned long long>(delivered_),
                        static_cast<unsigned long long>(delivered_bytes_), static_cast<unsigned long long>(lost_),
                        progress_.seconds());
        else
            std::printf("%s\n", progress_.summary(delivered_, delivered_bytes_).c_str());
        if (lost_) co_return failed(std::to_string(lost_) + " records were not delivered: " + client::describe(*first_failure_));
        co_return 0;
    }

  private:
    runtime::task<void> generate(client::producer& sender) {
        std::string value = wish_.run_id + "-";
        auto prefix = value.size();
        for (std::int64_t n = wish_.start; n < wish_.start + *wish_.generate && !first_failure_; ++n) {
            char digits[24];
            auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
            value.resize(prefix);
            value.append(digits, end);
            if (value.size() < wish_.record_size) value.resize(wish_.record_size, '.');
            while (!put(sender, std::nullopt, as_bytes(value), n)) co_await sender.room();
        }
    }
    runtime::task<void> send_lines(client::producer& sender) {
        line_source lines{0};
        std::string_view line;
        std::int64_t n = wish_.start;
        while (!first_failure_) {
            auto state = lines.next(line);
            if (state == line_source::ended) co_return;
            if (state == line_source::nothing_yet) {
                co_await runtime::sleep_for(runtime::milliseconds{2});
                continue;
            }
            std::optional<bytes_view> key;
            if (wish_.key_separator) {
                auto at = line.find(*wish_.key_separator);
                if (at != line.npos) {
                    key = as_bytes(line.substr(0, at));
                    line = line.substr(at + wish_.key_separator->size());
                }
            }
            while (!put(sender, key, as_bytes(line), n)) co_await sender.room();
            ++n;
        }
    }
    bool put(client::producer& sender, std::optional<bytes_view> key, bytes_view value, std::int64_t n) {
        auto to = wish_.partition >= 0 ? partition_index{wish_.partition} : sender.choose(key);
        if (!sender.append(to, runtime::shard::current().wall(), key, value, {}, n)) return false;
        appended_bytes_ += value.size() + (key ? key->size() : 0);
        ++appended_;
        return true;
    }

    void delivered(partition_index partition, log_offset base, std::span<const std::int64_t> tags) override {
        if (journal_) {
            for (std::size_t i = 0; i < tags.size(); ++i)
                std::fprintf(journal_, "%d %lld %lld\n", partition.value,
                             base == no_offset ? -1ll : static_cast<long long>(base.value) + static_cast<long long>(i),
                             static_cast<long long>(tags[i]));
            // A record counts only once a reader of the journal can see it.
            std::fflush(journal_);
        }
        delivered_ += tags.size();
        // Exact at the end; on the way the mean size stands for each record's own.
        delivered_bytes_ = delivered_ == appended_ ? appended_bytes_ : appended_bytes_ / appended_ * delivered_;
        progress_.update(delivered_, delivered_bytes_);
    }
    void not_delivered(partition_index, std::span<const std::int64_t> tags, const client::failure& why) override {
        lost_ += tags.size();
        if (!first_failure_) first_failure_ = why;
    }

    produce_wish wish_;
    class progress progress_;
    std::FILE* journal_ = nullptr;
    std::uint64_t appended_ = 0, appended_bytes_ = 0, delivered_ = 0, delivered_bytes_ = 0, lost_ = 0;
    std::optional<client::failure> first_failure_;
};

std::optional<records::codec> codec_named(const std::string& name) {
    for (int i = 0; i < records::codec_count; ++i)
        if (name == records::name_of(static_cast<records::codec>(i))) return static_cast<records::codec>(i);
    return std::nullopt;
}

std::string random_run_id() {
    std::uint64_t word = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
    char text[20];
    std::snprintf(text, sizeof text, "%012llx", static_cast<unsigned long long>(word >> 8 & 0xffffffffffff));
    return text;
}

std::expected<produce_wish, std::string> wish_from(const arguments& given) {
    produce_wish wish;
    wish.topic = given.alone()[0];
    wish.progress = progress::wanted(given.has("progress"));
    struct number_option {
        const char* name;
        std::int64_t otherwise, min, max;
        std::int64_t value = 0;
    } numbers[] = {{"generate", -1, 0, INT64_MAX / 2}, {"start", 0, 0, INT64_MAX / 2}, {"record-size", 0, 0, 16 << 20},
                   {"partition", -1, 0, INT32_MAX},    {"batch-bytes", 512 << 10, 1, 64 << 20}, {"linger", 5, 0, 60'000}};
    for (auto& n : numbers) {
        auto value = given.number(n.name, n.otherwise, n.min, n.max);
        if (!value) return std::unexpected{value.error()};
        n.value = *value;
    }
    if (given.has("generate")) wish.generate = numbers[0].value;
    wish.start = numbers[1].value;
    wish.record_size = static_cast<std::size_t>(numbers[2].value);
    wish.partition = static_cast<std::int32_t>(numbers[3].value);
    wish.producer.batch_bytes = static_cast<std::size_t>(numbers[4].value);
    wish.producer.linger = runtime::milliseconds{numbers[5].value};
    wish.run_id = given.value("run-id").value_or(random_run_id());
    wish.key_separator = given.value("key-separator");
    if (wish.key_separator && wish.key_separator->empty()) return std::unexpected{"--key-separator must not be empty"};
    wish.journal = given.value("journal").value_or("");
    wish.producer.idempotent = given.has("idempotent");
    auto acks = given.value("acks").value_or("all");
    if (acks == "all" || acks == "-1")
        wish.producer.acks = -1;
    else if (acks == "1" || acks == "0")
        wish.producer.acks = acks == "1" ? 1 : 0;
    else
        return std::unexpected{"--acks must be all, 1 or 0, not " + acks};
    if (wish.producer.idempotent && wish.producer.acks != -1) return std::unexpected{"--idempotent needs --acks all"};
    auto compression = given.value("compression").value_or("none");
    auto codec = codec_named(compression);
    if (!codec) return std::unexpected{"--compression must be none, gzip, snappy, lz4 or zstd, not " + compression};
    wish.producer.codec = *codec;
    return wish;
}

} // namespace

int produce_command(std::span<const char* const> words) {
    static constexpr option_form forms[] = {{"help"}, {"bootstrap-server", true}, {"format", true}, {"generate", true},
        {"start", true}, {"run-id", true}, {"record-size", true}, {"key-separator", true}, {"partition", true}, {"acks", true},
        {"idempotent"}, {"compression", true}, {"batch-bytes", true}, {"linger", true}, {"journal", true}, {"progress"}};
    auto given = arguments::parse(words, forms);
    if (!given) return usage_error(given.error());
    if (given->has("help")) return std::fputs(help_produce, stdout), 0;
    if (given->alone().size() != 1) return usage_error("produce needs one topic name; see millrace produce --help");
    auto common = common_from(*given);
    if (!common) return usage_error(common.error());
    auto wish = wish_from(*given);
    if (!wish) return usage_error(wish.error());
    wish->json = common->json;
    produce_body body{std::move(*wish)};
    return run_session(common->bootstrap, body);
}

} // namespace millrace::tool
