package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// client holds streams over connections, acknowledges what comes, and says when it came.
//
// It speaks HTTP/2 by frames, without a gRPC library: on one machine it takes its time from the server's, and so it
// should take little.
type client struct {
	conns  []*conn
	counts counts
	health *healthProbe
}

func newClient() *client { return &client{} }

type openCommand struct {
	Port    int
	Variant string
	// Services[i] is asked for on stream i; streams are dealt to connections in turn.
	Services    []int
	Connections int
	// How many of the streams read no more than a kilobyte, the first ones.
	Stalled int
	// Whether each stream begins with as long a node as an Envoy's.
	EnvoyNode bool
}

type opened struct {
	// From the first connection to the last stream's first response.
	ServedMs float64 `json:"servedMs"`
}

func (c *client) handle(line []byte) (any, error) {
	var command struct {
		Do string
		openCommand
		// Of this service; of any if absent.
		Service   *int
		Expect    int
		AtNs      int64
		TimeoutMs int
	}
	if err := json.Unmarshal(line, &command); err != nil {
		return nil, err
	}
	timeout := time.Duration(command.TimeoutMs) * time.Millisecond
	switch command.Do {
	case "open":
		return c.open(command.openCommand, timeout)
	case "close":
		c.close()
		return struct{}{}, nil
	case "arm":
		c.counts.arm(command.Service, command.Expect)
		return struct{}{}, nil
	case "wait":
		return c.counts.wait(command.AtNs, timeout)
	case "received":
		return c.counts.totals(), nil
	case "probe":
		c.health = startHealthProbe(command.Port)
		return struct{}{}, nil
	case "probed":
		return c.health.stop(), nil
	}
	return nil, fmt.Errorf("a client does not %q", command.Do)
}

func (c *client) open(command openCommand, timeout time.Duration) (any, error) {
	c.counts.arm(nil, len(command.Services)-command.Stalled)
	startedNs := nowNs()
	perConn := make([][]streamPlan, command.Connections)
	for i, service := range command.Services {
		at := i % command.Connections
		perConn[at] = append(perConn[at], streamPlan{service: service, stalled: i < command.Stalled})
	}
	errs := make([]error, command.Connections)
	conns := make([]*conn, command.Connections)
	var dialing sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i, plans := range perConn {
		dialing.Go(func() {
			slots <- struct{}{}
			conns[i], errs[i] = dial(command, i, plans, &c.counts)
			<-slots
		})
	}
	dialing.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("connection %d: %w", i, err)
		}
	}
	c.conns = append(c.conns, conns...)
	result, err := c.counts.wait(startedNs, timeout)
	if err != nil {
		return nil, err
	}
	return opened{ServedMs: result.LastMs}, nil
}

func (c *client) close() {
	for _, conn := range c.conns {
		conn.close()
	}
	c.conns = nil
}

// counts is what came, over all streams.
type counts struct {
	mu    sync.Mutex
	total total
	// Whose messages are waited for; of any service if nil.
	service  *int
	expect   int
	receipts []int64
	done     chan struct{}
	// Streams that the server ended, and why the last of them.
	ended  int
	reason string
}

type total struct {
	Messages int `json:"messages"`
	// With gRPC's five in front of each message.
	Bytes int `json:"bytes"`
	// Messages to streams of other services than the one that was waited for.
	Strays int `json:"strays"`
}

func (c *counts) arm(service *int, expect int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.service = service
	c.expect = expect
	c.receipts = make([]int64, 0, expect)
	c.done = make(chan struct{})
	c.ended = 0
	if expect == 0 {
		close(c.done)
	}
}

func (c *counts) received(service, bytes int) {
	at := nowNs()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total.Messages++
	c.total.Bytes += bytes
	if c.service != nil && *c.service != service {
		c.total.Strays++
		return
	}
	c.receipts = append(c.receipts, at)
	if len(c.receipts) == c.expect {
		close(c.done)
	}
}

func (c *counts) streamEnded(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended++
	c.reason = reason
}

func (c *counts) totals() total {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// receipt is when the messages that were waited for came.
type receipt struct {
	P50Ms  float64 `json:"p50Ms"`
	P99Ms  float64 `json:"p99Ms"`
	LastMs float64 `json:"lastMs"`
}

func (c *counts) wait(sinceNs int64, timeout time.Duration) (receipt, error) {
	select {
	case <-c.done:
	case <-time.After(timeout):
		c.mu.Lock()
		defer c.mu.Unlock()
		return receipt{}, fmt.Errorf("%d of %d messages after %v; streams that the server ended: %d %s", len(c.receipts), c.expect, timeout, c.ended, c.reason)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Clone(c.receipts[:c.expect])
	slices.Sort(all)
	at := func(share float64) float64 { return float64(quantile(all, share)-sinceNs) / 1e6 }
	return receipt{P50Ms: at(0.5), P99Ms: at(0.99), LastMs: at(1)}, nil
}

// quantile of what is sorted; the zero value of nothing.
func quantile[T any](sorted []T, share float64) T {
	if len(sorted) == 0 {
		var none T
		return none
	}
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}
