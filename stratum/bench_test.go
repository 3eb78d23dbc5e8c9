package stratum

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work/share"
)

const (
	submitLine = `{"id":1234,"method":"mining.submit","params":["bc1qxy2kgdygjrsqtzq2n0yrf2493p83kkfjhx0wlh.rig01","6641",` +
		`"17000000ffee0011","685468d7","7552034c","00b44000"]}`
	replyLine = `{"id":1234,"result":true,"error":null}`
)

// standard is a message as one would read it with encoding/json.
type standard struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// submission reads a submission the way one would.
func (m *standard) submission() (share.Submission, error) {
	var p []string
	if err := json.Unmarshal(m.Params, &p); err != nil {
		return share.Submission{}, err
	}
	if len(p) < 5 || len(p) > 6 {
		return share.Submission{}, fmt.Errorf("%d params", len(p))
	}
	t := share.Text{Worker: p[0], JobID: p[1], Extranonce2: p[2], Time: p[3], Nonce: p[4]}
	if len(p) == 6 {
		t.VersionBits, t.HasVersionBits = p[5], true
	}
	return t.Submission(nil), nil
}

// BenchmarkDecode reads a submission and the answer to it: message and typed reading.
func BenchmarkDecode(b *testing.B) {
	b.Run("submit", func(b *testing.B) {
		b.Run("by=touchstone", func(b *testing.B) {
			b.ReportAllocs()
			var m Message
			var s Submit
			line := []byte(submitLine)
			for b.Loop() {
				if err := Decode(line, &m); err != nil {
					b.Fatal(err)
				}
				if m.Submit(&s); s.Submission.Malformed != "" {
					b.Fatal(s.Submission.Malformed)
				}
			}
		})
		b.Run("by=encoding/json", func(b *testing.B) {
			b.ReportAllocs()
			line := []byte(submitLine)
			for b.Loop() {
				var m standard
				if err := json.Unmarshal(line, &m); err != nil {
					b.Fatal(err)
				}
				if _, err := m.submission(); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("reply", func(b *testing.B) {
		b.Run("by=touchstone", func(b *testing.B) {
			b.ReportAllocs()
			var m Message
			line := []byte(replyLine)
			for b.Loop() {
				if err := Decode(line, &m); err != nil {
					b.Fatal(err)
				}
				if !m.Reply().Accepted {
					b.Fatal("rejected")
				}
			}
		})
		b.Run("by=encoding/json", func(b *testing.B) {
			b.ReportAllocs()
			line := []byte(replyLine)
			for b.Loop() {
				var m standard
				if err := json.Unmarshal(line, &m); err != nil {
					b.Fatal(err)
				}
				if string(m.Result) != "true" {
					b.Fatal("rejected")
				}
			}
		})
	})
}

// BenchmarkTranscript reads a recording of submissions and answers, without judging them.
func BenchmarkTranscript(b *testing.B) {
	var recording bytes.Buffer
	const submits = 20_000
	for range submits {
		fmt.Fprintf(&recording, `{"time":"2026-11-20T14:40:00.123456Z","session":"a1","from":"miner","message":%s}`+"\n", submitLine)
		fmt.Fprintf(&recording, `{"time":"2026-11-20T14:40:00.153456Z","session":"a1","from":"pool","message":%s}`+"\n", replyLine)
	}
	b.Run("by=touchstone", func(b *testing.B) {
		b.ReportAllocs()
		h := new(counter)
		for b.Loop() {
			t, o := NewTranscript(bytes.NewReader(recording.Bytes())), NewOnlooker()
			for {
				line, err := t.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					b.Fatal(err)
				}
				if err := o.Observe(line.From, line.Bytes(), line.Time, h); err != nil {
					b.Fatal(err)
				}
			}
		}
		require.Equal(b, h.submitted, h.replied)
		b.ReportMetric(float64(h.submitted)/b.Elapsed().Seconds(), "submits/s")
	})
	b.Run("by=encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		submitted, replied := 0, 0
		for b.Loop() {
			lines := bufio.NewScanner(bytes.NewReader(recording.Bytes()))
			outstanding := map[string]int{}
			for lines.Scan() {
				var line struct {
					Time    string          `json:"time"`
					Session string          `json:"session"`
					From    string          `json:"from"`
					Message json.RawMessage `json:"message"`
				}
				if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
					b.Fatal(err)
				}
				var m standard
				if err := json.Unmarshal(line.Message, &m); err != nil {
					b.Fatal(err)
				}
				switch {
				case m.Method == MethodSubmit:
					if _, err := m.submission(); err != nil {
						b.Fatal(err)
					}
					outstanding[string(m.ID)] = submitted
					submitted++
				case string(m.Result) == "true":
					delete(outstanding, string(m.ID))
					replied++
				}
			}
		}
		require.Equal(b, submitted, replied)
		b.ReportMetric(float64(submitted)/b.Elapsed().Seconds(), "submits/s")
	})
}

// counter is a Handler that counts.
type counter struct {
	submitted, replied, forgotten, assumed int
}

func (c *counter) Submitted(*Submit)     { c.submitted++ }
func (c *counter) Replied(uint64, Reply) { c.replied++ }
func (c *counter) Forgotten(uint64)      { c.forgotten++ }
func (c *counter) Assumed(string)        { c.assumed++ }
