// One member of a consumer group through kafkajs: join, poll, commit and leave of ../python/driver_loop.py.
// kafkajs reads by itself; a poll only waits. It commits after every batch, because it does not tell of a revocation beforehand.
'use strict'

const same = require('assert').deepStrictEqual
const { timeMs, make } = require('./records')

class Member {
  constructor(kafka, assigners, [group, topic, partitions, flavor, assignor, instance, sessionMs]) {
    if (instance !== '-') throw new Error('kafkajs has no static members')
    Object.assign(this, { topic, partitions, flavor, rebalances: 0, owned: [], runs: [], positions: new Map(), failure: null })
    const own = assignor === '-' ? {} : { partitionAssigners: [assigners[assignor]] }
    this.consumer = kafka.consumer({
      groupId: group, sessionTimeout: sessionMs, heartbeatInterval: 300, rebalanceTimeout: sessionMs, maxWaitTimeInMs: 100,
      retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 100 }, ...own,
    })
    const { events } = this.consumer
    this.consumer.on(events.GROUP_JOIN, ({ payload }) => {
      this.rebalances++
      this.owned = (payload.memberAssignment[topic] ?? []).slice().sort()
      for (const p of [...this.positions.keys()]) if (!this.owned.includes(p)) this.positions.delete(p)
    })
    this.consumer.on(events.REBALANCING, () => (this.owned = []))
    this.consumer.on(events.CRASH, ({ payload }) => (this.failure = payload.restart ? null : payload.error))
  }

  async start() {
    await this.consumer.connect()
    await this.consumer.subscribe({ topics: [this.topic], fromBeginning: true })
    const eachBatch = async ({ batch, resolveOffset }) => {
      for (const m of batch.messages) {
        try {
          check(this.flavor, this.partitions, batch.partition, m)
        } catch (e) {
          this.failure ??= e
        }
        this.take(batch.partition, Number(m.offset))
        resolveOffset(m.offset)
      }
    }
    await this.consumer.run({ autoCommit: true, eachBatchAutoResolve: false, eachBatch })
  }

  take(partition, offset) {
    const open = this.runs.find((run) => run[0] === partition && run[2] === offset)
    if (open) open[2]++
    else this.runs.push([partition, offset, offset + 1])
    this.positions.set(partition, offset + 1)
  }

  async poll(ms) {
    await new Promise((done) => setTimeout(done, ms))
    if (this.failure) throw this.failure
    const read = this.runs.map(([p, first, end]) => `${p}:${first}-${end}`).join(',')
    this.runs = []
    return `${this.rebalances} ${this.owned.join(',') || '-'} ${read || '-'}`
  }

  async commit() {
    const offsets = [...this.positions].map(([partition, offset]) => ({ topic: this.topic, partition, offset: String(offset) }))
    if (offsets.length) await this.consumer.commitOffsets(offsets)
  }

  async leave() {
    await this.commit()
    await this.consumer.disconnect()
  }
}

// Throws unless the message is the one that belongs at its offset.
function check(flavor, partitions, partition, m) {
  const i = Number(m.offset) * partitions + partition
  const want = make(flavor, i)
  const where = `${partition}@${m.offset}`
  same(m.key, want.key, `${where}: key differs from record ${i}`)
  same(m.value, want.value, `${where}: value differs from record ${i}`)
  same({ ...m.headers }, unlist(want.headers), `${where}: headers differ from record ${i}`)
  const right = flavor === 'full' ? Number(m.timestamp) === timeMs(i) : Number(m.timestamp) > timeMs(0)
  if (!right) throw new Error(`${where}: timestamp ${m.timestamp}`)
}

// kafkajs reads a name that is not repeated as one value, not as a list.
function unlist(headers) {
  return Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, Array.isArray(v) && v.length === 1 ? v[0] : v]))
}

module.exports = { Member }
