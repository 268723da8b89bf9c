#!/usr/bin/env python3
"""The power is cut in the middle of writing: every acknowledged record and topic is there afterwards, exactly once.

  power_rounds.py [--rounds N] [--seed N] [--file-system ext4|xfs] [--expect-loss sync|directory]

The data lies on a loop-mounted ext4 or XFS (root). On ext4, beside what it loses by itself, new names go whose directory was not
synced (name_loss.py). --expect-loss switches one kind of flush off at the broker's disk port and passes only if these rounds then
find a loss: the proof that they would see one. Exit code 77 says that this machine does not allow it.
"""
import argparse
import os
import random
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from harness.batches import batch  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.checks import SKIPPED_STATUS, Checks  # noqa: E402
from name_loss import NameWatch, take_away  # noqa: E402
from power_cut import PowerCutDisk  # noqa: E402
from writers import IdempotentWriter, TopicCreator  # noqa: E402

PARTITIONS = 5
SKIPS = {"sync": "--test.disk.skip.sync", "directory": "--test.disk.skip.directory.sync"}


class NoWatch:
    """Where nobody tells when a directory was synced."""

    def unsafe_names(self):
        return []

    def close(self):
        pass


def watch(disk):
    return NameWatch(disk.path) if disk.kind == "ext4" else NoWatch()


class Machine:
    """A disk, the broker on it, and the writers that live through its power cuts."""

    def __init__(self, disk, skip, seed):
        self.disk, self.skip, self.watch = disk, skip, None
        self.broker = Broker(log_dir=os.path.join(disk.path, "data"))
        self.in_journal = 0  # commits that went into the commit journal
        self.creator = TopicCreator(self.broker.address, "made-")
        self.writer = IdempotentWriter(self.broker.address, "own", PARTITIONS, seed)

    def prepare(self):
        """A start and a clean stop with every flush in its place, so that what is lost later is what was written later."""
        self.broker.start()
        with self.broker.connect() as client:
            client.make_topic("own", PARTITIONS, [("segment.bytes", "1048576")])
            client.make_topic("dark")
        self.broker.stop()
        if self.skip:
            self.broker.options, self.broker.environment = [SKIPS[self.skip], "true"], {"MILLRACE_TEST": "1"}

    def boot(self):
        self.watch = watch(self.disk)
        try:
            self.broker.start()
        except Exception:
            self.watch.close()
            raise
        for who in (self.creator, self.writer):
            who.dark.clear()

    def cut(self):
        """(names lost beside what ext4 lost by itself, what is wrong).

        Answers count until the cut begins, not while the shutdown is under way: a journal commit that it aborts can leave
        the kernel's fsync with a success that is none (jbd2_complete_transaction finds the transaction gone), seen here once
        in 150 cuts. Afterwards every flush fails, and a broker that still acknowledges would be caught.
        """
        try:
            for who in (self.creator, self.writer):
                who.dark.set()
            self.disk.cut()
            wrong = [] if self.skip else self.acknowledges_in_the_dark()
            self.broker.kill()
            unsafe = self.watch.unsafe_names()
        finally:
            self.watch.close()
        self.disk.mend()
        take_away(unsafe)
        return unsafe, wrong

    def acknowledges_in_the_dark(self):
        time.sleep(0.05)
        try:
            with self.broker.connect(3) as client:
                error, _ = client.produce("dark", 0, batch([b"never"]))
        except OSError:
            return []
        return [] if error else ["acks=all was acknowledged without a disk"]

    def acknowledged(self):
        return self.writer.count(), len(self.creator.created)

    def wrong(self):
        with self.broker.connect() as client:
            found = self.creator.lost(client) + self.writer.lost_or_doubled(client)
        return found + [f"{type(who).__name__}: {who.failure}" for who in (self.creator, self.writer) if who.failure]


def few(wrong):
    return "; ".join(wrong[:3]) + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else "")


def one_round(machine, number, chance):
    """What is wrong after one cut, in words, and what to say if nothing is."""
    before = machine.acknowledged()
    time.sleep(chance.uniform(0.5, 2.0))
    machine.in_journal += machine.broker.total("journal_commits")
    unsafe, in_the_dark = machine.cut()
    records, topics = (now - then for now, then in zip(machine.acknowledged(), before))
    try:
        machine.boot()
    except RuntimeError as why:
        return [f"it does not start again: {str(why)[-300:]}"], ""
    wrong = in_the_dark + machine.wrong()
    if not records or not topics:
        wrong.append(f"nothing was acknowledged in round {number}: {records} records, {topics} topics")
    return wrong, f"{records} records and {topics} topics acknowledged, {len(unsafe)} new names not yet safe"


def rounds(checks, machine, asked, chance):
    machine.prepare()
    machine.boot()
    machine.creator.start()
    machine.writer.start()
    for number in range(asked.rounds):
        wrong, good = one_round(machine, number, chance)
        if asked.expect_loss:
            print(f"     round {number}: {few(wrong) or 'no loss: ' + good}", flush=True)
            if wrong:
                return checks.that(True, f"without {asked.expect_loss} syncs a loss is found", f"in round {number}")
        elif not checks.that(not wrong, f"power cut {number}", few(wrong) or good):
            return
    if asked.expect_loss:
        return checks.that(False, f"without {asked.expect_loss} syncs a loss is found", f"none in {asked.rounds} rounds")
    machine.creator.end()
    machine.writer.end()
    wrong = machine.wrong()
    checks.that(not wrong, f"after all cuts: {machine.acknowledged()[0]} records, {machine.acknowledged()[1]} topics", few(wrong))
    checks.that(machine.in_journal > 0, f"{machine.in_journal} commits went into the commit journal")
    checks.equal(machine.broker.stop(), 0, "the broker stops cleanly")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--file-system", choices=("ext4", "xfs"), default="ext4")
    options.add_argument("--expect-loss", choices=SKIPS)
    asked = options.parse_args()
    print(f"seed {asked.seed}", flush=True)
    try:
        disk = PowerCutDisk(2048, asked.file_system)
        try:
            watch(disk).close()
        except OSError:
            disk.close()
            raise
    except OSError as why:
        print(f"skipped: {why}")
        sys.exit(SKIPPED_STATUS)
    checks = Checks()
    with disk:
        machine = Machine(disk, asked.expect_loss, asked.seed)
        try:
            checks.run("power cuts", rounds, checks, machine, asked, random.Random(asked.seed))
        finally:
            for who in (machine.creator, machine.writer):
                who.ending.set()
            machine.broker.close()
            if machine.watch:
                machine.watch.close()
    checks.finish()


if __name__ == "__main__":
    main()
