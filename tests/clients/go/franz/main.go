// Drives franz-go; the commands are those of ../../python/driver_loop.py.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/clients/driverloop"
	"millrace/clients/members"
	"millrace/clients/records"
)

const wait = 30 * time.Second

var bootstrap = os.Getenv("MILLRACE_BOOTSTRAP")

func deadline() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), wait)
}

func open(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(opts, kgo.SeedBrokers(bootstrap), kgo.FetchMaxWait(100*time.Millisecond))...)
}

func admin(work func(context.Context, *kadm.Client) error) error {
	c, err := open()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := deadline()
	defer cancel()
	return work(ctx, kadm.NewClient(c))
}

func create(a driverloop.Args) error {
	return admin(func(ctx context.Context, c *kadm.Client) error {
		forever := "-1"
		made, err := c.CreateTopic(ctx, int32(a.Partitions), 1, map[string]*string{"retention.ms": &forever}, a.Topic)
		if err == nil {
			err = made.Err
		}
		return err
	})
}

func describe(a driverloop.Args) error {
	return admin(func(ctx context.Context, c *kadm.Client) error {
		topics, err := c.ListTopics(ctx, a.Topic)
		if err != nil {
			return err
		}
		found := topics[a.Topic]
		if found.Err != nil || int64(len(found.Partitions)) != a.Partitions {
			return fmt.Errorf("described as %+v", found)
		}
		for p, part := range found.Partitions {
			if part.Err != nil || p < 0 || int64(p) >= a.Partitions || part.Leader < 0 || len(part.ISR) != 1 || len(part.Replicas) != 1 {
				return fmt.Errorf("partition described as %+v", part)
			}
		}
		configs, err := c.DescribeTopicConfigs(ctx, a.Topic)
		if err != nil {
			return err
		}
		want := map[string]string{"retention.ms": "-1", "cleanup.policy": "delete"}
		for _, config := range configs[0].Configs {
			if value, asked := want[config.Key]; asked && config.MaybeValue() == value {
				delete(want, config.Key)
			}
		}
		if configs[0].Err != nil || len(want) != 0 {
			return fmt.Errorf("configs not as created: %v %v", configs[0].Err, want)
		}
		return nil
	})
}

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func produce(a driverloop.Args) error {
	opts := []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codecs[a.Codec]),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerLinger(5 * time.Millisecond),
	}
	if !a.Idempotent {
		opts = append(opts, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
	}
	c, err := open(opts...)
	if err != nil {
		return err
	}
	defer c.Close()
	var lock sync.Mutex
	var failure error
	acked := int64(0)
	ctx, cancel := deadline()
	defer cancel()
	for i := range a.Count {
		r := records.Make(a.Flavor, i)
		out := &kgo.Record{Topic: a.Topic, Partition: int32(i % a.Partitions), Key: r.Key, Value: r.Value, Timestamp: time.UnixMilli(records.TimeMs(i))}
		for _, h := range r.Headers {
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Name, Value: h.Value})
		}
		c.Produce(ctx, out, func(done *kgo.Record, err error) {
			lock.Lock()
			defer lock.Unlock()
			acked++
			if err == nil && done.Offset != i/a.Partitions {
				err = fmt.Errorf("record %d acknowledged at offset %d", i, done.Offset)
			}
			if err != nil && failure == nil {
				failure = err
			}
		})
	}
	if err := c.Flush(ctx); err != nil {
		return err
	}
	if failure == nil && acked != a.Count {
		failure = fmt.Errorf("%d of %d acknowledged", acked, a.Count)
	}
	return failure
}

func from(r *kgo.Record) records.Record {
	made := records.Record{Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		made.Headers = append(made.Headers, records.Header{Name: h.Key, Value: h.Value})
	}
	return made
}

func assigned(topic string, at map[int32]kgo.Offset) (*kgo.Client, error) {
	return open(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: at}), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
}

func read(a driverloop.Args) error {
	at := map[int32]kgo.Offset{}
	for p := range a.Partitions {
		at[int32(p)] = kgo.NewOffset().At(0)
	}
	c, err := assigned(a.Topic, at)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := deadline()
	defer cancel()
	reading := records.NewReading(a.Topic, a.Partitions, a.Count, a.Flavor)
	for reading.Left > 0 {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("%d records missing: %w", reading.Left, err)
		}
		for _, r := range fetches.Records() {
			if err := reading.Take(int64(r.Partition), r.Offset, from(r), r.Timestamp.UnixMilli()); err != nil {
				return err
			}
		}
	}
	return nil
}

func firstAt(a driverloop.Args, p, offset int64) error {
	c, err := assigned(a.Topic, map[int32]kgo.Offset{int32(p): kgo.NewOffset().At(offset)})
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := deadline()
	defer cancel()
	fetches := c.PollRecords(ctx, 1)
	if err := fetches.Err(); err != nil {
		return err
	}
	r := fetches.Records()[0]
	if int64(r.Partition) != p || r.Offset != offset {
		return fmt.Errorf("asked %d@%d, got %d@%d", p, offset, r.Partition, r.Offset)
	}
	return records.Check(a.Flavor, offset*a.Partitions+p, from(r), r.Timestamp.UnixMilli(), fmt.Sprintf("%s-%d@%d", a.Topic, p, offset))
}

func seekOffset(a driverloop.Args) error {
	return admin(func(ctx context.Context, c *kadm.Client) error {
		starts, err := c.ListStartOffsets(ctx, a.Topic)
		if err != nil {
			return err
		}
		ends, err := c.ListEndOffsets(ctx, a.Topic)
		if err != nil {
			return err
		}
		for p := range a.Partitions {
			start, _ := starts.Lookup(a.Topic, int32(p))
			end, _ := ends.Lookup(a.Topic, int32(p))
			if start.Offset != 0 || end.Offset != records.CountIn(p, a.Partitions, a.Count) || start.Err != nil || end.Err != nil {
				return fmt.Errorf("partition %d spans %v..%v", p, start, end)
			}
			for _, offset := range records.OffsetProbes(p, a.Partitions, a.Count) {
				if err := firstAt(a, p, offset); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func seekTime(a driverloop.Args) error {
	return admin(func(ctx context.Context, c *kadm.Client) error {
		for p := range a.Partitions {
			for _, probe := range records.TimeProbes(p, a.Partitions, a.Count) {
				listed, err := c.ListOffsetsAfterMilli(ctx, probe.StampMs, a.Topic)
				if err != nil {
					return err
				}
				want := probe.Offset
				if want == -1 { // kadm turns "none" into the end offset
					want = records.CountIn(p, a.Partitions, a.Count)
				}
				got, _ := listed.Lookup(a.Topic, int32(p))
				if got.Err != nil || got.Offset != want {
					return fmt.Errorf("partition %d at %d: %+v, expected offset %d", p, probe.StampMs, got, want)
				}
				if probe.Offset >= 0 {
					if err := firstAt(a, p, want); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

func remove(a driverloop.Args) error {
	return admin(func(ctx context.Context, c *kadm.Client) error {
		done, err := c.DeleteTopic(ctx, a.Topic)
		if err == nil {
			err = done.Err
		}
		for err == nil {
			var topics kadm.TopicDetails
			if topics, err = c.ListTopics(ctx); err == nil && !topics.Has(a.Topic) {
				return nil
			}
			time.Sleep(100 * time.Millisecond)
		}
		return err
	})
}

func main() {
	driverloop.Serve(driverloop.Version("github.com/twmb/franz-go"), &members.Seat{Join: join, Committed: committed, Reset: reset}, map[string]func(driverloop.Args) error{
		"create": create, "describe": describe, "produce": produce, "read": read,
		"seek_offset": seekOffset, "seek_time": seekTime, "delete": remove,
	})
}
