// Package members answers the commands of a group member in the line protocol of ../../python/driver_loop.py.
package members

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How a member joins; "-" stands for the client's own choice of assignor, and for no instance id.
type How struct {
	Group, Topic, Flavor, Assignor, Instance string
	Partitions                               int64
	Session                                  time.Duration
}

// Member is what a client's driver provides. Records read and partitions owned are told to the Diary.
type Member interface {
	Poll(time.Duration) error
	Commit() error
	Leave() error
}

// Diary is what happened to a member since its last answer; its methods may be called from any goroutine.
type Diary struct {
	lock       sync.Mutex
	rebalances int
	owned      map[int64]bool
	runs       [][3]int64
	failure    error
}

// Assigned counts a rebalance that gave these partitions, in addition to those owned.
func (d *Diary) Assigned(partitions []int32) {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.rebalances++
	if d.owned == nil {
		d.owned = map[int64]bool{}
	}
	for _, p := range partitions {
		d.owned[int64(p)] = true
	}
}

func (d *Diary) Revoked(partitions []int32) {
	d.lock.Lock()
	defer d.lock.Unlock()
	for _, p := range partitions {
		delete(d.owned, int64(p))
	}
}

func (d *Diary) Read(partition, offset int64) {
	d.lock.Lock()
	defer d.lock.Unlock()
	for i := range d.runs {
		if d.runs[i][0] == partition && d.runs[i][2] == offset {
			d.runs[i][2]++
			return
		}
	}
	d.runs = append(d.runs, [3]int64{partition, offset, offset + 1})
}

// Fail makes the next poll fail with the first error told.
func (d *Diary) Fail(err error) {
	d.lock.Lock()
	defer d.lock.Unlock()
	if d.failure == nil {
		d.failure = err
	}
}

func (d *Diary) answer() (string, error) {
	d.lock.Lock()
	defer d.lock.Unlock()
	var owned []int64
	for p := range d.owned {
		owned = append(owned, p)
	}
	sort.Slice(owned, func(i, j int) bool { return owned[i] < owned[j] })
	runs := "-"
	for i, r := range d.runs {
		if i == 0 {
			runs = ""
		} else {
			runs += ","
		}
		runs += fmt.Sprintf("%d:%d-%d", r[0], r[1], r[2])
	}
	d.runs = nil
	return fmt.Sprintf("%d %s %s", d.rebalances, Listed(owned), runs), d.failure
}

func Listed(numbers []int64) string {
	var said []string
	for _, n := range numbers {
		said = append(said, strconv.FormatInt(n, 10))
	}
	if said == nil {
		return "-"
	}
	return strings.Join(said, ",")
}

// Seat holds the driver's one member.
type Seat struct {
	Join      func(How, *Diary) (Member, error)
	Committed func(group, topic string, partitions int64) ([]int64, error)
	Reset     func(group, topic string, partitions, stampMs int64) error
	member    Member
	diary     *Diary
}

// Answer carries out a command of a member; false: it is none.
func (s *Seat) Answer(words []string) (string, bool, error) {
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(words[i], 10, 64)
		return n
	}
	var err error
	switch {
	case words[0] == "join":
		how := How{words[1], words[2], words[4], words[5], words[6], number(3), time.Duration(number(7)) * time.Millisecond}
		s.diary = &Diary{}
		s.member, err = s.Join(how, s.diary)
		return "", true, err
	case words[0] == "committed":
		offsets, err := s.Committed(words[1], words[2], number(3))
		return Listed(offsets), true, err
	case words[0] == "reset":
		return "", true, s.Reset(words[1], words[2], number(3), number(4))
	case s.member == nil:
		return "", false, nil
	case words[0] == "poll":
		if err := s.member.Poll(time.Duration(number(1)) * time.Millisecond); err != nil {
			return "", true, err
		}
		said, err := s.diary.answer()
		return said, true, err
	case words[0] == "commit":
		return "", true, s.member.Commit()
	case words[0] == "leave":
		err := s.member.Leave()
		s.member = nil
		return "", true, err
	}
	return "", false, nil
}
