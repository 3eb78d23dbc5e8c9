package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/testvectors"
)

// testProgram is a program in this process, without a terminal or an
// environment.
func testProgram(in io.Reader, out, log io.Writer) *program {
	return &program{
		stdin:     in,
		stderr:    log,
		con:       &console{out: bufio.NewWriter(out), err: log, width: func() int { return 0 }},
		lookupEnv: func(string) (string, bool) { return "", false },
		refused:   func() []*hash.Refusal { return nil },
	}
}

// TestVerifyVectors judges every vector through the command.
func TestVerifyVectors(t *testing.T) {
	verify := func(t *testing.T, stdin []byte, args ...string) (code int, stdout string) {
		t.Helper()
		var out, log bytes.Buffer
		code = testProgram(bytes.NewReader(stdin), &out, &log).run(t.Context(), append([]string{"verify"}, args...))
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("stdout: %.2000s\nstderr: %.2000s", out.String(), log.String())
			}
		})
		return code, out.String()
	}
	for _, r := range testvectors.HeaderRuns() {
		if r.Now != 0 {
			continue // the command does not ask a clock
		}
		t.Run(r.Name, func(t *testing.T) {
			args := []string{"headers", "-", "--network", r.Network}
			if r.Consecutive && r.StartHeight >= 0 {
				args = append(args, "--start-height", fmt.Sprint(r.StartHeight))
				if r.BIP54 {
					args = append(args, "--bip54")
				}
			}
			if !r.Consecutive {
				args = append(args, "--no-links")
			}
			var raw, text []byte
			for _, h := range r.Headers {
				raw = append(raw, h[:]...)
				text = append(text, hex.EncodeToString(h[:])+"\r\n"...)
			}
			for _, input := range [][]byte{raw, text} {
				code, out := verify(t, input, args...)
				if r.Expect == testvectors.Valid {
					require.Equal(t, exitOK, code)
					require.Contains(t, out, "all valid")
					continue
				}
				require.Equal(t, exitInvalid, code)
				require.Contains(t, out, fmt.Sprintf("header %d", r.BadIndex))
				require.Contains(t, out, "is invalid: "+r.Reason)
			}
		})
	}
	for _, b := range append(testvectors.Blocks(), testvectors.InvalidBlocks()...) {
		if b.Raw == nil {
			continue
		}
		t.Run(b.Name, func(t *testing.T) {
			for _, input := range [][]byte{b.Raw, []byte(hex.EncodeToString(b.Raw))} {
				code, out := verify(t, input, "block", "-", "--network", b.Network, "--height", fmt.Sprint(b.Height), "--json")
				switch {
				case b.Expect == testvectors.Valid:
					require.Equal(t, exitOK, code)
					require.Contains(t, out, `"valid":true`)
				case b.Reason == "malformed":
					require.Equal(t, exitCannotJudge, code)
				default:
					require.Equal(t, exitInvalid, code)
					require.Contains(t, out, fmt.Sprintf(`"reason":%q`, b.Reason))
				}
			}
		})
	}
	for _, v := range testvectors.Templates() {
		t.Run(v.Name, func(t *testing.T) {
			for _, input := range [][]byte{v.JSON, []byte(`{"result":` + string(v.JSON) + `,"error":null,"id":1}`)} {
				code, out := verify(t, input, "template", "-", "--json")
				switch {
				case v.Expect == testvectors.Valid:
					require.Equal(t, exitOK, code)
					require.Contains(t, out, fmt.Sprintf(`"height":%d`, v.Height))
				case v.Reason == "malformed":
					require.Equal(t, exitCannotJudge, code)
				default:
					require.Equal(t, exitInvalid, code)
					require.Contains(t, out, fmt.Sprintf(`"reason":%q`, v.Reason))
				}
			}
		})
	}
	for _, n := range testvectors.Nonces() {
		t.Run(n.Name, func(t *testing.T) {
			code, out := verify(t, nil, "header", hex.EncodeToString(n.Header[:]))
			want := exitInvalid
			if n.Network {
				want = exitOK
			}
			require.Equal(t, want, code, out)
		})
	}
}

// A header with any one bit flipped is invalid.
func TestVerifyFlippedBits(t *testing.T) {
	n := testvectors.Nonces()[0]
	var text []byte
	for bit := range 8 * len(n.Header) {
		h := n.Header
		h[bit/8] ^= 1 << (bit % 8)
		text = fmt.Appendf(text, "%x\n", h)
	}
	var out, log bytes.Buffer
	code := testProgram(bytes.NewReader(text), &out, &log).run(t.Context(), []string{"verify", "headers", "--no-links", "-"})
	require.Equal(t, exitInvalid, code)
	require.Contains(t, out.String(), "640 headers: 0 valid, 640 invalid")
}

// The whole of what TOUCHSTONE_DATA holds, which is too big to be embedded.
func TestVerifyData(t *testing.T) {
	data := os.Getenv("TOUCHSTONE_DATA")
	if data == "" {
		t.Skip("TOUCHSTONE_DATA names no folder: its raw blocks are not judged")
	}
	blocks, err := filepath.Glob(filepath.Join(data, "blocks", "*.bin"))
	require.NoError(t, err)
	require.NotEmpty(t, blocks)
	var out, log bytes.Buffer
	code := testProgram(nil, &out, &log).run(t.Context(), append([]string{"verify", "block"}, blocks...))
	require.Equal(t, exitOK, code, "%s%s", &out, &log)
	headers, err := filepath.Glob(filepath.Join(data, "headers-*.bin"))
	require.NoError(t, err)
	require.NotEmpty(t, headers)
	code = testProgram(nil, &out, &log).run(t.Context(), append([]string{"verify", "headers", "--no-links"}, headers...))
	require.Equal(t, exitOK, code, "%s%s", &out, &log)
}

// Memory does not grow with the file: ten times the headers take the same.
func TestVerifyHeadersMemory(t *testing.T) {
	measure := func(headers int, text bool) float64 {
		return testing.AllocsPerRun(2, func() {
			p := testProgram(newHeaderStream(headers, text), io.Discard, io.Discard)
			require.Equal(t, exitOK, p.run(t.Context(), []string{"verify", "headers", "--no-links", "-"}))
		})
	}
	for _, text := range []bool{false, true} {
		few, many := measure(5_000, text), measure(50_000, text)
		// Standard input is read by goroutines, 64 KiB each, with a few words
		// of bookkeeping: nothing per header.
		require.Less(t, many-few, 45_000/100.0, "text %v", text)
	}
}

func BenchmarkVerifyHeaders(b *testing.B) {
	file := filepath.Join(b.TempDir(), "headers.bin")
	f, err := os.Create(file)
	require.NoError(b, err)
	const headers = 500_000
	_, err = io.Copy(f, newHeaderStream(headers, false))
	require.NoError(b, err)
	require.NoError(b, f.Close())
	for _, flags := range [][]string{nil, {"--json"}} {
		b.Run(fmt.Sprintf("flags=%v", flags), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p := testProgram(nil, io.Discard, io.Discard)
				if code := p.run(b.Context(), append([]string{"verify", "headers", "--no-links", file}, flags...)); code != exitOK {
					b.Fatalf("exit code %d", code)
				}
			}
			b.ReportMetric(float64(headers)*float64(b.N)/b.Elapsed().Seconds(), "headers/s")
		})
	}
}

// headerStream repeats a valid header without taking memory for it.
type headerStream struct {
	unit []byte
	left int64
	at   int
}

func newHeaderStream(headers int, text bool) *headerStream {
	h := testvectors.Nonces()[0].Header
	s := &headerStream{unit: h[:]}
	if text {
		s.unit = fmt.Appendf(nil, "%x\n", h)
	}
	s.left = int64(headers) * int64(len(s.unit))
	return s
}

func (s *headerStream) Read(b []byte) (n int, err error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	for n < len(b) && s.left > 0 {
		k := copy(b[n:], s.unit[s.at:min(len(s.unit), s.at+int(min(s.left, 1<<20)))])
		s.at = (s.at + k) % len(s.unit)
		s.left -= int64(k)
		n += k
	}
	return n, nil
}

// Reading in pieces of any size gives the same headers.
func TestHeaderReaderPieces(t *testing.T) {
	run := testvectors.HeaderRuns()[0]
	var raw, text []byte
	for _, h := range run.Headers {
		raw = append(raw, h[:]...)
		text = fmt.Appendf(text, " %X\t\r\n\n# comment\n", h)
	}
	for _, input := range [][]byte{raw, text, append([]byte("\xef\xbb\xbf"), text...)} {
		for range 20 {
			r, err := newHeaderReader(&pieces{input}, false)
			require.NoError(t, err)
			var got [][80]byte
			for err == nil {
				part := make([][80]byte, 1+rand.IntN(100))
				var n int
				n, err = r.Read(part)
				got = append(got, part[:n]...)
			}
			require.Equal(t, io.EOF, err)
			require.Equal(t, run.Headers, got)
		}
	}
}

// pieces is a reader that gives a few bytes at a time.
type pieces struct{ rest []byte }

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), 1+rand.IntN(300))], p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func FuzzHeaderReader(f *testing.F) {
	h := testvectors.Nonces()[0].Header
	f.Add(h[:], false)
	f.Add(fmt.Appendf(nil, "%x\n# a\r\n\n%x", h, h), false)
	f.Add([]byte("\xef\xbb\xbf"), false)
	f.Add([]byte("01"), true)
	f.Fuzz(func(t *testing.T, input []byte, raw bool) {
		r, err := newHeaderReader(bytes.NewReader(input), raw)
		if err != nil {
			require.Empty(t, input)
			return
		}
		var part [3][80]byte
		for {
			n, err := r.Read(part[:])
			require.LessOrEqual(t, n, len(part))
			if err != nil {
				require.Equal(t, err == io.EOF, errors.Is(err, io.EOF))
				break
			}
			require.Equal(t, len(part), n)
		}
		require.LessOrEqual(t, r.read, int64(len(input))/80)
	})
}

func FuzzDecodeHex(f *testing.F) {
	f.Add([]byte("00 ff\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := decodeHex(text)
		if err == nil {
			again, err := decodeHex([]byte(hex.EncodeToString(b)))
			require.NoError(t, err)
			require.Equal(t, b, again)
		}
	})
}
