package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Windows as Envoy has them by default, so wide that flow control plays no part.
const (
	window        = 256 << 20
	stalledWindow = 1024
)

type streamPlan struct {
	service int
	stalled bool
}

type conn struct {
	net     net.Conn
	variant variant
	counts  *counts
	streams map[uint32]*stream

	// Guards what writes: the reader acknowledges while others open streams.
	mu     sync.Mutex
	out    *bufio.Writer
	framer *http2.Framer
	// Not yet given back to the server.
	consumed int
	room     sendWindow
}

type stream struct {
	service int
	name    string
	// The beginning of a message whose end has not come.
	partial []byte
}

func dial(command openCommand, index int, plans []streamPlan, counts *counts) (*conn, error) {
	socket, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", command.Port))
	if err != nil {
		return nil, err
	}
	c := &conn{
		net:     socket,
		variant: variants[command.Variant],
		counts:  counts,
		streams: map[uint32]*stream{},
		out:     bufio.NewWriterSize(socket, 4096),
	}
	c.framer = http2.NewFramer(c.out, bufio.NewReaderSize(socket, 8192))
	c.framer.SetReuseFrames()
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.room.open()
	if err := c.begin(command, index, plans); err != nil {
		socket.Close()
		return nil, err
	}
	return c, nil
}

func (c *conn) begin(command openCommand, index int, plans []streamPlan) error {
	streamWindow := uint32(window)
	for i, plan := range plans {
		if plan.stalled {
			streamWindow = stalledWindow
		} else {
			c.streams[streamID(i)] = &stream{service: plan.service, name: serviceName(plan.service)}
		}
	}
	err := c.write(func() error {
		c.out.WriteString(http2.ClientPreface)
		c.framer.WriteSettings(
			http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
			http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		)
		return c.framer.WriteWindowUpdate(0, window-65_535)
	})
	if err != nil {
		return err
	}
	go c.read()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i, plan := range plans {
		id := streamID(i)
		block.Reset()
		for _, field := range c.variant.headers(command.Port) {
			encoder.WriteField(field)
		}
		c.mu.Lock()
		c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true})
		if streamWindow != window && !plan.stalled {
			c.framer.WriteWindowUpdate(id, window-stalledWindow)
		}
		c.mu.Unlock()
		if err := c.subscribe(id, plan.service, node(index, command.EnvoyNode)); err != nil {
			return err
		}
	}
	return c.flush()
}

func streamID(i int) uint32 { return uint32(2*i + 1) }

// subscribe waits for the server's flow control, as a client that has much to say must.
func (c *conn) subscribe(id uint32, service int, node []byte) error {
	for _, frame := range frames(c.variant.subscribe(serviceName(service), node)) {
		if !c.room.take(len(frame), c.flush) {
			return fmt.Errorf("the server ended the connection")
		}
		c.mu.Lock()
		c.framer.WriteData(id, false, frame)
		c.mu.Unlock()
	}
	return nil
}

func (c *conn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Flush()
}

// maxFrame is what a peer takes without having said otherwise.
const maxFrame = 16_384

// frames of a message behind gRPC's five bytes.
func frames(message []byte) [][]byte {
	framed := make([]byte, 5, 5+len(message))
	binary.BigEndian.PutUint32(framed[1:], uint32(len(message)))
	framed = append(framed, message...)
	var all [][]byte
	for len(framed) > maxFrame {
		all = append(all, framed[:maxFrame])
		framed = framed[maxFrame:]
	}
	return append(all, framed)
}

func (c *conn) acknowledge(id uint32, name string, response response) error {
	return c.write(func() error {
		for _, frame := range frames(c.variant.ack(name, response)) {
			c.room.give(-len(frame))
			if err := c.framer.WriteData(id, false, frame); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *conn) close() { c.net.Close() }

// read until the connection ends.
func (c *conn) read() {
	defer c.room.close()
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return
		}
		if err := c.handle(frame); err != nil {
			c.counts.streamEnded(err.Error())
			c.close()
			return
		}
	}
}

func (c *conn) handle(frame http2.Frame) error {
	switch frame := frame.(type) {
	case *http2.DataFrame:
		return c.data(frame)
	case *http2.MetaHeadersFrame:
		if frame.StreamEnded() {
			c.counts.streamEnded(fmt.Sprint(frame.Fields))
		}
	case *http2.RSTStreamFrame:
		c.counts.streamEnded(frame.String())
	case *http2.GoAwayFrame:
		return fmt.Errorf("%v", frame)
	case *http2.WindowUpdateFrame:
		if frame.StreamID == 0 {
			c.room.give(int(frame.Increment))
		}
	case *http2.PingFrame:
		if !frame.IsAck() {
			return c.write(func() error { return c.framer.WritePing(true, frame.Data) })
		}
	case *http2.SettingsFrame:
		if !frame.IsAck() {
			return c.write(func() error { return c.framer.WriteSettingsAck() })
		}
	}
	return nil
}

func (c *conn) data(frame *http2.DataFrame) error {
	s := c.streams[frame.StreamID]
	if s == nil {
		return nil
	}
	rest := frame.Data()
	if len(s.partial) > 0 {
		s.partial = append(s.partial, rest...)
		rest = s.partial
	}
	for len(rest) >= 5 {
		end := 5 + int(binary.BigEndian.Uint32(rest[1:]))
		if len(rest) < end {
			break
		}
		c.counts.received(s.service, end)
		response, err := c.variant.read(rest[5:end])
		if err != nil {
			return err
		}
		if err := c.acknowledge(frame.StreamID, s.name, response); err != nil {
			return err
		}
		rest = rest[end:]
	}
	s.partial = append(s.partial[:0], rest...)
	if len(rest) == 0 {
		s.partial = nil
	}
	c.consumed += len(frame.Data())
	return c.giveBack()
}

// giveBack opens the connection's window again; no stream receives enough to close its own.
func (c *conn) giveBack() error {
	if c.consumed < window/4 {
		return nil
	}
	back := uint32(c.consumed)
	c.consumed = 0
	return c.write(func() error { return c.framer.WriteWindowUpdate(0, back) })
}

func (c *conn) write(frames func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := frames(); err != nil {
		return err
	}
	return c.out.Flush()
}
