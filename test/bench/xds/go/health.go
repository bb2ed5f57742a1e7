package main

import (
	"context"
	"fmt"
	"log"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const probeEvery = 50 * time.Millisecond

// healthProbe asks for the server's health at a fixed pace, whether the last answer has come or not: a server that
// answers none for a second has twenty that were slow, and not one.
type healthProbe struct {
	conn   *grpc.ClientConn
	ending chan struct{}
	mu     sync.Mutex
	times  []time.Duration
	failed int
	asked  sync.WaitGroup
}

type probed struct {
	Probes int     `json:"probes"`
	Failed int     `json:"failed"`
	P50Ms  float64 `json:"p50Ms"`
	P99Ms  float64 `json:"p99Ms"`
	MaxMs  float64 `json:"maxMs"`
}

func startHealthProbe(port int) *healthProbe {
	conn, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	p := &healthProbe{conn: conn, ending: make(chan struct{})}
	p.ask()
	p.times = nil
	p.asked.Go(p.run)
	return p
}

func (p *healthProbe) run() {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.asked.Go(p.ask)
		case <-p.ending:
			return
		}
	}
}

func (p *healthProbe) ask() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	start := time.Now()
	_, err := grpc_health_v1.NewHealthClient(p.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.times = append(p.times, time.Since(start))
	if err != nil {
		p.failed++
	}
}

func (p *healthProbe) stop() probed {
	close(p.ending)
	p.asked.Wait()
	p.conn.Close()
	slices.Sort(p.times)
	at := func(share float64) float64 { return float64(quantile(p.times, share)) / 1e6 }
	return probed{Probes: len(p.times), Failed: p.failed, P50Ms: at(0.5), P99Ms: at(0.99), MaxMs: at(1)}
}
