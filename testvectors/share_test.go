package testvectors

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// readTranscript decodes a transcript strictly: no key is unknown, each time has
// six decimals, each line is as a writer without spaces would write it.
func readTranscript(t *testing.T, s *Share) ([]transcriptLine, []time.Time) {
	var lines []transcriptLine
	var times []time.Time
	for text := range bytes.Lines(s.Transcript) {
		var l transcriptLine
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&l))
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, text))
		require.Equal(t, string(text), compact.String()+"\n")
		at, err := time.Parse("2006-01-02T15:04:05.000000Z", l.Time)
		require.NoError(t, err)
		require.Contains(t, []string{"pool", "miner", "touchstone"}, l.From)
		require.NotEmpty(t, l.Session)
		m := &l.Message
		require.Equal(t, l.From == "touchstone", m.Event != "")
		if m.Event != "" {
			require.Contains(t, []string{"open", "close", "gap"}, m.Event)
			require.Equal(t, m.Event == "open", m.Peer != "" && m.Pool != "")
		}
		if l.From == "miner" {
			require.NotEmpty(t, m.Method)
		}
		lines = append(lines, l)
		times = append(times, at)
	}
	return lines, times
}

func TestShares(t *testing.T) {
	all := Shares()
	require.GreaterOrEqual(t, len(all), 90)
	byName := make(map[string]Share)
	for _, s := range all {
		byName[s.Name] = s
	}
	words := make(map[string]int)
	policies := make(map[string]int)
	hashes := make(map[string]bool)
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			lines, times := readTranscript(t, &s)
			judge := strictJudge{connections: map[string]*connection{}, credited: map[[32]byte]bool{}}
			var strict []Judged
			submits := make(map[int]stratumMessage)
			for i := range lines {
				v := judge.take(&lines[i], times[i])
				if v == nil {
					continue
				}
				submits[i+1] = lines[i].Message
				strict = append(strict, Judged{Policy: "strict", Line: i + 1, Word: v.word, Block: v.block})
				if v.hash != [32]byte{} {
					hashes[string(v.hash[:])] = true
				}
			}
			require.NotEmpty(t, submits)
			checkJudged(t, &s, submits, strict)
			checkSaid(t, &s, submits, lines)
			if s.Base != "" {
				from, ok := byName[s.Base]
				require.True(t, ok)
				require.Empty(t, from.Base)
				require.Equal(t, Valid, from.Expect)
				require.NotEqual(t, from.Transcript, s.Transcript)
			}
		})
		for _, j := range s.Judged {
			policies[j.Policy]++
			if j.Policy == "strict" {
				words[j.Word]++
			}
		}
	}
	for _, word := range shareWords {
		require.Positive(t, words[word], word)
	}
	for _, policy := range sharePolicies {
		require.Positive(t, policies[policy], policy)
	}
	t.Logf("%d transcripts, %d headers, strict: %v, judged: %v", len(all), len(hashes), words, policies)

	clone := Shares()
	clone[0].Transcript[0] ^= 1
	clone[0].Judged[0].Word = ""
	require.NotEqual(t, clone[0].Transcript[0], Shares()[0].Transcript[0])
	require.NotEmpty(t, Shares()[0].Judged[0].Word)
}

// checkJudged compares what strict must say, and looks whether the others can be
// meant.
func checkJudged(t *testing.T, s *Share, submits map[int]stratumMessage, strict []Judged) {
	byPolicy := make(map[string][]Judged)
	for _, j := range s.Judged {
		require.Contains(t, submits, j.Line)
		byPolicy[j.Policy] = append(byPolicy[j.Policy], j)
	}
	require.Equal(t, strict, byPolicy["strict"])
	for policy, all := range byPolicy {
		require.Len(t, all, len(submits), policy)
		for i, j := range all {
			require.True(t, i == 0 || all[i-1].Line < j.Line, policy)
			require.False(t, j.Lost && (j.Word == "accepted" || j.Word == "block"), policy)
		}
	}
	if !strings.HasPrefix(s.Name, "share/differ-") {
		return
	}
	require.GreaterOrEqual(t, len(byPolicy), 4)
	differs := len(s.Said) > 0
	for _, all := range byPolicy {
		for i, j := range all {
			differs = differs || j.Word != strict[i].Word
		}
	}
	require.True(t, differs, "all judge alike")
}

// checkSaid compares the pools' words with verdicts, and the source's verdicts
// with replies in the transcript.
func checkSaid(t *testing.T, s *Share, submits map[int]stratumMessage, lines []transcriptLine) {
	refused := make(map[Said]bool)
	for _, j := range s.Judged {
		refused[Said{Policy: j.Policy, Line: j.Line}] = j.Word != "accepted" && j.Word != "block"
	}
	for _, said := range s.Said {
		require.True(t, refused[Said{Policy: said.Policy, Line: said.Line}], "%+v", said)
	}
	for _, v := range s.SourceVerdicts {
		require.Contains(t, submits, v.Line)
		for _, l := range lines[v.Line:] {
			if l.From != "pool" || !bytes.Equal(l.Message.ID, submits[v.Line].ID) {
				continue
			}
			require.Equal(t, v.Accepted, string(l.Message.Result) == "true")
			if !v.Accepted {
				var code [3]any
				require.NoError(t, json.Unmarshal(l.Message.Error, &code))
				require.EqualValues(t, v.Code, code[0])
				require.Equal(t, v.Text, code[1])
			}
			break
		}
	}
}

// TestSharesOfSession holds the one long session against what its source says of
// it.
func TestSharesOfSession(t *testing.T) {
	i := 0
	all := Shares()
	for all[i].Name != "share/btcpool-session" {
		i++
	}
	s := all[i]
	require.Len(t, s.Judged, 56)
	require.Len(t, s.SourceVerdicts, 56)
	words := make(map[string]int)
	for i, v := range s.SourceVerdicts {
		j := s.Judged[i]
		require.Equal(t, v.Line, j.Line)
		if credited := j.Word == "accepted" || j.Word == "block"; v.Accepted {
			require.True(t, credited)
		} else if credited {
			require.Equal(t, "Job not found (=stale)", v.Text)
		}
		words[v.Text]++
	}
	require.Equal(t, map[string]int{"": 20, "Job not found (=stale)": 33, "Duplicate share": 2, "Low difficulty": 1}, words)
}

func TestDecodeShareRefuses(t *testing.T) {
	const good = "source: here\ncomment: why\nexpect: valid\nnetwork: mainnet\nfile: accepted.jsonl\njudged: strict 10 accepted\n"
	decode := func(text string) error {
		v, err := Parse("share/name", []byte(text))
		require.NoError(t, err)
		d := &decoder{v: v, used: make(map[string]bool)}
		decodeShare(d)
		return d.finish()
	}
	require.NoError(t, decode(good))
	require.NoError(t, decode(good+"said: ckpool 10 Above target\nsource-verdict: 10 rejected 23 low\nsource-verdict: 11 accepted\n"))
	for name, line := range map[string]string{
		"unknown key":             "judges: strict 10 accepted",
		"other policy":            "judged: lenient 10 accepted",
		"other word":              "judged: ckpool 10 refused",
		"no word":                 "judged: ckpool 10",
		"line 0":                  "judged: ckpool 0 accepted",
		"line after the last":     "judged: ckpool 9999 accepted",
		"line with zero in front": "judged: ckpool 010 accepted",
		"block twice":             "judged: ckpool 10 block block",
		"lost but no block":       "judged: ckpool 10 stale lost",
		"lost before block":       "judged: ckpool 10 stale lost block",
		"other flag":              "judged: ckpool 10 stale found",
		"two flags":               "judged: ckpool 10 stale block lost lost",
		"nothing said":            "said: ckpool 10",
		"other verdict":           "source-verdict: 10 unsure",
		"no code":                 "source-verdict: 10 rejected low",
		"another refusal first":   "judged: strict 10 stale",
		"base alone":              "base: share/accepted",
		"second file":             "file: block.jsonl",
	} {
		require.Error(t, decode(good+line+"\n"), name)
	}
}
