#include "log_report.h"

#include "json.h"
#include "log/segment.h"
#include "table.h"
#include "time_text.h"

namespace millrace::tool {

namespace {

std::string kinds(const batch_row& r) {
    std::string out = r.control ? "control" : r.transactional ? "transactional" : "";
    return out.empty() ? "-" : out;
}

std::string place(const log::finding& f) { return f.byte ? std::to_string(*f.byte) : "-"; }
std::string offset(const log::finding& f) { return f.offset == no_offset ? "-" : std::to_string(f.offset.value); }

} // namespace

batch_row row_of(const log::stored_batch& stored) {
    const auto& b = stored.batch;
    auto codec = b.codec();
    return {log::segment_file_name(stored.segment_base, ".log"),
            static_cast<std::int64_t>(stored.position),
            static_cast<std::int64_t>(b.size_bytes()),
            b.base_offset().value,
            b.last_offset().value,
            b.record_count(),
            b.partition_leader_epoch().value,
            b.max_timestamp().value,
            b.producer_id().value,
            b.producer_epoch().value,
            b.base_sequence().value,
            codec ? records::name_of(*codec) : "unknown",
            b.is_transactional(),
            b.is_control()};
}

std::string dump_text(const std::string& directory, const std::vector<batch_row>& rows) {
    table all{{"FILE", ">POSITION", ">BYTES", ">FIRST", ">LAST", ">RECORDS", ">EPOCH", "NEWEST TIME", "CODEC", ">PRODUCER", ">ITS EPOCH", ">SEQUENCE", "KIND"}};
    auto number = [](std::int64_t n) { return n < 0 ? std::string{"-"} : std::to_string(n); };
    for (const auto& r : rows)
        all.row({r.file, number(r.position), number(r.bytes), number(r.base), number(r.last), number(r.records), number(r.epoch),
                 time_text({r.max_timestamp}), r.codec, number(r.producer), number(r.producer_epoch), number(r.sequence), kinds(r)});
    return cell(directory) + "\n" + all.text();
}

void append_dump_json(std::string& out, const std::string& directory, const batch_row& r, bool& first) {
    out += first ? "\n " : ",\n ";
    first = false;
    json_object one{out};
    one.text("directory", cell(directory)).text("file", r.file).number("position", r.position).number("bytes", r.bytes).number("first_offset", r.base).number("last_offset", r.last);
    one.number("records", r.records).number("leader_epoch", r.epoch).number("max_timestamp", r.max_timestamp).text("codec", r.codec);
    one.number("producer_id", r.producer).number("producer_epoch", r.producer_epoch).number("base_sequence", r.sequence);
    one.flag("transactional", r.transactional).flag("control", r.control).close();
}

std::string findings_text(const std::vector<log::partition_findings>& all) {
    table partitions{{"DIRECTORY", ">START", ">END", ">FLUSHED", ">SEGMENTS", ">BATCHES", ">RECORDS", ">BYTES", "STATE"}};
    table found{{"FILE", ">BYTE", ">OFFSET", "WHAT"}};
    std::size_t count = 0;
    for (const auto& p : all) {
        partitions.row({cell(p.directory), std::to_string(p.start.value), std::to_string(p.end.value),
                        p.recovery_point.value > 0 ? std::to_string(p.recovery_point.value) : "-", std::to_string(p.segments),
                        std::to_string(p.batches), std::to_string(p.records), std::to_string(p.bytes),
                        p.damaged() ? "damaged" : p.all.empty() ? "good" : "repaired at the next start"});
        for (const auto& f : p.all) {
            ++count;
            found.row({cell(p.directory + (f.file.empty() ? "" : "/" + f.file)), place(f), offset(f), cell(f.what)});
        }
    }
    return partitions.text() + (count ? "\n" + found.text() : "");
}

std::string findings_json(const std::vector<log::partition_findings>& all) {
    std::string out;
    append_json_array(out, all, [](std::string& to, const log::partition_findings& p) {
        json_object one{to};
        one.text("directory", cell(p.directory)).text("topic_id", p.id.to_string()).number("start", p.start.value).number("end", p.end.value);
        one.number("flushed", p.recovery_point.value).number("segments", static_cast<std::int64_t>(p.segments));
        one.number("batches", static_cast<std::int64_t>(p.batches)).number("records", static_cast<std::int64_t>(p.records));
        one.number("bytes", static_cast<std::int64_t>(p.bytes)).flag("damaged", p.damaged());
        append_json_array(one.member("findings"), p.all, [](std::string& inner, const log::finding& f) {
            json_object row{inner};
            row.flag("damage", f.damage).text("file", cell(f.file));
            row.number_or_null("byte", f.byte ? std::optional{static_cast<std::int64_t>(*f.byte)} : std::nullopt);
            row.number_or_null("offset", f.offset == no_offset ? std::nullopt : std::optional{f.offset.value}).text("what", f.what).close();
        });
        one.close();
    });
    return out + "\n";
}

std::string cut_text(const log::partition_findings& found, bool done) {
    if (!found.cut && found.recovery_point <= found.end) {
        return cell(found.directory + ": " + (done ? "what is there is believed from now on" : "what is there would be believed")) + "\n";
    }
    std::string out = found.directory + ": " + (done ? "cut" : "would be cut") + " at offset " + std::to_string(found.end.value);
    if (found.cut) out += ", byte " + std::to_string(found.cut->position) + " of " + log::segment_file_name(found.cut->segment_base, ".log");
    if (found.recovery_point > found.end) out += "; flushed were records up to offset " + std::to_string(found.recovery_point.value);
    return cell(out) + "\n";
}

} // namespace millrace::tool
