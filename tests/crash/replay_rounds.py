#!/usr/bin/env python3
"""What a power cut leaves of a real file system, taken from a log of the writes that reached its device: every acknowledged record and topic
is there, once, in each of many states.

  replay_rounds.py [--states N] [--seconds N] [--seed N] [--file-system ext4|xfs] [--expect-loss]

A broker works for --seconds on a file system whose device is recorded (write_log.py). Then its states are made again, half of them
prefixes of that log, spread over it, the others with any of the writes since the last flush, torn or left out. On each a broker is
started: the file system's own journal and the broker's recovery have to bring back what was acknowledged when the log had that length.
--expect-loss switches the flushes of files off at the broker's disk port and passes only if a state then lacks something. Exit code 77
says that this machine does not allow it.
"""
import argparse
import os
import random
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from harness.broker import Broker  # noqa: E402
from harness.checks import SKIPPED_STATUS, Checks  # noqa: E402
from write_log import WriteLog  # noqa: E402
from writers import IdempotentWriter, TopicCreator  # noqa: E402

PARTITIONS = 4
OPTIONS = ["--disk.min.free", "1048576"]  # the file systems are small


class Stamped(list):
    """A list that knows how long the log was when each of its items came."""

    def __init__(self, log):
        super().__init__()
        self.log, self.stamps = log, []

    def append(self, item):
        self.stamps.append(len(self.log))
        super().append(item)

    def before(self, length):
        return [item for item, stamp in zip(self, self.stamps) if stamp <= length]


class StampedDict(dict):
    def __init__(self, log):
        super().__init__()
        self.log, self.stamps = log, {}

    def __setitem__(self, name, value):
        self.stamps[name] = len(self.log)
        super().__setitem__(name, value)

    def before(self, length):
        return {name: value for name, value in self.items() if self.stamps[name] <= length}


def record(disk, seconds, seed, skip):
    """What the clients were told, with the length of the log then."""
    options, environment = (OPTIONS + ["--test.disk.skip.sync", "true"], {"MILLRACE_TEST": "1"}) if skip else (OPTIONS, None)
    with Broker(log_dir=os.path.join(disk.attach("recorded"), "data"), options=options, environment=environment) as broker:
        with broker.connect() as client:
            client.make_topic("own", PARTITIONS, [("segment.bytes", "1048576")])
        prepared = len(disk.log)
        writer, creator = IdempotentWriter(broker.address, "own", PARTITIONS, seed), TopicCreator(broker.address, "made-", 0.1)
        writer.acknowledged = [Stamped(disk.log) for _ in range(PARTITIONS)]
        creator.created, creator.first_records = StampedDict(disk.log), StampedDict(disk.log)
        writer.start(), creator.start()
        time.sleep(seconds)
        writer.end(), creator.end()
        for who in (writer, creator):
            if who.failure:
                raise who.failure
    disk.detach("recorded")
    return prepared, writer, creator


def known_at(length, writer, creator, address, seed):
    then = IdempotentWriter(address, "own", PARTITIONS, seed)
    then.acknowledged = [part.before(length) for part in writer.acknowledged]
    topics = TopicCreator(address, "made-")
    topics.created, topics.first_records = creator.created.before(length), creator.first_records.before(length)
    return then, topics


def wrong_in(disk, length, writer, creator, seed):
    broker = None
    try:
        broker = Broker(log_dir=os.path.join(disk.attach("state"), "data"), options=OPTIONS)
        broker.start()
        then, topics = known_at(length, writer, creator, broker.address, seed)
        with broker.connect() as client:
            return topics.lost(client) + then.lost_or_doubled(client)
    except RuntimeError as why:
        return [f"it does not start: {str(why)[-300:]}"]
    finally:
        if broker:
            broker.close()
        disk.detach("state")


def rounds(checks, disk, asked):
    chance = random.Random(asked.seed)
    prepared, writer, creator = record(disk, asked.seconds, asked.seed, asked.expect_loss)
    total = len(disk.log)
    print(f"     {total} writes and flushes, {writer.count()} records and {len(creator.created)} topics acknowledged", flush=True)
    span = range(prepared, total + 1)
    wanted = sorted(chance.sample(span, min(asked.states // 2, len(span))))
    tried = {"prefix": 0, "some of the writes since the last flush": 0}
    for length, image, since in disk.states():
        if length not in wanted:
            continue
        for how, left in zip(tried, (None, chance)):
            disk.leave(image, since, left)
            wrong = wrong_in(disk, length, writer, creator, asked.seed)
            tried[how] += 1
            if wrong and asked.expect_loss:
                return checks.that(True, "without flushes a loss is found", f"state {length} of {total}, {how}: {wrong[0]}")
            if wrong:
                return checks.that(False, f"state {length} of {total}, {how}", "; ".join(wrong[:3]))
    if asked.expect_loss:
        return checks.that(False, "without flushes a loss is found", f"none in {sum(tried.values())} states")
    for how, count in tried.items():
        checks.that(count > 0, f"{asked.file_system}: nothing is lost and nothing there twice in {count} states, {how}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--states", type=int, default=40)
    options.add_argument("--seconds", type=float, default=2)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--file-system", choices=("ext4", "xfs"), default="ext4")
    options.add_argument("--expect-loss", action="store_true")
    asked = options.parse_args()
    print(f"seed {asked.seed}", flush=True)
    try:
        disk = WriteLog(asked.file_system)
    except OSError as why:
        print(f"skipped: {why}")
        sys.exit(SKIPPED_STATUS)
    checks = Checks()
    with disk:
        checks.run("states", rounds, checks, disk, asked)
    checks.finish()


if __name__ == "__main__":
    main()
