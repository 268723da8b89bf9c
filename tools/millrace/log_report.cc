#include "log_report.h"

#include "json.h"
#include "log/journal_walk.h"
#include "log/segment.h"
#include "table.h"
#include "time_text.h"

namespace millrace::tool {

namespace {

std::string kinds(const batch_row& r) {
    std::string out = r.control ? "control" : r.transactional ? "transactional" : "";
    if (r.in_journal) out += out.empty() ? "journal" : ", journal";
    return out.empty() ? "-" : out;
}

void append_finding(std::string& to, const log::finding& f) {
    json_object row{to};
    row.flag("damage", f.damage).text("file", cell(f.file));
    row.number_or_null("byte", f.byte ? std::optional{static_cast<std::int64_t>(*f.byte)} : std::nullopt);
    row.number_or_null("offset", f.offset == no_offset ? std::nullopt : std::optional{f.offset.value}).text("what", f.what).close();
}

void append_journal(std::string& to, const log::journal_findings& j) {
    json_object one{to};
    one.text("directory", cell(j.directory)).text("journal", log::journal_file_name).number("commits", static_cast<std::int64_t>(j.records));
    one.number("ranges", static_cast<std::int64_t>(j.ranges)).number("ranges_gone", static_cast<std::int64_t>(j.ranges_gone));
    one.number("bytes", static_cast<std::int64_t>(j.bytes)).number("bytes_nowhere_else", static_cast<std::int64_t>(j.missing_bytes()));
    append_json_array(one.member("segments"), j.segments, [](std::string& inner, const log::journal_findings::segment& s) {
        json_object row{inner};
        row.text("file", cell(s.file)).number("ranges", static_cast<std::int64_t>(s.ranges)).number("bytes", static_cast<std::int64_t>(s.bytes));
        row.number("from", static_cast<std::int64_t>(s.from)).number("to", static_cast<std::int64_t>(s.to));
        row.number("bytes_nowhere_else", static_cast<std::int64_t>(s.missing_bytes)).close();
    });
    one.flag("damaged", j.damaged());
    append_json_array(one.member("findings"), j.all, append_finding);
    one.close();
}

std::string place(const log::finding& f) { return f.byte ? std::to_string(*f.byte) : "-"; }
std::string offset(const log::finding& f) { return f.offset == no_offset ? "-" : std::to_string(f.offset.value); }

} // namespace

batch_row row_of(const log::stored_batch& stored, bool in_journal) {
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
            b.is_control(),
            in_journal};
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
    one.flag("transactional", r.transactional).flag("control", r.control).flag("in_journal", r.in_journal).close();
}

std::string journal_text(const log::journal_findings& j, const std::string& only) {
    if (!j.there) return {};
    std::string out = "\n" + cell(j.directory + "/" + log::journal_file_name) + ": " +
                      (j.records == 0 ? "holds nothing that the next start would write back"
                                      : "the next start writes " + std::to_string(j.records) + " commits back, " + std::to_string(j.bytes) + " bytes in " +
                                            std::to_string(j.ranges) + " ranges; " + std::to_string(j.missing_bytes()) + " bytes are nowhere else, " +
                                            std::to_string(j.ranges_gone) + " ranges belong to nothing any more") +
                      "\n";
    table rows{{"SEGMENT", ">RANGES", ">BYTES", ">FROM", ">TO", ">NOWHERE ELSE"}};
    std::size_t count = 0;
    for (const auto& s : j.segments) {
        if (!only.empty() && !s.file.starts_with(only + "/")) continue;
        ++count;
        rows.row({cell(s.file), std::to_string(s.ranges), std::to_string(s.bytes), std::to_string(s.from), std::to_string(s.to), std::to_string(s.missing_bytes)});
    }
    if (count) out += rows.text();
    table found{{"FILE", ">BYTE", ">OFFSET", "WHAT"}};
    for (const auto& f : j.all) found.row({cell(j.directory + "/" + f.file), place(f), offset(f), cell(f.what)});
    return out + (j.all.empty() ? "" : found.text());
}

std::string settled_text(const log::journal_findings& j, const log::journal_replay* done) {
    const std::string path = j.directory + "/" + log::journal_file_name;
    if (!done) {
        if (j.records == 0) return {};
        return cell(path + ": " + std::to_string(j.bytes) + " bytes would be written back into the segments first") + "\n";
    }
    if (done->records == 0 && !done->damaged) return {};
    std::string out = path + ": " + std::to_string(done->bytes) + " bytes written back into " + std::to_string(done->files) + " segments";
    if (done->damaged) out += "; it or a segment it speaks of was damaged: it is kept as " + std::string{log::journal_file_name} + ".cut";
    return cell(out) + "\n";
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

std::string findings_json(const std::vector<log::partition_findings>& all, const log::journal_findings& journal) {
    std::string out;
    std::vector<const log::partition_findings*> rows;
    for (const auto& p : all) rows.push_back(&p);
    if (journal.there) rows.push_back(nullptr);
    append_json_array(out, rows, [&](std::string& to, const log::partition_findings* row) {
        if (!row) return append_journal(to, journal);
        const auto& p = *row;
        json_object one{to};
        one.text("directory", cell(p.directory)).text("topic_id", p.id.to_string()).number("start", p.start.value).number("end", p.end.value);
        one.number("flushed", p.recovery_point.value).number("segments", static_cast<std::int64_t>(p.segments));
        one.number("batches", static_cast<std::int64_t>(p.batches)).number("records", static_cast<std::int64_t>(p.records));
        one.number("bytes", static_cast<std::int64_t>(p.bytes)).flag("damaged", p.damaged());
        append_json_array(one.member("findings"), p.all, append_finding);
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
