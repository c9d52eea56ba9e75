// A Go client as a witness: a command per line of standard input, in JSON, is carried out with the client, and answered with a line.
// What the commands are is told in ../witness.ts. This file holds what the two clients have in common, and none of Kafka.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sort"
	"sync"
	"time"
)

// Bytes are base64 in JSON; null is nil and not empty.
type header struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
}

type record struct {
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Headers   []header `json:"headers"`
	Partition *int32   `json:"partition,omitempty"`
	Timestamp *int64   `json:"timestamp,omitempty"`
}

type readRecord struct {
	record
	Offset int64 `json:"offset"`
}

type place struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

type taken struct {
	Topic string `json:"topic"`
	place
	Value []byte `json:"value"`
}

type group struct {
	State   string      `json:"state"`
	Members []described `json:"members"`
}

type described struct {
	ClientID   string             `json:"clientId"`
	Partitions map[string][]int32 `json:"partitions"`
}

// A command has the fields that it needs.
type command struct {
	ID         int               `json:"id"`
	Do         string            `json:"do"`
	Topic      string            `json:"topic"`
	Topics     []string          `json:"topics"`
	Codec      string            `json:"codec"`
	Idempotent bool              `json:"idempotent"`
	Records    []record          `json:"records"`
	From       map[int32]int64   `json:"from"`
	Until      map[int32]int64   `json:"until"`
	Timestamp  int64             `json:"timestamp"`
	WithinMs   int64             `json:"withinMs"`
	Member     string            `json:"member"`
	Group      string            `json:"group"`
	Assignor   string            `json:"assignor"`
	Instance   string            `json:"instance"`
	Partitions int32             `json:"partitions"`
	Configs    map[string]string `json:"configs"`
	Offsets    map[int32]int64   `json:"offsets"`
}

func (c *command) context() (context.Context, context.CancelFunc) {
	ms := c.WithinMs
	if ms == 0 {
		ms = 20_000
	}
	return context.WithTimeout(context.Background(), time.Duration(ms)*time.Millisecond)
}

type verbs map[string]func(*command) (any, error)

type answer struct {
	ID    int    `json:"id"`
	OK    any    `json:"ok,omitempty"`
	Error string `json:"error,omitempty"`
	Code  *int16 `json:"code,omitempty"`
}

var nothing = map[string]any{}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: witness franz-go|sarama host:port")
		os.Exit(2)
	}
	open := map[string]func(string) (verbs, string, func(error) *int16, error){"franz-go": openFranz, "sarama": openSarama}[os.Args[1]]
	table, module, codeOf, err := open(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	table["hello"] = func(*command) (any, error) {
		names := []string{}
		for name := range table {
			names = append(names, name)
		}
		sort.Strings(names)
		return map[string]any{"client": os.Args[1], "version": versionOf(module), "verbs": names}, nil
	}
	out := json.NewEncoder(os.Stdout)
	var lock sync.Mutex
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		go func() {
			told := carryOut(table, line, codeOf)
			lock.Lock()
			defer lock.Unlock()
			out.Encode(told)
		}()
	}
}

func carryOut(table verbs, line []byte, codeOf func(error) *int16) answer {
	var asked command
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: err.Error()}
	}
	verb := table[asked.Do]
	if verb == nil {
		return answer{ID: asked.ID, Error: "no such verb: " + asked.Do}
	}
	ok, err := verb(&asked)
	if err != nil {
		return answer{ID: asked.ID, Error: err.Error(), Code: codeOf(err)}
	}
	return answer{ID: asked.ID, OK: ok}
}

func versionOf(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return "?"
}

// What a member of a group owns and has taken, told and forgotten when it is polled.
type member struct {
	lock   sync.Mutex
	owned  map[string]map[int32]bool
	taken  []taken
	errors []string
	leave  func() error
}

func newMember() *member {
	return &member{owned: map[string]map[int32]bool{}}
}

func (m *member) own(claims map[string][]int32) {
	m.lock.Lock()
	defer m.lock.Unlock()
	for topic, partitions := range claims {
		if m.owned[topic] == nil {
			m.owned[topic] = map[int32]bool{}
		}
		for _, partition := range partitions {
			m.owned[topic][partition] = true
		}
	}
}

func (m *member) disown(claims map[string][]int32) {
	m.lock.Lock()
	defer m.lock.Unlock()
	for topic, partitions := range claims {
		for _, partition := range partitions {
			delete(m.owned[topic], partition)
		}
	}
}

func (m *member) take(one taken) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.taken = append(m.taken, one)
}

func (m *member) fail(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	if len(m.errors) < 100 {
		m.errors = append(m.errors, err.Error())
	}
}

func (m *member) poll() any {
	m.lock.Lock()
	defer m.lock.Unlock()
	owned := map[string][]int32{}
	for topic, partitions := range m.owned {
		for partition := range partitions {
			owned[topic] = append(owned[topic], partition)
		}
		sort.Slice(owned[topic], func(a, b int) bool { return owned[topic][a] < owned[topic][b] })
	}
	told := map[string]any{"owned": owned, "taken": append([]taken{}, m.taken...), "errors": append([]string{}, m.errors...)}
	m.taken, m.errors = nil, nil
	return told
}

// The members of this process by name, and the verbs that need no client.
type members struct {
	lock sync.Mutex
	all  map[string]*member
}

func newMembers() *members {
	return &members{all: map[string]*member{}}
}

func (m *members) add(name string, one *member) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.all[name] = one
}

func (m *members) of(name string) (*member, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if one := m.all[name]; one != nil {
		return one, nil
	}
	return nil, fmt.Errorf("no member %s", name)
}

func (m *members) verbs(table verbs) {
	table["poll"] = func(c *command) (any, error) {
		one, err := m.of(c.Member)
		if err != nil {
			return nil, err
		}
		return one.poll(), nil
	}
	table["leave"] = func(c *command) (any, error) {
		one, err := m.of(c.Member)
		if err == nil {
			err = one.leave()
		}
		if err != nil {
			return nil, err
		}
		return one.poll(), nil
	}
}

// How far a reader has come in each partition.
type progress struct {
	until map[int32]int64
	next  map[int32]int64
	read  []readRecord
}

func newProgress(c *command) *progress {
	next := map[int32]int64{}
	for partition, offset := range c.From {
		next[partition] = offset
	}
	return &progress{until: c.Until, next: next}
}

func (p *progress) add(one readRecord) {
	if one.Offset >= p.until[*one.Partition] {
		return
	}
	p.read = append(p.read, one)
	p.next[*one.Partition] = one.Offset + 1
}

func (p *progress) isDone() bool {
	for partition, until := range p.until {
		if p.next[partition] < until {
			return false
		}
	}
	return true
}

func (p *progress) answer(err error) (any, error) {
	if !p.isDone() {
		return nil, fmt.Errorf("read %d records and came to %v of %v: %w", len(p.read), p.next, p.until, err)
	}
	return map[string]any{"records": append([]readRecord{}, p.read...)}, nil
}
