#include "help.h"

namespace millrace::tool {

const char* const help_overview = R"(millrace: administer a Millrace or Kafka broker, write to it and read from it

  millrace topic create|list|describe|alter|delete   topics, their partitions and their configs
  millrace topic explain-retention TOPIC             what of it goes, when and why
  millrace group list|describe|reset-offsets|delete  consumer groups, their members, offsets and lag
  millrace cluster                                   its id and nodes, and what they speak
  millrace config get|set|diff                       configs of topics, brokers and groups
  millrace log dump|verify|recover DIR               the files of partitions, without a broker
  millrace produce TOPIC                             lines from standard input, or generated records
  millrace consume TOPIC                             records to standard output
  millrace COMMAND --help                            what the command takes

Options of every command:
  --bootstrap-server HOST:PORT[,...]   where a broker listens (127.0.0.1:9092)
  --format text|json                   how results are printed (text)

Exit codes: 0 done, 1 failed, 2 wrong usage. An error is one line on standard error.
)";

const char* const help_topic = R"(millrace topic: topics, their partitions and their configs

  millrace topic create NAME [--partitions N] [--replication-factor N] [--config KEY=VALUE]... [--if-not-exists]
  millrace topic list
  millrace topic describe NAME
  millrace topic explain-retention NAME
  millrace topic alter NAME [--partitions N] [--config KEY=VALUE]... [--delete-config KEY]...
  millrace topic delete NAME [--if-exists]

describe shows of each partition its leader, offsets and bytes, and the times of its first and its newest record.
explain-retention says of each partition which offsets go, when at the earliest and at the latest, and why. Brokers remove
whole segments and do not tell where these end: hence a span. It assumes that the clocks of this machine and the broker agree.

  --partitions N             how many; alter can only raise it (the broker's default)
  --replication-factor N     copies of each partition (the broker's default)
  --config KEY=VALUE         a topic config, by Kafka's name
  --delete-config KEY        back to the broker's default
  --if-not-exists            create: a topic that is there already is no failure
  --if-exists                delete: a missing topic is no failure
  --bootstrap-server HOST:PORT[,...]   (127.0.0.1:9092)
  --format text|json         list gives an array, describe and explain-retention an object (text)
)";

const char* const help_cluster = R"(millrace cluster: its id and nodes, and what they speak

Shows each node with its address, rack, the number of its APIs, and the levels of its finalized features.

  --apis                     also the versions of each API (json: always)
  --bootstrap-server HOST:PORT[,...]   (127.0.0.1:9092)
  --format text|json         json: an object (text)
)";

const char* const help_config = R"(millrace config: configs of topics, brokers and groups

  millrace config get OF [CONFIG...]                 values and where they come from
  millrace config set OF CONFIG=VALUE... [--delete CONFIG]...
  millrace config diff OF                            what differs from the defaults
  millrace config diff OF OF                         what differs between the two

OF is one of
  topic:NAME, group:NAME
  broker:ID                  one broker; broker alone where there is only one
  brokers                    the defaults set for all brokers, which a broker's own value overrides

  --delete CONFIG            set: back to the default
  --bootstrap-server HOST:PORT[,...]   (127.0.0.1:9092)
  --format text|json         get and diff give an array (text)
)";

const char* const help_group = R"(millrace group: consumer groups, their members, offsets and lag

  millrace group list
  millrace group describe GROUP...
  millrace group reset-offsets GROUP --topic TOPIC[:PARTITION,...]... TARGET [--execute]
  millrace group delete GROUP...

describe shows the committed offset of each partition, the end of its log, the lag in records, and the lag in seconds:
how long the first record that was not read has been there. What is not known is "-" (json: null).

reset-offsets shows what it would do, and does it with --execute. It and delete refuse a group that has members. TARGET:
  --to-earliest              the first record that is there
  --to-latest                behind the last record
  --to-offset N              this offset
  --shift-by N               N records on, or back with a negative N
  --to-time TIME             the first record at or after TIME, as in 2026-05-17T10:30:00Z or ...T10:30:00.500+02:00
  --by-duration LENGTH       the first record of the last LENGTH, as in 90s, 15m, 2h, 7d or PT1H30M
An offset outside of the log becomes the nearest one inside.

  --topic TOPIC[:PARTITION,...]        which partitions (all of the topic); may be given several times
  --bootstrap-server HOST:PORT[,...]   (127.0.0.1:9092)
  --format text|json         list and describe give an array, reset-offsets an object (text)
)";

const char* const help_log = R"(millrace log: the files of partitions, without a broker

  millrace log dump DIR                              every batch
  millrace log verify DIR                            every byte is checked; what is wrong, where, and from which offset on
  millrace log recover DIR [--write]                 what would be given up so that the rest is served; --write does it

DIR is a partition's directory (TOPIC-PARTITION) or a log directory, and then all partitions in it. dump and verify change
nothing and may run beside a broker, whose newest batches may look cut short. recover --write wants the broker stopped; what
it cuts off stays beside the segment in files that end with .cut.

After a crash acknowledged records may lie in the file commit.journal of the log directory and not yet in their segments. All
three look at segments as the next start will find them, with those bytes; dump marks such batches with "journal", verify says
what the journal holds, for which segments, how much of it is nowhere else, and whether it is damaged. recover --write first
writes it back, for all partitions of the log directory; one that is damaged stays as commit.journal.cut, and one of which
nothing can be told is refused.

  --write                    recover: cut
  --format text|json         json: an array, of batches, or of partitions and last the journal, if there is one (text)

Exit codes: 0 nothing is damaged (recover --write: any more), 1 damage or failure, 2 wrong usage.
)";

const char* const help_produce = R"(millrace produce TOPIC: write records

Each line of standard input is the value of one record, or with --generate N records are made up. The topic is created
if the broker is set to create topics. Ends when everything is acknowledged; fails if any record was not.

  --generate N               make N records with the values RUN-0, RUN-1, ...
  --start N                  the first number (0)
  --run-id RUN               the prefix (random)
  --record-size BYTES        fill generated values up with dots
  --key-separator TEXT       the part of a line before TEXT is the key
  --partition N              all records to this partition (by key, else spread)
  --acks all|1|0             when the broker answers (all)
  --idempotent               no duplicates and no disorder when something is sent again; needs acks all
  --compression none|gzip|snappy|lz4|zstd   (none)
  --batch-bytes BYTES        how large a batch grows (524288)
  --linger MS                how long a batch waits to fill (5)
  --journal FILE             append "partition offset number" for each acknowledged record, as it is acknowledged
  --progress                 a progress line even if standard error is no terminal
  --bootstrap-server HOST:PORT[,...]   (127.0.0.1:9092)
  --format text|json         how the summary is printed (text)
)";

const char* const help_consume = R"(millrace consume TOPIC: read records

Reads each partition from its start position to the end it had when the command began, without a group.
With --group it joins a consumer group, which gives it partitions while it runs and takes them away for others, reads on
from the committed offsets, commits every second and at the end, and leaves; Ctrl-C ends it in the same way.

  --group NAME               as a member of this group, by the consumer protocol (KIP-848)
  --timeout-ms MS            with --group: end when nothing has come for so long (3000; with --follow: never),
                             two heartbeats longer while it has no partition
  --partition N              this partition only (all); without --group
  --offset earliest|latest|N|@MS   where to begin: an offset, or the first record at or after a time in
                             milliseconds since 1970 (earliest); with --group: earliest or latest, for partitions
                             without a committed offset
  --count N                  end after N records
  --follow                   go on waiting for new records at the end
  --key-separator TEXT       text: print keys too, then TEXT, then the value
  --quiet                    print no records, only count them
  --progress                 a progress line even if standard error is no terminal
  --bootstrap-server HOST:PORT[,...]   (127.0.0.1:9092)
  --format text|json         json: one object a line with partition, offset, timestamp, key, value, headers; what is
                             not UTF-8 comes as key_base64 and value_base64 (text)
)";

} // namespace millrace::tool
