package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"millrace/clients/members"
	"millrace/clients/records"
)

// sarama reads in goroutines of its own; a poll only waits.
type member struct {
	how     members.How
	diary   *members.Diary
	group   sarama.ConsumerGroup
	cancel  context.CancelFunc
	ended   chan struct{}
	lock    sync.Mutex
	session sarama.ConsumerGroupSession
}

var strategies = map[string]func() sarama.BalanceStrategy{
	"range": sarama.NewBalanceStrategyRange, "roundrobin": sarama.NewBalanceStrategyRoundRobin, "sticky": sarama.NewBalanceStrategySticky,
}

func join(how members.How, diary *members.Diary) (members.Member, error) {
	c := config()
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.Group.Session.Timeout = how.Session
	c.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	c.Consumer.Group.Rebalance.Timeout = how.Session
	c.Consumer.Group.Rebalance.Retry.Backoff = 100 * time.Millisecond
	if how.Assignor != "-" {
		c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategies[how.Assignor]()}
	}
	if how.Instance != "-" {
		c.Consumer.Group.InstanceId = how.Instance
	}
	group, err := sarama.NewConsumerGroup(bootstrap, how.Group, c)
	if err != nil {
		return nil, err
	}
	m := &member{how: how, diary: diary, group: group, ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	go m.consume(ctx)
	return m, nil
}

func (m *member) consume(ctx context.Context) {
	defer close(m.ended)
	go func() {
		for range m.group.Errors() { // the session ends on what matters, and Consume says so
		}
	}()
	for ctx.Err() == nil {
		if err := m.group.Consume(ctx, []string{m.how.Topic}, m); err != nil {
			if errors.Is(err, sarama.ErrClosedConsumerGroup) {
				return
			}
			time.Sleep(100 * time.Millisecond) // without a broker it is for the application to try again
		}
	}
}

func (m *member) Setup(s sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	m.session = s
	m.lock.Unlock()
	m.diary.Assigned(s.Claims()[m.how.Topic])
	return nil
}

func (m *member) Cleanup(s sarama.ConsumerGroupSession) error {
	s.Commit()
	m.lock.Lock()
	m.session = nil
	m.lock.Unlock()
	m.diary.Revoked(s.Claims()[m.how.Topic])
	return nil
}

func (m *member) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case r, more := <-claim.Messages():
			if !more {
				return nil
			}
			p := int64(r.Partition)
			where := fmt.Sprintf("%s-%d@%d", m.how.Topic, p, r.Offset)
			if err := records.Check(m.how.Flavor, r.Offset*m.how.Partitions+p, from(r), r.Timestamp.UnixMilli(), where); err != nil {
				m.diary.Fail(err)
			}
			m.diary.Read(p, r.Offset)
			s.MarkMessage(r, "")
		case <-s.Context().Done():
			return nil
		}
	}
}

func (m *member) Poll(long time.Duration) error {
	time.Sleep(long)
	return nil
}

func (m *member) Commit() error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.session != nil {
		m.session.Commit()
	}
	return nil
}

func (m *member) Leave() error {
	m.cancel()
	<-m.ended
	return m.group.Close()
}

func committed(group, topic string, partitions int64) ([]int64, error) {
	offsets := make([]int64, partitions)
	return offsets, admin(func(c sarama.ClusterAdmin) error {
		asked := map[string][]int32{topic: {}}
		for p := range offsets {
			asked[topic] = append(asked[topic], int32(p))
		}
		got, err := c.ListConsumerGroupOffsets(group, asked)
		if err != nil {
			return err
		}
		for p := range offsets {
			block := got.GetBlock(topic, int32(p))
			if block == nil || block.Err != sarama.ErrNoError {
				return fmt.Errorf("committed offset of partition %d: %+v", p, block)
			}
			offsets[p] = block.Offset
		}
		return nil
	})
}

func reset(group, topic string, partitions, stampMs int64) error {
	how := config()
	how.Consumer.Offsets.AutoCommit.Enable = false
	c, err := sarama.NewClient(bootstrap, how)
	if err != nil {
		return err
	}
	defer c.Close()
	manager, err := sarama.NewOffsetManagerFromClient(group, c)
	if err != nil {
		return err
	}
	defer manager.Close()
	for p := range int32(partitions) {
		offset, err := c.GetOffset(topic, p, stampMs)
		if err != nil {
			return err
		}
		of, err := manager.ManagePartition(topic, p)
		if err != nil {
			return err
		}
		defer of.AsyncClose() // the manager, closed after it, lets it go
		of.ResetOffset(offset, "")
	}
	manager.Commit()
	return nil
}
