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
	if err := c.begin(command, index, plans); err != nil {
		socket.Close()
		return nil, err
	}
	go c.read()
	return c, nil
}

func (c *conn) begin(command openCommand, index int, plans []streamPlan) error {
	streamWindow := uint32(window)
	for _, plan := range plans {
		if plan.stalled {
			streamWindow = stalledWindow
		}
	}
	c.out.WriteString(http2.ClientPreface)
	c.framer.WriteSettings(
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
	)
	c.framer.WriteWindowUpdate(0, window-65_535)
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i, plan := range plans {
		id := uint32(2*i + 1)
		s := &stream{service: plan.service, name: serviceName(plan.service)}
		if !plan.stalled {
			c.streams[id] = s
		}
		block.Reset()
		for _, field := range c.variant.headers(command.Port) {
			encoder.WriteField(field)
		}
		c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true})
		if streamWindow != window && !plan.stalled {
			c.framer.WriteWindowUpdate(id, window-stalledWindow)
		}
		c.writeMessage(id, c.variant.subscribe(s.name, node(index, command.EnvoyNode)))
	}
	return c.out.Flush()
}

// maxFrame is what a peer takes without having said otherwise.
const maxFrame = 16_384

// writeMessage never waits for the server's flow control: requests are few and short.
func (c *conn) writeMessage(id uint32, message []byte) {
	framed := make([]byte, 5, 5+len(message))
	binary.BigEndian.PutUint32(framed[1:], uint32(len(message)))
	framed = append(framed, message...)
	for len(framed) > maxFrame {
		c.framer.WriteData(id, false, framed[:maxFrame])
		framed = framed[maxFrame:]
	}
	c.framer.WriteData(id, false, framed)
}

func (c *conn) close() { c.net.Close() }

// read until the connection ends.
func (c *conn) read() {
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
		id := frame.StreamID
		err = c.write(func() error { c.writeMessage(id, c.variant.ack(s.name, response)); return nil })
		if err != nil {
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
