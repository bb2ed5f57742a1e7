package main

import (
	"fmt"
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

func serviceName(service int) string { return fmt.Sprintf("shop/service-%d:http", service) }

// response is what an acknowledgement needs of it.
type response struct {
	version string
	nonce   string
}

// variant is one of the two protocols, by hand: its few fields are all that the client needs.
type variant struct {
	method string
	// Field numbers of the request.
	node, names, typeURL, nonce protowire.Number
	// Of the version in a request; 0 where there is none.
	version protowire.Number
	// Whether an acknowledgement names the resources again.
	repeatsNames bool
}

var variants = map[string]variant{
	"sotw":  {method: "StreamEndpoints", node: 2, names: 3, typeURL: 4, nonce: 5, version: 1, repeatsNames: true},
	"delta": {method: "DeltaEndpoints", node: 1, names: 3, typeURL: 2, nonce: 6},
}

func (v variant) headers(port int) []hpack.HeaderField {
	return []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: "/envoy.service.endpoint.v3.EndpointDiscoveryService/" + v.method},
		{Name: ":authority", Value: fmt.Sprintf("127.0.0.1:%d", port)},
		{Name: "content-type", Value: "application/grpc"},
		{Name: "te", Value: "trailers"},
	}
}

func (v variant) subscribe(name string, node []byte) []byte {
	message := protowire.AppendTag(nil, v.node, protowire.BytesType)
	message = protowire.AppendBytes(message, node)
	message = appendString(message, v.names, name)
	return appendString(message, v.typeURL, resource.EndpointType)
}

func (v variant) ack(name string, r response) []byte {
	var message []byte
	if v.version != 0 {
		message = appendString(message, v.version, r.version)
	}
	if v.repeatsNames {
		message = appendString(message, v.names, name)
	}
	message = appendString(message, v.typeURL, resource.EndpointType)
	return appendString(message, v.nonce, r.nonce)
}

// read takes version and nonce, whose fields have the same numbers in both protocols' responses.
func (v variant) read(message []byte) (response, error) {
	var r response
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return r, protowire.ParseError(n)
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(number, kind, message)
		if size < 0 {
			return r, protowire.ParseError(size)
		}
		if kind == protowire.BytesType && (number == 1 || number == 5) {
			value, _ := protowire.ConsumeBytes(message)
			if number == 1 {
				r.version = string(value)
			} else {
				r.nonce = string(value)
			}
		}
		message = message[size:]
	}
	if r.nonce == "" {
		return r, fmt.Errorf("a response without nonce")
	}
	return r, nil
}

func appendString(message []byte, number protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(message, number, protowire.BytesType), value)
}

// node is who a connection says it is. An Envoy also lists all its extensions, 46 kB in each stream's first message.
func node(index int, asLongAsEnvoys bool) []byte {
	n := &core.Node{
		Id:            fmt.Sprintf("proxy-%d", index),
		Cluster:       "bench",
		Locality:      &core.Locality{Zone: "zone-a"},
		UserAgentName: "bench",
	}
	for i := 0; asLongAsEnvoys && i < 440; i++ {
		n.Extensions = append(n.Extensions, &core.Extension{
			Name:     fmt.Sprintf("envoy.filters.http.bench_extension_%d", i),
			Category: "envoy.filters.http",
			TypeUrls: []string{"envoy.extensions.filters.http." + strings.Repeat("x", 20)},
		})
	}
	bytes, err := proto.Marshal(n)
	if err != nil {
		panic(err)
	}
	return bytes
}
