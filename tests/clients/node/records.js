// The records of the client suite, each a pure function of its index; ../python/records.py states the rules.
'use strict'

const BASE_MS = 1700000000000
const STEP_MS = 7

const timeMs = (i) => BASE_MS + STEP_MS * i
const countIn = (partition, partitions, count) => Math.floor((count - partition + partitions - 1) / partitions)

function make(flavor, i) {
  const full = flavor === 'full'
  const value = Buffer.alloc(((i * 7919) % 300) + (full ? 0 : 1))
  for (let j = 0; j < value.length; j++) {
    const byte = (i * 31 + Math.floor(j / 8) * 7) & 255
    value[j] = full ? byte : 97 + (byte % 26)
  }
  const name = Buffer.from(`key-${String(i).padStart(8, '0')}`)
  if (!full) return { key: name, value, headers: { origin: Buffer.from('kcat') } }
  const key = Buffer.concat([name, Buffer.from([i & 255])])
  const h0 = [Buffer.from(`v${i}`), Buffer.from(`w${i}`)].slice(0, i % 4) // a repeated name is a list here
  const headers = {}
  if (h0.length) headers.h0 = h0
  if (i % 4 === 3) headers.h1 = Buffer.alloc(0)
  return { key: i % 10 === 9 ? null : key, value: i % 100 === 57 ? null : value, headers }
}

// [target ms, offset that the broker must answer], the end offset standing for "none", as kafkajs reports it.
function timeProbes(p, partitions, count) {
  const n = countIn(p, partitions, count)
  const at = (offset) => timeMs(offset * partitions + p)
  const third = Math.floor(n / 3)
  return [
    [BASE_MS - 100000, 0],
    [at(0), 0],
    [at(third), third],
    [at(third) + 1, third + 1],
    [at(n - 1), n - 1],
    [at(n - 1) + 1, n],
  ]
}

module.exports = { timeMs, countIn, make, timeProbes }
