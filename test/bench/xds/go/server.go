package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"runtime"
	"runtime/debug"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	endpointservice "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// peer is one of go-control-plane's caches.
type peer interface {
	cache() cache.Cache
	// set replaces all that is served.
	set(assignments map[string]types.Resource) error
	// update replaces one assignment.
	update(name string, assignment *endpoint.ClusterLoadAssignment) error
}

type linear struct{ *cache.LinearCache }

func newLinear() peer {
	return linear{cache.NewLinearCache(resource.EndpointType)}
}

func (l linear) cache() cache.Cache { return l.LinearCache }
func (l linear) set(assignments map[string]types.Resource) error {
	l.SetResources(assignments)
	return nil
}
func (l linear) update(name string, assignment *endpoint.ClusterLoadAssignment) error {
	return l.UpdateResource(name, assignment)
}

// snapshot has one group that all nodes are in: the least that this cache can have to do.
type snapshot struct {
	cache.SnapshotCache
	all     map[string]types.Resource
	version int
}

const group = "all"

type oneGroup struct{}

func (oneGroup) ID(*core.Node) string { return group }

func newSnapshot() peer {
	return &snapshot{SnapshotCache: cache.NewSnapshotCache(false, oneGroup{}, nil)}
}

func (s *snapshot) cache() cache.Cache { return s.SnapshotCache }

func (s *snapshot) set(assignments map[string]types.Resource) error {
	s.all = assignments
	s.version++
	all := make([]types.Resource, 0, len(assignments))
	for _, assignment := range assignments {
		all = append(all, assignment)
	}
	next, err := cache.NewSnapshot(fmt.Sprint(s.version), map[resource.Type][]types.Resource{resource.EndpointType: all})
	if err != nil {
		return err
	}
	return s.SetSnapshot(context.Background(), group, next)
}

func (s *snapshot) update(name string, assignment *endpoint.ClusterLoadAssignment) error {
	s.all[name] = assignment
	return s.set(s.all)
}

type peerServer struct {
	peer    peer
	port    int
	sizes   []int
	flipped []bool
}

// startServer has the settings of our own server, and otherwise those of go-control-plane's example.
func startServer(p peer) *peerServer {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	g := grpc.NewServer(
		grpc.MaxConcurrentStreams(1_000_000),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 30 * time.Second, PermitWithoutStream: true}),
	)
	xds := server.NewServer(context.Background(), p.cache(), nil)
	endpointservice.RegisterEndpointDiscoveryServiceServer(g, xds)
	discovery.RegisterAggregatedDiscoveryServiceServer(g, xds)
	grpc_health_v1.RegisterHealthServer(g, health.NewServer())
	go func() { log.Fatal(g.Serve(listener)) }()
	return &peerServer{peer: p, port: listener.Addr().(*net.TCPAddr).Port}
}

func (s *peerServer) handle(line []byte) (any, error) {
	var command struct {
		Do      string
		Sizes   []int
		Service int
	}
	if err := json.Unmarshal(line, &command); err != nil {
		return nil, err
	}
	switch command.Do {
	case "load":
		s.sizes = command.Sizes
		s.flipped = make([]bool, len(command.Sizes))
		all := map[string]types.Resource{}
		for service := range command.Sizes {
			all[serviceName(service)] = s.assignment(service)
		}
		return map[string]int{"port": s.port}, s.peer.set(all)
	case "flip":
		s.flipped[command.Service] = !s.flipped[command.Service]
		assignment := s.assignment(command.Service)
		at := nowNs()
		return map[string]int64{"atNs": at}, s.peer.update(serviceName(command.Service), assignment)
	case "collect":
		debug.FreeOSMemory()
		debug.FreeOSMemory()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return map[string]any{"detail": fmt.Sprintf("heap %d stacks %d goroutines %d", stats.HeapInuse, stats.StackInuse, runtime.NumGoroutine())}, nil
	}
	return nil, fmt.Errorf("a server does not %q", command.Do)
}

func (s *peerServer) assignment(service int) *endpoint.ClusterLoadAssignment {
	size := s.sizes[service]
	all := make([]*endpoint.LbEndpoint, size)
	weight := uint32(0)
	for i := range all {
		status := core.HealthStatus_HEALTHY
		if i == 0 && s.flipped[service] {
			status = core.HealthStatus_DRAINING
		} else {
			weight += 100
		}
		all[i] = lbEndpoint(fmt.Sprintf("10.%d.%d.%d", service, i/250, i%250+1), status)
	}
	return &endpoint.ClusterLoadAssignment{
		ClusterName: serviceName(service),
		Endpoints: []*endpoint.LocalityLbEndpoints{{
			Locality:            &core.Locality{Zone: "zone-a"},
			LbEndpoints:         all,
			LoadBalancingWeight: wrapperspb.UInt32(weight),
		}},
	}
}

func lbEndpoint(address string, status core.HealthStatus) *endpoint.LbEndpoint {
	return &endpoint.LbEndpoint{
		HostIdentifier: &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{Address: &core.Address{
			Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
				Address:       address,
				PortSpecifier: &core.SocketAddress_PortValue{PortValue: 8080},
			}},
		}}},
		HealthStatus:        status,
		LoadBalancingWeight: wrapperspb.UInt32(100),
	}
}
