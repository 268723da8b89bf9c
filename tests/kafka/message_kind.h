// One kind of message behind an interface, so that a test over all kinds is compiled once and not once per kind.
// Owner: the test case holds the kinds; each kind holds the message that it works on.
// Invariant: `message_kinds` lists each request, response and record that a schema describes.
#pragma once

#include "message_source.h"

#include <memory>
#include <string>

namespace millrace::kafka {

class message_kind {
  public:
    virtual ~message_kind() = default;
    virtual const char* name() const = 0;
    virtual std::int16_t version_min() const = 0;
    virtual std::int16_t version_max() const = 0;
    virtual void fill(message_source& from, std::int16_t version) = 0; // starts from an empty message
    virtual std::size_t size(std::int16_t version) const = 0;
    virtual void encode_to(writer& out, std::int16_t version) const = 0;
    // Decodes into a second message; `same` compares it with the first.
    virtual bool decode_back(reader& in, std::int16_t version, message_arena& arena) = 0;
    virtual bool same() const = 0;
    virtual void print_to(std::string& out, std::int16_t version) const = 0;
    virtual bool has_records() const = 0;
    virtual std::size_t size_of_records() const = 0;
    virtual void split_to(writer& out, std::int16_t version, std::vector<splice_point>& points) const = 0;
};

template <class Message> class kind_of final : public message_kind {
  public:
    using filler = void (*)(message_source&, std::int16_t, Message&);
    kind_of(const char* name, filler fill) : name_{name}, fill_{fill} {}

    const char* name() const override { return name_; }
    std::int16_t version_min() const override { return Message::version_min; }
    std::int16_t version_max() const override { return Message::version_max; }
    void fill(message_source& from, std::int16_t version) override {
        message_ = Message{};
        fill_(from, version, message_);
    }
    std::size_t size(std::int16_t version) const override { return encoded_size(message_, version); }
    void encode_to(writer& out, std::int16_t version) const override { encode(out, message_, version); }
    bool decode_back(reader& in, std::int16_t version, message_arena& arena) override {
        return decode(in, version, arena, back_);
    }
    bool same() const override { return message_ == back_; }
    void print_to(std::string& out, std::int16_t version) const override { print(out, message_, version); }
    bool has_records() const override { return with_records; }
    std::size_t size_of_records() const override {
        if constexpr (with_records) return records_size(message_);
        return 0;
    }
    void split_to([[maybe_unused]] writer& out, [[maybe_unused]] std::int16_t version,
                  [[maybe_unused]] std::vector<splice_point>& points) const override {
        if constexpr (with_records) encode_split(out, message_, version, points);
    }

  private:
    static constexpr bool with_records = requires(const Message& message) { records_size(message); };

    const char* name_;
    filler fill_;
    Message message_, back_;
};

std::vector<std::unique_ptr<message_kind>> message_kinds();

} // namespace millrace::kafka
