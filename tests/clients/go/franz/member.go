package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/clients/members"
	"millrace/clients/records"
)

type member struct {
	how    members.How
	diary  *members.Diary
	client *kgo.Client
}

var balancers = map[string]kgo.GroupBalancer{
	"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(), "sticky": kgo.StickyBalancer(),
	"cooperative-sticky": kgo.CooperativeStickyBalancer(),
}

func stamp() string { return time.Now().Format("15:04:05.000 ") }

func join(how members.How, diary *members.Diary) (members.Member, error) {
	m := &member{how: how, diary: diary}
	opts := []kgo.Opt{
		kgo.ConsumerGroup(how.Group), kgo.ConsumeTopics(how.Topic), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.SessionTimeout(how.Session), kgo.HeartbeatInterval(300 * time.Millisecond),
		kgo.RebalanceTimeout(how.Session), kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelInfo, stamp)),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, got map[string][]int32) { diary.Assigned(got[how.Topic]) }),
		kgo.OnPartitionsRevoked(func(ctx context.Context, c *kgo.Client, gone map[string][]int32) {
			if err := c.CommitUncommittedOffsets(ctx); err != nil {
				diary.Fail(fmt.Errorf("commit on revocation: %w", err))
			}
			diary.Revoked(gone[how.Topic])
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { diary.Revoked(gone[how.Topic]) }),
	}
	if how.Assignor != "-" {
		opts = append(opts, kgo.Balancers(balancers[how.Assignor]))
	}
	if how.Instance != "-" {
		opts = append(opts, kgo.InstanceID(how.Instance))
	}
	var err error
	m.client, err = open(opts...)
	return m, err
}

// A scenario may have its broker down for a while: the client goes on trying, and the scenario says how long reading may take.
func unreachable(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial" || kgo.IsRetryableBrokerErr(err)
}

func (m *member) Poll(long time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	for ctx.Err() == nil {
		fetches := m.client.PollFetches(ctx)
		for _, failed := range fetches.Errors() {
			if !errors.Is(failed.Err, context.DeadlineExceeded) && !unreachable(failed.Err) {
				return failed.Err
			}
		}
		for _, r := range fetches.Records() {
			p := int64(r.Partition)
			where := fmt.Sprintf("%s-%d@%d", m.how.Topic, p, r.Offset)
			if err := records.Check(m.how.Flavor, r.Offset*m.how.Partitions+p, from(r), r.Timestamp.UnixMilli(), where); err != nil {
				return err
			}
			m.diary.Read(p, r.Offset)
		}
		m.client.AllowRebalance()
	}
	return nil
}

func (m *member) Commit() error {
	ctx, cancel := deadline()
	defer cancel()
	return m.client.CommitUncommittedOffsets(ctx)
}

func (m *member) Leave() error {
	err := m.Commit()
	m.client.CloseAllowingRebalance()
	return err
}

func committed(group, topic string, partitions int64) ([]int64, error) {
	offsets := make([]int64, partitions)
	return offsets, admin(func(ctx context.Context, c *kadm.Client) error {
		got, err := c.FetchOffsets(ctx, group)
		for p := range offsets {
			offsets[p] = -1
			if row, known := got.Lookup(topic, int32(p)); known {
				offsets[p] = row.At
			}
		}
		return err
	})
}

func reset(group, topic string, partitions, stampMs int64) error {
	return admin(func(ctx context.Context, c *kadm.Client) error {
		found, err := c.ListOffsetsAfterMilli(ctx, stampMs, topic)
		if err == nil {
			err = found.Error()
		}
		if err != nil {
			return err
		}
		return c.CommitAllOffsets(ctx, group, found.Offsets())
	})
}
