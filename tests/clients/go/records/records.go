// Package records makes and checks the records of the client suite, each a pure function of its index;
// ../python/records.py states the rules.
package records

import (
	"bytes"
	"fmt"
)

const (
	BaseMs = int64(1_700_000_000_000)
	StepMs = int64(7)
)

type Header struct {
	Name  string
	Value []byte
}

type Record struct {
	Key, Value []byte // nil is null; an empty slice is empty
	Headers    []Header
}

func TimeMs(i int64) int64 { return BaseMs + StepMs*i }

// CountIn says how many of count records land in a partition.
func CountIn(partition, partitions, count int64) int64 {
	return (count - partition + partitions - 1) / partitions
}

func Make(flavor string, i int64) Record {
	full := flavor == "full"
	length := i * 7919 % 300
	if !full {
		length++
	}
	value := make([]byte, length)
	for j := range value {
		b := byte(i*31 + int64(j)/8*7)
		if !full {
			b = 'a' + b%26
		}
		value[j] = b
	}
	key := fmt.Appendf(nil, "key-%08d", i)
	if !full {
		return Record{key, value, []Header{{"origin", []byte("kcat")}}}
	}
	r := Record{append(key, byte(i)), value, nil}
	if i%10 == 9 {
		r.Key = nil
	}
	if i%100 == 57 {
		r.Value = nil
	}
	all := []Header{{"h0", fmt.Appendf(nil, "v%d", i)}, {"h0", fmt.Appendf(nil, "w%d", i)}, {"h1", []byte{}}}
	r.Headers = all[:i%4]
	return r
}

func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// Check returns an error that names the field unless what was read is record i.
func Check(flavor string, i int64, got Record, stampMs int64, where string) error {
	want := Make(flavor, i)
	if !same(got.Key, want.Key) {
		return fmt.Errorf("%s: key %q, expected %q", where, got.Key, want.Key)
	}
	if !same(got.Value, want.Value) {
		return fmt.Errorf("%s: value %q, expected %q", where, got.Value, want.Value)
	}
	if len(got.Headers) != len(want.Headers) {
		return fmt.Errorf("%s: %d headers, expected %d", where, len(got.Headers), len(want.Headers))
	}
	for h, header := range want.Headers {
		if got.Headers[h].Name != header.Name || !same(got.Headers[h].Value, header.Value) {
			return fmt.Errorf("%s: header %d is %q, expected %q", where, h, got.Headers[h], header)
		}
	}
	if (flavor == "full" && stampMs != TimeMs(i)) || (flavor == "text" && stampMs <= BaseMs) {
		return fmt.Errorf("%s: timestamp %d of record %d", where, stampMs, i)
	}
	return nil
}

// Reading takes the records of a whole topic in any interleaving of partitions.
type Reading struct {
	Topic      string
	Partitions int64
	Count      int64
	Flavor     string
	Left       int64
	next       []int64
}

func NewReading(topic string, partitions, count int64, flavor string) *Reading {
	return &Reading{topic, partitions, count, flavor, count, make([]int64, partitions)}
}

func (r *Reading) Take(partition, offset int64, got Record, stampMs int64) error {
	where := fmt.Sprintf("%s-%d@%d", r.Topic, partition, offset)
	if offset != r.next[partition] {
		return fmt.Errorf("%s: expected offset %d", where, r.next[partition])
	}
	i := offset*r.Partitions + partition
	if i >= r.Count {
		return fmt.Errorf("%s: a record too many", where)
	}
	r.next[partition]++
	r.Left--
	return Check(r.Flavor, i, got, stampMs, where)
}

type TimeProbe struct {
	StampMs, Offset int64 // Offset -1: past the last record
}

func TimeProbes(p, partitions, count int64) []TimeProbe {
	n := CountIn(p, partitions, count)
	at := func(offset int64) int64 { return TimeMs(offset*partitions + p) }
	return []TimeProbe{
		{BaseMs - 100_000, 0}, {at(0), 0}, {at(n / 3), n / 3}, {at(n/3) + 1, n/3 + 1}, {at(n - 1), n - 1}, {at(n-1) + 1, -1},
	}
}

func OffsetProbes(p, partitions, count int64) []int64 {
	n := CountIn(p, partitions, count)
	return []int64{n / 2, n - 1, 0, n / 7}
}
