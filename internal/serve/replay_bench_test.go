package serve

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// BenchmarkReplay judges a recording of jobs with 12 branches and a coinbase of 250 bytes in turn with what one would write with
// encoding/json: each line read into structs, the same judging in the same batches. x_json is the median of how many times as fast
// it was, recording by recording. lines makes the line of JSON for each share, too, which the other does not. An op is a share of
// each.
func BenchmarkReplay(b *testing.B) {
	const submits = 20_000
	text, err := io.ReadAll(newStream(streamOptions{submits: submits, sessions: 10, branches: 12}))
	require.NoError(b, err)
	for _, way := range []string{"verdicts", "lines"} {
		b.Run(way, func(b *testing.B) {
			var line []byte
			var config ReplayConfig
			if way == "lines" {
				config.OnShare = func(s *ShareReport) error {
					line = s.AppendJSON(line[:0])
					return nil
				}
			}
			var rates, theirs, ratios []float64
			time1 := func(judge func() (credited int64)) float64 {
				start := time.Now()
				credited := judge()
				seconds := time.Since(start).Seconds()
				require.Greater(b, credited, int64(submits*9/10))
				return seconds
			}
			for n := 0; n < b.N || n == 0; n += submits {
				ours := time1(func() int64 {
					r := NewReplay(config)
					require.NoError(b, r.Recording(b.Context(), "a", bytes.NewReader(text)))
					return r.Summary().Credited
				})
				json := time1(func() int64 { return new(jsonReplay).read(b, bytes.NewReader(text)) })
				rates, theirs, ratios = append(rates, submits/ours), append(theirs, submits/json), append(ratios, json/ours)
			}
			for _, x := range [][]float64{rates, theirs, ratios} {
				slices.Sort(x)
			}
			b.ReportMetric(ratios[len(ratios)/2], "x_json")
			b.ReportMetric(rates[len(rates)/2], "shares/s")
			b.ReportMetric(theirs[len(theirs)/2], "json-shares/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// jsonReplay is what one would write with encoding/json.
type jsonReplay struct {
	validator *share.Validator
	sessions  map[string]*jsonSession
	batch     share.Batch
	results   []share.Result
	credited  int64
}

type jsonSession struct {
	*share.Session
	methods map[string]string // by id
}

// read judges a recording and returns how many shares are credited.
func (r *jsonReplay) read(b *testing.B, in io.Reader) int64 {
	r.validator = share.NewValidator(share.Options{})
	r.sessions = map[string]*jsonSession{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l struct {
			Time    time.Time `json:"time"`
			Session string    `json:"session"`
			From    string    `json:"from"`
			Message struct {
				ID     json.RawMessage   `json:"id"`
				Method string            `json:"method"`
				Params []json.RawMessage `json:"params"`
				Result json.RawMessage   `json:"result"`
				Error  json.RawMessage   `json:"error"`
			} `json:"message"`
		}
		require.NoError(b, json.Unmarshal(lines.Bytes(), &l))
		s := r.sessions[l.Session]
		if s == nil {
			s = &jsonSession{r.validator.NewSession(), map[string]string{}}
			r.sessions[l.Session] = s
		}
		id := string(l.Message.ID)
		switch p := l.Message.Params; l.Message.Method {
		case stratum.MethodSubmit:
			var f [6]string
			for i := range min(len(p), len(f)) {
				require.NoError(b, json.Unmarshal(p[i], &f[i]))
			}
			t := share.Text{Worker: f[0], JobID: f[1], Extranonce2: f[2], Time: f[3], Nonce: f[4], VersionBits: f[5], HasVersionBits: len(p) == 6}
			sub := t.Submission(nil)
			sub.Received = l.Time
			r.batch.Add(s.Session, &sub)
			if r.batch.Len() == replayBatch {
				r.judge()
			}
			s.methods[id] = l.Message.Method
		case "":
			if s.methods[id] == stratum.MethodSubscribe {
				var result []json.RawMessage
				var extranonce1 string
				var size int
				require.NoError(b, json.Unmarshal(l.Message.Result, &result))
				require.NoError(b, json.Unmarshal(result[1], &extranonce1))
				require.NoError(b, json.Unmarshal(result[2], &size))
				require.NoError(b, s.SetExtranonce(unhex(b, extranonce1), size))
			}
			if s.methods[id] == stratum.MethodConfigure {
				s.SetMask(work.MaskBIP320)
			}
			delete(s.methods, id)
		case stratum.MethodAuthorize:
			var worker string
			require.NoError(b, json.Unmarshal(p[0], &worker))
			s.Authorize(worker)
		case stratum.MethodSetDifficulty:
			d, err := work.ParseDifficulty(string(p[0]))
			require.NoError(b, err)
			target, err := work.DifficultyTarget(d)
			require.NoError(b, err)
			s.SetTarget(target)
		case stratum.MethodNotify:
			job, err := share.NewJob(jsonJob(b, p))
			require.NoError(b, err)
			require.NoError(b, s.AddJob(job, true, l.Time))
		default:
			s.methods[id] = l.Message.Method
		}
	}
	require.NoError(b, lines.Err())
	r.judge()
	return r.credited
}

func (r *jsonReplay) judge() {
	r.results = r.batch.Judge(r.results[:0])
	for i := range r.results {
		if r.results[i].Verdict.Word.Credited() {
			r.credited++
		}
	}
}

func jsonJob(b *testing.B, p []json.RawMessage) *work.Job {
	var f [9]string
	var branch []string
	for i := range p {
		switch i {
		case 4:
			require.NoError(b, json.Unmarshal(p[i], &branch))
		case 8:
		default:
			require.NoError(b, json.Unmarshal(p[i], &f[i]))
		}
	}
	j := &work.Job{ID: f[0], CoinbasePrefix: unhex(b, f[2]), CoinbaseSuffix: unhex(b, f[3]), Extranonce1Size: 4, Extranonce2Size: 8}
	prev, err := stratum.ParsePrevHash(f[1])
	require.NoError(b, err)
	j.PrevBlock = prev
	for _, h := range branch {
		j.Branch = append(j.Branch, chainhash.Hash(unhex(b, h)))
	}
	var bits uint32
	for text, to := range map[string]*uint32{f[5]: &j.Version, f[6]: &bits, f[7]: &j.Time} {
		_, err := fmt.Sscanf(text, "%08x", to)
		require.NoError(b, err)
	}
	j.Bits = work.Bits(bits)
	j.Target, _, _ = j.Bits.Target()
	return j
}

func unhex(b *testing.B, s string) []byte {
	raw, err := hex.DecodeString(s)
	require.NoError(b, err)
	return raw
}
