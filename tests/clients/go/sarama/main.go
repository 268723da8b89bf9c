// Drives sarama; the commands are those of ../../python/driver_loop.py.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"

	"millrace/clients/driverloop"
	"millrace/clients/members"
	"millrace/clients/records"
)

const wait = 30 * time.Second

var bootstrap = []string{os.Getenv("MILLRACE_BOOTSTRAP")}

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Consumer.MaxWaitTime = 100 * time.Millisecond
	c.Consumer.Return.Errors = true
	return c
}

func admin(work func(sarama.ClusterAdmin) error) error {
	c, err := sarama.NewClusterAdmin(bootstrap, config())
	if err != nil {
		return err
	}
	defer c.Close()
	return work(c)
}

func create(a driverloop.Args) error {
	return admin(func(c sarama.ClusterAdmin) error {
		forever := "-1"
		detail := &sarama.TopicDetail{NumPartitions: int32(a.Partitions), ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &forever}}
		return c.CreateTopic(a.Topic, detail, false)
	})
}

func describe(a driverloop.Args) error {
	return admin(func(c sarama.ClusterAdmin) error {
		topics, err := c.DescribeTopics([]string{a.Topic})
		if err != nil {
			return err
		}
		if topics[0].Err != sarama.ErrNoError || int64(len(topics[0].Partitions)) != a.Partitions {
			return fmt.Errorf("described as %+v", topics[0])
		}
		for _, p := range topics[0].Partitions {
			if p.Err != sarama.ErrNoError || p.ID < 0 || int64(p.ID) >= a.Partitions || p.Leader < 0 || len(p.Isr) != 1 || len(p.Replicas) != 1 {
				return fmt.Errorf("partition described as %+v", p)
			}
		}
		found, err := c.DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.TopicResource, Name: a.Topic}}, sarama.DescribeConfigsOptions{})
		if err != nil {
			return err
		}
		want := map[string]string{"retention.ms": "-1", "cleanup.policy": "delete"}
		for _, entry := range found[0].Configs {
			if value, asked := want[entry.Name]; asked && entry.Value == value {
				delete(want, entry.Name)
			}
		}
		if len(want) != 0 {
			return fmt.Errorf("configs not as created: %v", want)
		}
		return nil
	})
}

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

func encoder(b []byte) sarama.Encoder {
	if b == nil {
		return nil
	}
	return sarama.ByteEncoder(b)
}

func produce(a driverloop.Args) error {
	c := config()
	c.Net.MaxOpenRequests = 1
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Compression = codecs[a.Codec]
	c.Producer.Idempotent = a.Idempotent
	c.Producer.Return.Successes = true
	c.Producer.Flush.Frequency = 5 * time.Millisecond
	producer, err := sarama.NewAsyncProducer(bootstrap, c)
	if err != nil {
		return err
	}
	defer producer.Close()
	go func() {
		for i := range a.Count {
			r := records.Make(a.Flavor, i)
			out := &sarama.ProducerMessage{Topic: a.Topic, Partition: int32(i % a.Partitions), Key: encoder(r.Key), Value: encoder(r.Value), Timestamp: time.UnixMilli(records.TimeMs(i)), Metadata: i}
			for _, h := range r.Headers {
				out.Headers = append(out.Headers, sarama.RecordHeader{Key: []byte(h.Name), Value: h.Value})
			}
			producer.Input() <- out
		}
	}()
	late := time.After(wait)
	var failure error
	for acked := int64(0); acked < a.Count; acked++ {
		select {
		case done := <-producer.Successes():
			if i := done.Metadata.(int64); done.Offset != i/a.Partitions && failure == nil {
				failure = fmt.Errorf("record %d acknowledged at offset %d", i, done.Offset)
			}
		case bad := <-producer.Errors():
			if failure == nil {
				failure = bad.Err
			}
		case <-late:
			return fmt.Errorf("%d of %d acknowledged", acked, a.Count)
		}
	}
	return failure
}

func from(m *sarama.ConsumerMessage) records.Record {
	made := records.Record{Key: m.Key, Value: m.Value}
	for _, h := range m.Headers {
		made.Headers = append(made.Headers, records.Header{Name: string(h.Key), Value: h.Value})
	}
	return made
}

func consumer(work func(sarama.Consumer, sarama.Client) error) error {
	client, err := sarama.NewClient(bootstrap, config())
	if err != nil {
		return err
	}
	defer client.Close()
	c, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	defer c.Close()
	return work(c, client)
}

func next(pc sarama.PartitionConsumer) (*sarama.ConsumerMessage, error) {
	select {
	case m := <-pc.Messages():
		return m, nil
	case err := <-pc.Errors():
		return nil, err
	case <-time.After(wait):
		return nil, fmt.Errorf("nothing came in %s", wait)
	}
}

func read(a driverloop.Args) error {
	return consumer(func(c sarama.Consumer, _ sarama.Client) error {
		reading := records.NewReading(a.Topic, a.Partitions, a.Count, a.Flavor)
		for p := range a.Partitions {
			pc, err := c.ConsumePartition(a.Topic, int32(p), 0)
			if err != nil {
				return err
			}
			for range records.CountIn(p, a.Partitions, a.Count) {
				m, err := next(pc)
				if err != nil {
					return fmt.Errorf("%d records missing: %w", reading.Left, err)
				}
				if err := reading.Take(p, m.Offset, from(m), m.Timestamp.UnixMilli()); err != nil {
					return err
				}
			}
			if err := pc.Close(); err != nil {
				return err
			}
		}
		return nil
	})
}

func firstAt(c sarama.Consumer, a driverloop.Args, p, offset int64) error {
	pc, err := c.ConsumePartition(a.Topic, int32(p), offset)
	if err != nil {
		return err
	}
	defer pc.Close()
	m, err := next(pc)
	if err != nil {
		return err
	}
	if m.Offset != offset {
		return fmt.Errorf("asked %d@%d, got %d", p, offset, m.Offset)
	}
	return records.Check(a.Flavor, offset*a.Partitions+p, from(m), m.Timestamp.UnixMilli(), fmt.Sprintf("%s-%d@%d", a.Topic, p, offset))
}

func seekOffset(a driverloop.Args) error {
	return consumer(func(c sarama.Consumer, client sarama.Client) error {
		for p := range a.Partitions {
			start, err := client.GetOffset(a.Topic, int32(p), sarama.OffsetOldest)
			if err != nil {
				return err
			}
			end, err := client.GetOffset(a.Topic, int32(p), sarama.OffsetNewest)
			if err != nil {
				return err
			}
			if start != 0 || end != records.CountIn(p, a.Partitions, a.Count) {
				return fmt.Errorf("partition %d spans %d..%d", p, start, end)
			}
			for _, offset := range records.OffsetProbes(p, a.Partitions, a.Count) {
				if err := firstAt(c, a, p, offset); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func seekTime(a driverloop.Args) error {
	return consumer(func(c sarama.Consumer, client sarama.Client) error {
		for p := range a.Partitions {
			for _, probe := range records.TimeProbes(p, a.Partitions, a.Count) {
				got, err := client.GetOffset(a.Topic, int32(p), probe.StampMs)
				if err != nil {
					return err
				}
				if got != probe.Offset {
					return fmt.Errorf("partition %d at %d: offset %d, expected %d", p, probe.StampMs, got, probe.Offset)
				}
				if got >= 0 {
					if err := firstAt(c, a, p, got); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

func remove(a driverloop.Args) error {
	return admin(func(c sarama.ClusterAdmin) error {
		err := c.DeleteTopic(a.Topic)
		for end := time.Now().Add(wait); err == nil; {
			var topics map[string]sarama.TopicDetail
			topics, err = c.ListTopics()
			if _, listed := topics[a.Topic]; err == nil && !listed {
				return nil
			}
			if time.Now().After(end) {
				return fmt.Errorf("%s is still listed", a.Topic)
			}
			time.Sleep(100 * time.Millisecond)
		}
		return err
	})
}

func main() {
	driverloop.Serve(driverloop.Version("github.com/IBM/sarama"), &members.Seat{Join: join, Committed: committed, Reset: reset}, map[string]func(driverloop.Args) error{
		"create": create, "describe": describe, "produce": produce, "read": read,
		"seek_offset": seekOffset, "seek_time": seekTime, "delete": remove,
	})
}
