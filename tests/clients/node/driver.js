// Drives kafkajs; the commands are those of ../python/driver_loop.py. kafkajs reads only through a group, so `read` joins one.
// seek_offset and seek_time ask the admin client for offsets and read nothing.
'use strict'

const readline = require('readline')
const { createRequire } = require('module')

const need = createRequire(process.env.MILLRACE_NODE_MODULES + '/') // npm ci runs outside the source tree
const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel, PartitionAssigners, Partitioners } = need('kafkajs')
const { timeMs, countIn, make, timeProbes } = require('./records')
const { Member } = require('./member')

const zstd = new Promise((done) => need('zstd-codec').ZstdCodec.run((codec) => done(codec)))
CompressionCodecs[CompressionTypes.Snappy] = need('kafkajs-snappy')
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from(new (await zstd).Simple().compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(new (await zstd).Streaming().decompress(buffer)), // the size of a frame may not be in it,
})
const codecs = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  zstd: CompressionTypes.ZSTD,
}

const kafka = new Kafka({ clientId: 'suite', brokers: [process.env.MILLRACE_BOOTSTRAP], logLevel: logLevel.NOTHING })
const admin = kafka.admin()

function same(got, want, what) {
  if (JSON.stringify(got) !== JSON.stringify(want)) {
    throw new Error(`${what}: ${JSON.stringify(got)}, expected ${JSON.stringify(want)}`)
  }
}

async function create(topic, partitions) {
  const configEntries = [{ name: 'retention.ms', value: '-1' }]
  const topics = [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }]
  same(await admin.createTopics({ topics, waitForLeaders: true }), true, 'created')
}

async function describe(topic, partitions) {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  const rows = topics[0].partitions.sort((a, b) => a.partitionId - b.partitionId)
  same(rows.map((p) => p.partitionId), [...Array(partitions).keys()], 'partitions')
  for (const p of rows) same([p.partitionErrorCode, p.replicas, p.isr], [0, [p.leader], [p.leader]], 'replicas')
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
  })
  const value = (name) => resources[0].configEntries.find((e) => e.configName === name)?.configValue
  same([value('retention.ms'), value('cleanup.policy')], ['-1', 'delete'], 'configs')
}

async function produce(topic, partitions, count, flavor, codec, idempotent) {
  const producer = kafka.producer({
    idempotent: idempotent === 1,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  try {
    const step = 600
    for (let first = 0; first < count; first += step) {
      const messages = []
      for (let i = first; i < Math.min(first + step, count); i++) {
        messages.push({ ...make(flavor, i), partition: i % partitions, timestamp: String(timeMs(i)) })
      }
      const rows = await producer.send({ topic, messages, acks: -1, compression: codecs[codec] })
      for (const row of rows) same(row.baseOffset, String(first / partitions), `base offset of ${row.partition}`)
      same(rows.length, partitions, 'acknowledged partitions')
    }
  } finally {
    await producer.disconnect()
  }
}

const assigners = { roundrobin: PartitionAssigners.roundRobin }
const waitMs = 30000
let member = null

async function join(...how) {
  member = new Member(kafka, assigners, how)
  await member.start()
}

async function leave() {
  const leaving = member
  member = null
  await leaving.leave()
}

async function committed(groupId, topic, partitions) {
  const [found] = await admin.fetchOffsets({ groupId, topics: [topic] })
  const offsets = new Map(found.partitions.map((p) => [p.partition, p.offset]))
  return [...Array(partitions).keys()].map((p) => offsets.get(p) ?? '-1').join(',')
}

async function reset(groupId, topic, partitions, stampMs) {
  const rows = await admin.fetchTopicOffsetsByTimestamp(topic, stampMs)
  same(rows.length, partitions, 'partitions')
  await admin.setOffsets({ groupId, topic, partitions: rows })
}

async function read(topic, partitions, count, flavor) {
  await join(`${topic}-read-by-kafkajs-${Date.now()}`, topic, partitions, flavor, '-', '-', 10000)
  const next = Array(partitions).fill(0)
  let left = count
  try {
    for (const end = Date.now() + waitMs; left > 0; ) {
      const [, , runs] = (await member.poll(50)).split(' ')
      for (const run of runs === '-' ? [] : runs.split(',')) {
        const [p, first, end] = run.split(/[:-]/).map(Number)
        same(first, next[p], `next offset of ${p}`)
        next[p] = end
        left -= end - first
      }
      if (Date.now() > end) throw new Error(`${left} of ${count} records of ${topic} did not come`)
    }
    same(left, 0, 'records missing')
  } finally {
    await leave()
  }
}

async function seekOffset(topic, partitions, count) {
  const rows = (await admin.fetchTopicOffsets(topic)).sort((a, b) => a.partition - b.partition)
  same(rows.map((r) => [r.low, r.high]), rows.map((r) => ['0', String(countIn(r.partition, partitions, count))]), 'span')
  same(rows.length, partitions, 'partitions')
}

async function seekTime(topic, partitions, count) {
  for (let p = 0; p < partitions; p++) {
    for (const [stampMs, want] of timeProbes(p, partitions, count)) {
      const row = (await admin.fetchTopicOffsetsByTimestamp(topic, stampMs)).find((r) => r.partition === p)
      same(row.offset, String(want), `partition ${p} at ${stampMs}`)
    }
  }
}

async function remove(topic) {
  await admin.deleteTopics({ topics: [topic] })
  for (let tries = 0; (await admin.listTopics()).includes(topic); tries++) {
    if (tries === 300) throw new Error(`${topic} is still listed`)
    await new Promise((done) => setTimeout(done, 100))
  }
}

const commands = {
  version: async () => need('kafkajs/package.json').version,
  create,
  describe,
  produce,
  seek_offset: seekOffset,
  seek_time: seekTime,
  delete: remove,
  read,
  join,
  poll: (ms) => member.poll(ms),
  commit: () => member.commit(),
  leave,
  committed,
  reset,
}

async function main() {
  let connected = false
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [name, ...words] = line.trim().split(/\s+/)
    try {
      if (!connected && name !== 'version') {
        await admin.connect()
        connected = true
      }
      const answer = await commands[name](...words.map((w) => (/^\d+$/.test(w) ? Number(w) : w)))
      console.log(`ok ${answer ?? ''}`.trim())
    } catch (e) {
      console.log(`fail ${e.name}: ${e.message}`.replaceAll('\n', ' '))
    }
  }
  await admin.disconnect()
}

main()
