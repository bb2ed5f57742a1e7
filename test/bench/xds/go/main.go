// The Go side of `npm run bench -- xds`: the client that measures, and the servers that ours is measured against.
//
//	xds-bench client
//	xds-bench server linear|snapshot
//
// Both are told what to do by lines of JSON on standard input, and answer each with one line on standard output.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	log.SetFlags(0)
	log.SetOutput(os.Stderr)
	switch args := strings.Join(os.Args[1:], " "); args {
	case "client":
		serveCommands(newClient().handle)
	case "server linear":
		serveCommands(startServer(newLinear()).handle)
	case "server snapshot":
		serveCommands(startServer(newSnapshot()).handle)
	default:
		fmt.Fprintln(os.Stderr, "usage: xds-bench client | server linear | server snapshot")
		os.Exit(64)
	}
}

// serveCommands ends with the standard input, so nothing outlives the process that drives it.
func serveCommands(handle func(line []byte) (any, error)) {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		answer, err := handle(in.Bytes())
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		if err := out.Encode(answer); err != nil {
			return
		}
	}
}

// nowNs is the machine's monotonic clock, which all processes share: what one began, another may end.
func nowNs() int64 {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &at); err != nil {
		log.Fatal(err)
	}
	return at.Nano()
}
