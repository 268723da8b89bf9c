#!/usr/bin/env python3
"""Breaks the log in known ways, one at a time, and demands that the tests of power cuts find each.

    mutations.py BUILD_DIR        after `ninja -C BUILD_DIR tests/log/log_test`

Each mutation replaces one text of one source file (tests/harness/mutant.py). A text that is no longer there is a failure too.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import mutant  # noqa: E402

SOURCES = "src/log/"
TESTS = "*commit journal*,committer*,journal replay*,no space*,*keeps all that was acknowledged*"
MUTATIONS = [
    ("a commit's flush is skipped: the journal is written and not flushed", "commit_journal.cc",
     "co_await runtime::write_durable(*file_, place->position, record);", "co_await runtime::write(*file_, place->position, record);"),
    ("a commit's flush is skipped: the files are not flushed", "committer.cc",
     "job.files[i].file->sync(job.work[i]);", "(job.work[i].res = 0, runtime::shard::current().post(job.work[i]));"),
    ("one file's flush stands for all", "committer.cc",
     "job.files[i].file->sync(job.work[i]);",
     "if (&m == &*syncing_.begin()) job.files[i].file->sync(job.work[i]); else (job.work[i].res = 0, runtime::shard::current().post(job.work[i]));"),
    ("the directory of a new file is not flushed", "committer.cc",
     "auto done = co_await disk_.sync_directory(std::move(path));", "runtime::result<void> done; co_await runtime::sleep_for(runtime::milliseconds{1});"),
    ("the replay stops one record early", "journal_walk.cc",
     "            if (!write_back) continue;\n",
     "            if (!write_back) continue;\n            if (sequence + 1 == out_.next_sequence) continue;\n"),
    ("the record that is newest is written over: its sequence is taken again", "commit_journal.cc",
     "use(std::move(*direct), geometry, replayed->next_region, replayed->next_sequence);",
     "use(std::move(*direct), geometry, replayed->next_region, 1);"),
    ("the files of a region are forgotten, not flushed", "commit_journal.cc",
     "            if (all.insert(f).second) files.push_back(f);", "            all.insert(f);"),
    ("what is written back is not flushed", "journal_replay.cc",
     "auto synced = co_await runtime::sync(*files[next++]);", "++next; runtime::result<void> synced;"),
    ("a recovery does not say that its records are done with", "commit_journal.cc",
     "if (replayed->next_sequence > 1) voided = co_await write_void();", ""),
    ("a settled journal does not say so", "commit_journal.cc",
     "    auto voided = co_await write_void();\n    if (!voided) unsettled_", "    result<void> voided;\n    if (!voided) unsettled_"),
    ("the topic id of a directory is not looked at", "journal_segments.cc",
     'if (topic->second.find("topic_id: " + range.topic.to_string()) == std::string::npos) co_return &at->second;', ""),
    ("the journal is not settled before compacted segments take their place", "compaction.cc",
     "auto settled = co_await log_.env_.commits->settle();", "result<void> settled;"),
    ("what a turn hands over first is committed alone", "committer.cc",
     "runtime::shard::current().join(runtime::phase::send, starter_);", "start();"),
    ("a record may go on where one found no room", "commit_journal.cc", "return !no_room_ && fits", "return fits"),
    ("a clean stop leaves bytes in the journal alone", "committer.cc",
     "    auto settled = co_await settle_here();\n    co_await scope_.drain();\n", "    result<void> settled;\n    co_await scope_.drain();\n"),
]


if __name__ == "__main__":
    sys.exit(mutant.hunt(sys.argv[1], "tests/log/log_test", SOURCES, MUTATIONS, TESTS))
