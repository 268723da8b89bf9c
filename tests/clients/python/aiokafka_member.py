"""One member of a consumer group through aiokafka: the commands join, poll, commit, leave and committed, as coroutines.

aiokafka works only while the loop runs, that is, during a command.
"""

import asyncio
import os

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

import records
from driver_loop import Runs, listed

BOOTSTRAP = os.environ["MILLRACE_BOOTSTRAP"]
ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor}


class Member(ConsumerRebalanceListener):
    def __init__(self, group, topic, partitions, flavor, assignor, instance, session_ms):
        self.topic, self.partitions, self.flavor = topic, partitions, flavor
        self.rebalances, self.runs = 0, Runs()
        # What getmany() returns beside the commit of a revocation would be read again by the next owner.
        self.reading, self.owns = asyncio.Lock(), asyncio.Event()
        more = {} if assignor == "-" else {"partition_assignment_strategy": [ASSIGNORS[assignor]]}
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=BOOTSTRAP,
            group_id=group,
            group_instance_id=None if instance == "-" else instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=300,
            rebalance_timeout_ms=session_ms,
            **more,
        )

    async def start(self):
        self.consumer.subscribe([self.topic], listener=self)
        # start() waits for the first assignment, which may need other members to be polled.
        self.starting = asyncio.ensure_future(self.consumer.start())

    async def on_partitions_revoked(self, revoked):
        self.owns.clear()
        async with self.reading:
            if revoked:
                await self.consumer.commit()

    async def on_partitions_assigned(self, assigned):
        self.rebalances += 1
        self.owns.set()

    async def poll(self, ms):
        end = asyncio.get_running_loop().time() + ms / 1000
        await asyncio.wait([self.starting], timeout=ms / 1000)
        if not self.starting.done():
            return "0 - -"
        self.starting.result()
        while (left := end - asyncio.get_running_loop().time()) > 0:
            try:
                await asyncio.wait_for(self.owns.wait(), left)
            except asyncio.TimeoutError:
                break
            async with self.reading:
                got = await self.consumer.getmany(timeout_ms=int(left * 1000) + 1)
            for m in (m for messages in got.values() for m in messages):
                i = m.offset * self.partitions + m.partition
                where = f"{self.topic}-{m.partition}@{m.offset}"
                records.check(self.flavor, i, m.key, m.value, m.headers, m.timestamp, where)
                self.runs.take(m.partition, m.offset)
        return f"{self.rebalances} {listed(tp.partition for tp in self.consumer.assignment())} {self.runs.drain()}"

    async def commit(self):
        if self.consumer.assignment():
            await self.consumer.commit()

    async def leave(self):
        await self.commit()
        await self.consumer.stop()


async def committed(group, topic, partitions):
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await admin.start()
    try:
        rows = await admin.list_consumer_group_offsets(group, partitions=[TopicPartition(topic, p) for p in range(partitions)])
    finally:
        await admin.close()
    return listed(rows[TopicPartition(topic, p)].offset for p in range(partitions))


async def reset(group, topic, partitions, stamp_ms):
    setting = AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP, group_id=group, enable_auto_commit=False)
    all_of_it = [TopicPartition(topic, p) for p in range(partitions)]
    setting.assign(all_of_it)
    await setting.start()
    try:
        found = await setting.offsets_for_times({tp: stamp_ms for tp in all_of_it})
        await setting.commit({tp: at.offset for tp, at in found.items()})
    finally:
        await setting.stop()


_joined = []


async def join(*how):
    _joined[:] = [Member(*how)]
    await _joined[0].start()


COMMANDS = {
    "join": join,
    "poll": lambda ms: _joined[0].poll(ms),
    "commit": lambda: _joined[0].commit(),
    "leave": lambda: _joined.pop().leave(),
    "committed": committed,
    "reset": reset,
}
