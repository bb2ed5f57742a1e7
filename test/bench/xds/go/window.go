package main

import "sync"

// sendWindow is what the server lets a connection send. Only the first messages of streams wait for it: an
// acknowledgement is written by who reads, and would wait for itself; it is short enough not to matter.
type sendWindow struct {
	mu     sync.Mutex
	more   sync.Cond
	left   int
	closed bool
}

const initialSendWindow = 65_535

func (w *sendWindow) open() {
	w.more.L = &w.mu
	w.left = initialSendWindow
}

// take waits, after a call of flush, until there is room; false when the connection has ended.
func (w *sendWindow) take(size int, flush func() error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left < size && !w.closed {
		w.mu.Unlock()
		err := flush()
		w.mu.Lock()
		if err != nil {
			return false
		}
	}
	for w.left < size && !w.closed {
		w.more.Wait()
	}
	w.left -= size
	return !w.closed
}

func (w *sendWindow) give(size int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left += size
	w.more.Broadcast()
}

func (w *sendWindow) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.more.Broadcast()
}
