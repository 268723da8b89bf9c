// A NATS JetStream publisher as its own library does it fastest: nats_load URL COUNT SIZE IN_FLIGHT
// Publishes asynchronously to a file stream, so many at a time unacknowledged; ends when all are acknowledged.
// One JSON line: bytes of payloads, records, seconds, own CPU seconds.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const acknowledgedWithin = 120 * time.Second

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "nats_load:", err)
		os.Exit(1)
	}
}

func cpuSeconds() float64 {
	var used syscall.Rusage
	fail(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(used.Utime) + seconds(used.Stime)
}

func main() {
	if len(os.Args) != 5 {
		fail(fmt.Errorf("usage: nats_load URL COUNT SIZE IN_FLIGHT"))
	}
	var numbers [3]int
	for i := range numbers {
		n, err := strconv.Atoi(os.Args[2+i])
		fail(err)
		numbers[i] = n
	}
	count, size, inFlight := numbers[0], numbers[1], numbers[2]
	link, err := nats.Connect(os.Args[1])
	fail(err)
	failed := 0
	js, err := jetstream.New(link, jetstream.WithPublishAsyncMaxPending(inFlight),
		jetstream.WithPublishAsyncErrHandler(func(jetstream.JetStream, *nats.Msg, error) { failed++ }))
	fail(err)
	_, err = js.CreateOrUpdateStream(context.Background(), jetstream.StreamConfig{Name: "load", Subjects: []string{"load"}, Storage: jetstream.FileStorage})
	fail(err)
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte('a' + i*7%26)
	}
	cpu, began := cpuSeconds(), time.Now()
	for i := 0; i < count; i++ {
		// Beyond IN_FLIGHT it waits for an acknowledgement.
		_, err := js.PublishAsync("load", payload, jetstream.WithStallWait(acknowledgedWithin))
		fail(err)
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(acknowledgedWithin):
		fail(fmt.Errorf("%d messages are not acknowledged", js.PublishAsyncPending()))
	}
	took, used := time.Since(began).Seconds(), cpuSeconds()-cpu
	if failed > 0 {
		fail(fmt.Errorf("%d messages failed", failed))
	}
	fmt.Printf("{\"bytes\":%d,\"records\":%d,\"seconds\":%.4f,\"client_cpu\":%.4f}\n", count*size, count, took, used)
}
