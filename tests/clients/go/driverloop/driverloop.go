// Package driverloop speaks the line protocol of ../python/driver_loop.py.
package driverloop

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"millrace/clients/members"
)

// Args are the fields of one command; those a command lacks stay zero.
type Args struct {
	Topic             string
	Partitions, Count int64
	Flavor, Codec     string
	Idempotent        bool
}

// Version is the version of a module that this program was built with, without the leading v.
func Version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		if dep.Path == module {
			return strings.TrimPrefix(dep.Version, "v")
		}
	}
	return "unknown"
}

func Serve(version string, seat *members.Seat, commands map[string]func(Args) error) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		if words[0] == "version" {
			fmt.Println("ok", version)
			continue
		}
		words = append(words, make([]string, 8)...)
		a := Args{Topic: words[1], Flavor: words[4], Codec: words[5], Idempotent: words[6] == "1"}
		a.Partitions, _ = strconv.ParseInt(words[2], 10, 64)
		a.Count, _ = strconv.ParseInt(words[3], 10, 64)
		said, mine, err := seat.Answer(words)
		if run, known := commands[words[0]]; known {
			err = run(a)
		} else if !mine {
			err = fmt.Errorf("unknown command %s", words[0])
		}
		if err != nil {
			fmt.Println("fail", strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("ok", said)
		}
	}
}
