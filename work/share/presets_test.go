package share

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

func TestPresetByName(t *testing.T) {
	names := []string{"strict", "ckpool", "datum", "public-pool", "btcpool", "miningcore", "node-stratum-pool", "sri"}
	for i, p := range Presets() {
		require.Equal(t, names[i], p.String())
		same, err := PresetByName(names[i])
		require.NoError(t, err)
		require.Equal(t, p, same)
	}
	require.Len(t, Presets(), len(names))
	_, err := PresetByName("slush")
	require.ErrorContains(t, err, "slush")
	for _, name := range names {
		require.ErrorContains(t, err, name)
	}
	strict := Strict()
	strict.Name = ""
	require.Equal(t, Policy{}, strict)
}

// defect is one thing wrong with a share, with the session or with the job, and what a pool says to it.
type defect struct {
	name string
	kind string // of two of a kind only one can be wrong at a time
	word Word
	said string

	text   func(*Text)
	sub    func(*Submission)
	job    func(*work.Job)
	before func(*testSession) // the job is sent
	after  func(*testSession)
	twice  bool // the share is submitted before
}

// says returns d in the words of a pool.
func (d defect) says(said string) defect {
	d.said = said
	return d
}

// as returns d where a pool calls it by another word.
func (d defect) as(word Word) defect {
	d.word = word
	return d
}

// The defects. A share of the rig that has none of them is accepted under every preset.
var (
	unsubscribed   = defect{name: "unsubscribed", word: Unauthorized, after: func(s *testSession) { s.subscribed = false }}
	unauthorized   = defect{name: "unauthorized", word: Unauthorized, after: func(s *testSession) { s.Withdraw("worker") }}
	malformed      = defect{name: "malformed", word: Malformed, sub: func(s *Submission) { s.Malformed = "4 fields: want 5 or 6" }}
	noWorkerName   = defect{name: "no worker", kind: "worker", word: Malformed, text: func(t *Text) { t.Worker = "" }}
	otherWorker    = defect{name: "other worker", kind: "worker", word: Unauthorized, text: func(t *Text) { t.Worker = "other" }}
	noJobName      = defect{name: "no job id", kind: "job", word: UnknownJob, text: func(t *Text) { t.JobID = "" }}
	unknownJob     = defect{name: "unknown job", kind: "job", word: UnknownJob, text: func(t *Text) { t.JobID = "2" }}
	staleJob       = defect{name: "stale", kind: "job", word: Stale, after: func(s *testSession) { s.send(testJob("new", 99), true) }}
	oldJob         = defect{name: "old", kind: "job", word: Stale, after: func(s *testSession) { s.now = s.now.Add(161 * time.Second) }}
	extranonceOdd  = defect{name: "extranonce2 odd", kind: "extranonce2", word: BadExtranonce2, text: func(t *Text) { t.Extranonce2 += "0" }}
	extranonceSize = defect{name: "extranonce2 size", kind: "extranonce2", word: BadExtranonce2, text: func(t *Text) { t.Extranonce2 += "00" }}
	extranonceNone = defect{name: "extranonce2 empty", kind: "extranonce2", word: BadExtranonce2, text: func(t *Text) { t.Extranonce2 = "" }}
	bitsMissing    = defect{name: "bits missing", kind: "bits", word: BadVersion, text: func(t *Text) { t.VersionBits, t.HasVersionBits = "", false }}
	bitsOutside    = defect{name: "bits outside", kind: "bits", word: BadVersion, text: func(t *Text) { t.VersionBits = "00000002" }}
	bitsText       = defect{name: "bits text", kind: "bits", word: BadVersion, text: func(t *Text) { t.VersionBits = "0000000z" }}
	bitsUnwanted   = defect{name: "bits unwanted", kind: "bits", word: BadVersion, text: func(t *Text) { t.VersionBits = "00002000" },
		after: func(s *testSession) { s.mask = mask{} }}
	timeText   = defect{name: "ntime text", kind: "time", word: BadNTime, text: func(t *Text) { t.Time = t.Time[1:] }}
	timeHuge   = defect{name: "ntime huge", kind: "time", word: BadNTime, text: func(t *Text) { t.Time = "1" + t.Time }}
	timeEarly  = defect{name: "ntime early", kind: "time", word: BadNTime, job: func(j *work.Job) { j.Time++ }}
	timeBefore = defect{name: "ntime before mintime", kind: "time", word: BadNTime, job: func(j *work.Job) { j.MinTime = j.Time + 1 }}
	timeLate   = defect{name: "ntime late", kind: "time", word: BadNTime, job: func(j *work.Job) { j.Time -= 7300 },
		after: func(s *testSession) { s.now = s.now.Add(-7300 * time.Second) }}
	nonceText  = defect{name: "nonce text", kind: "nonce", word: BadNonce, text: func(t *Text) { t.Nonce = t.Nonce[1:] }}
	nonceHuge  = defect{name: "nonce huge", kind: "nonce", word: BadNonce, text: func(t *Text) { t.Nonce = "1" + t.Nonce }}
	noZeros    = defect{name: "no zeros", kind: "zeros", word: LowDifficulty, text: func(t *Text) { t.Nonce = "00000000" }}
	difficulty = defect{name: "low difficulty", word: LowDifficulty, before: func(s *testSession) {
		s.SetTarget(targetOf(255))
		s.previous = nil
	}}
	duplicate = defect{name: "duplicate", word: Duplicate, twice: true}
)

// rig is a session and a share of genesisJob, with the 32 zero bits that one pool wants, to which the given things are wrong.
func rig(t *testing.T, p Policy, wrong ...defect) Verdict {
	s := newTestSession(t, p)
	require.NoError(t, s.SetExtranonce(genesisExtranonce1(), 8))
	job, text := genesisJob("1"), genesisText("1")
	s.now = time.Unix(int64(job.Time), 0)
	text.VersionBits, text.HasVersionBits = word(0), true
	for _, d := range wrong {
		if d.before != nil {
			d.before(s)
		}
		if d.job != nil {
			d.job(job)
		}
	}
	s.send(job, true)
	twice := false
	for _, d := range wrong {
		if d.after != nil {
			d.after(s)
		}
		if d.text != nil {
			d.text(&text)
		}
		twice = twice || d.twice
	}
	sub := text.Submission(nil)
	sub.Received = s.now
	for _, d := range wrong {
		if d.sub != nil {
			d.sub(&sub)
		}
	}
	v, err := s.Check(&sub)
	if twice && err == nil {
		v, err = s.Check(&sub)
	}
	require.NoError(t, err)
	return v
}

// presetDefects are, for each preset, the things that it refuses, in the order in which it finds them. What is not listed passes.
var presetDefects = map[string][]defect{
	"strict": {
		malformed, unsubscribed, unauthorized, noJobName, unknownJob, extranonceOdd, extranonceSize, extranonceNone, bitsMissing, bitsOutside,
		bitsText, bitsUnwanted, timeText, timeHuge, nonceText, nonceHuge, staleJob, timeEarly, timeBefore, timeLate, difficulty, duplicate,
	},
	"ckpool": {
		unsubscribed, unauthorized, malformed.says("Invalid array size"), noWorkerName.says("No username"), noJobName.says("No job_id"),
		extranonceOdd.says("No nonce2"), extranonceNone.says("No nonce2"), timeText.says("No ntime"), timeHuge.says("No ntime"),
		nonceText.says("No nonce"), nonceHuge.says("No nonce"), bitsOutside.says("Invalid version mask"), otherWorker.says("Worker mismatch"),
		unknownJob.says("Invalid JobID"), staleJob.says("Stale"), timeEarly.says("Ntime out of range"), timeLate.says("Ntime out of range"),
		difficulty.says("Above target"), duplicate.says("Duplicate"),
	},
	"datum": {
		malformed.says("unknown-work"), noJobName.says("unknown-work"), unknownJob.says("unknown-work"), bitsMissing.says("bad-version"),
		bitsOutside.says("bad-version"), extranonceOdd.says("unknown-work"), extranonceSize.says("unknown-work"),
		extranonceNone.says("unknown-work"), noZeros.says("H-not-zero"), staleJob.says("stale-prevblk"), timeEarly.says("time-too-old"),
		timeBefore.says("time-too-old"), timeLate.says("time-too-new"), difficulty.says("high-hash"), oldJob.says("stale-work"),
		duplicate.says("duplicate"),
	},
	"public-pool": {
		unsubscribed, unauthorized, malformed.says("Mining Submit validation error"), duplicate.says("Duplicate share"),
		noJobName.says("Job not found"), unknownJob.says("Job not found"), staleJob.says("Job not found").as(UnknownJob), timeHuge, nonceHuge,
		difficulty.says("Difficulty too low"),
	},
	"btcpool": {
		unauthorized.says("Unauthorized worker"), unsubscribed.says("Unauthorized worker"), malformed.says("Illegal params"),
		noJobName.says("Job not found"), unknownJob.says("Job not found"), duplicate.says("Duplicate share"), staleJob.says("Stale share"),
		timeEarly.says("Time too old"), timeBefore.says("Time too old"), timeLate.says("Time too new"),
		bitsOutside.says("Invalid version mask"), difficulty.says("Low difficulty"),
	},
	"miningcore": {
		unauthorized.says("unauthorized worker"), unsubscribed.says("not subscribed"), malformed.says("invalid params"), bitsMissing,
		noWorkerName.says("missing or invalid workername"), noJobName.says("job not found"), unknownJob.says("job not found"), extranonceNone,
		timeText.says("incorrect size of ntime"), timeHuge.says("incorrect size of ntime"), timeEarly.says("ntime out of range"),
		timeLate.says("ntime out of range"), nonceText.says("incorrect size of nonce"), nonceHuge.says("incorrect size of nonce"),
		bitsOutside.says("rolling-version mask violation"), bitsText.says("rolling-version mask violation"),
		duplicate.says("duplicate share"), difficulty.says("low difficulty share"),
	},
	"node-stratum-pool": {
		unauthorized.says("unauthorized worker"), unsubscribed.says("not subscribed"), malformed,
		extranonceOdd.says("incorrect size of extranonce2"), extranonceSize.says("incorrect size of extranonce2"),
		extranonceNone.says("incorrect size of extranonce2"), noJobName.says("job not found"), unknownJob.says("job not found"),
		staleJob.says("job not found").as(UnknownJob), timeText.says("incorrect size of ntime"), timeHuge.says("incorrect size of ntime"),
		timeEarly.says("ntime out of range"), timeLate.says("ntime out of range"), nonceText.says("incorrect size of nonce"),
		nonceHuge.says("incorrect size of nonce"), duplicate.says("duplicate share"), difficulty.says("low difficulty share"),
	},
	"sri": {
		malformed, staleJob.says("stale-share"), noJobName.says("invalid-job-id"), unknownJob.says("invalid-job-id"),
		extranonceOdd.says("bad-extranonce-size"), extranonceSize.says("bad-extranonce-size"), extranonceNone.says("bad-extranonce-size"),
		timeText, timeHuge, nonceText, nonceHuge, timeEarly.says("invalid-share"), timeBefore.says("invalid-share"),
		bitsUnwanted.says("version-rolling-not-allowed"), bitsOutside.says("invalid-non-rollable-version-bit"),
		bitsText.says("invalid-non-rollable-version-bit"), difficulty.says("difficulty-too-low"), duplicate.says("duplicate-share"),
	},
}

// presetPasses are what a preset lets pass though another refuses it. Where the share has another hash then, DATUM still wants zeros of
// it.
var presetPasses = map[string][]defect{
	"strict":            {noWorkerName, otherWorker, oldJob, noZeros},
	"ckpool":            {extranonceSize, bitsMissing, bitsText, bitsUnwanted, timeBefore, oldJob, noZeros},
	"datum":             {unauthorized, noWorkerName, otherWorker, bitsText, bitsUnwanted},
	"public-pool":       {noWorkerName, otherWorker, extranonceOdd, extranonceSize, extranonceNone, bitsMissing, bitsOutside, bitsText, bitsUnwanted, timeText, timeEarly, timeBefore, timeLate, nonceText, oldJob, noZeros},
	"btcpool":           {noWorkerName, otherWorker, extranonceOdd, extranonceSize, extranonceNone, bitsMissing, bitsText, bitsUnwanted, nonceText, nonceHuge, oldJob, noZeros},
	"miningcore":        {otherWorker, extranonceOdd, extranonceSize, bitsUnwanted, timeBefore, staleJob, oldJob, noZeros},
	"node-stratum-pool": {noWorkerName, otherWorker, bitsMissing, bitsOutside, bitsText, bitsUnwanted, timeBefore, oldJob, noZeros},
	"sri":               {unsubscribed, unauthorized, noWorkerName, otherWorker, bitsMissing, timeLate, oldJob, noZeros},
}

// Every word of every pool is reached; of two things that are wrong, the one that the pool looks for first is told; and nothing else
// is refused.
func TestPresetsOrder(t *testing.T) {
	for _, p := range Presets() {
		t.Run(p.Name, func(t *testing.T) {
			require.Equal(t, Accepted, rig(t, p).Word)
			defects := presetDefects[p.Name]
			for i, first := range defects {
				v := rig(t, p, first)
				require.Equal(t, first.word, v.Word, first.name)
				require.Equal(t, first.said, v.Said, first.name)
				require.NotEmpty(t, v.Detail(), first.name)
				for _, second := range defects[i+1:] {
					if first.kind != "" && first.kind == second.kind {
						continue
					}
					for _, both := range [][]defect{{first, second}, {second, first}} {
						v := rig(t, p, both...)
						require.Equal(t, first.word, v.Word, "%s and %s", first.name, second.name)
						require.Equal(t, first.said, v.Said, "%s and %s", first.name, second.name)
					}
				}
			}
			for _, d := range presetPasses[p.Name] {
				v := rig(t, p, d)
				require.Equal(t, Accepted, v.Word, "%s: %s", d.name, v.Detail())
			}
			for _, rule := range p.Rules {
				reached := rule.Check == CheckBlock || slices.ContainsFunc(defects, func(d defect) bool { return d.said == rule.Says })
				require.True(t, reached, "nothing is told %q", rule.Says)
			}
		})
	}
}

// A block is one whatever the policy says of the share; but some pools would have lost it.
func TestPresetsBlocks(t *testing.T) {
	for name, want := range map[string]string{
		"strict":            "stale kept, low difficulty kept, duplicate kept, ntime late kept",
		"ckpool":            "stale kept, low difficulty kept, duplicate kept, ntime late kept",
		"datum":             "stale kept, low difficulty kept, duplicate kept, ntime late kept",
		"public-pool":       "stale lost, low difficulty lost, duplicate lost, ntime late credited",
		"btcpool":           "stale lost, low difficulty kept, duplicate lost, ntime late lost",
		"miningcore":        "stale credited, low difficulty credited, duplicate lost, ntime late lost",
		"node-stratum-pool": "stale lost, low difficulty credited, duplicate lost, ntime late lost",
		"sri":               "stale lost, low difficulty credited, duplicate kept, ntime late credited",
	} {
		p, err := PresetByName(name)
		require.NoError(t, err)
		var got []string
		for _, d := range []defect{staleJob, difficulty, duplicate, timeLate} {
			v := rig(t, p, d, defect{job: func(j *work.Job) { j.Target = targetOf(32) }})
			require.True(t, v.Block)
			fate := "kept"
			switch {
			case v.BlockLost:
				fate = "lost"
			case v.Word == Block:
				fate = "credited"
			}
			require.Equal(t, v.Word == Block, v.Word.Credited())
			got = append(got, d.name+" "+fate)
		}
		require.Equal(t, want, strings.Join(got, ", "), name)
	}
}

// Where no difficulty was seen, nobody knows what a block earns, though it be above every difficulty; and a share that is not judged
// was not lost.
func TestPresetsBlockWithoutDifficulty(t *testing.T) {
	for _, p := range Presets() {
		s := newTestSession(t, withoutZeros(p))
		s.offer, s.previous = nil, nil
		s.send(testJob("1", 1, func(j *work.Job) { j.Target = targetOf(0) }), true)
		text := testText("1")
		sub := text.Submission(nil)
		v, err := s.Check(&sub)
		require.ErrorIs(t, err, ErrNoDifficulty, p.Name)
		require.Equal(t, NotJudged, v.Word)
		require.True(t, v.Block)
		require.False(t, v.BlockLost)
	}
}

// withoutZeros returns the policy without the rule that tests can't afford to meet.
func withoutZeros(p Policy) Policy {
	p.Rules = slices.DeleteFunc(slices.Clone(p.Rules), func(r Rule) bool { return r.Check == CheckZeros })
	return p
}

// One share under two texts: under strict, and wherever a pool makes values of the text first, the second is refused. The presets named
// credit both.
func TestPresetsFrauds(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second func(*Text)
		holes         string
	}{
		{"hex case of the nonce", func(t *Text) { t.Nonce = "0000000a" }, func(t *Text) { t.Nonce = "0000000A" }, "public-pool, miningcore, node-stratum-pool"},
		{"hex case of extranonce2", func(t *Text) { t.Extranonce2 = "00000000000000ab" }, func(t *Text) { t.Extranonce2 = "00000000000000AB" },
			"public-pool, miningcore, node-stratum-pool"},
		{"hex case of ntime", func(t *Text) {}, func(t *Text) { t.Time = strings.ToUpper(t.Time) }, "public-pool, miningcore, node-stratum-pool"},
		{"hex case of version bits", func(t *Text) { t.VersionBits = "0000e000" }, func(t *Text) { t.VersionBits = "0000E000" }, "public-pool"},
		{"leading zero of the nonce", func(*Text) {}, func(t *Text) { t.Nonce = "0" + t.Nonce }, "public-pool"},
		{"leading zero of ntime", func(*Text) {}, func(t *Text) { t.Time = "0" + t.Time }, "public-pool"},
		{"leading zeros of version bits", func(t *Text) { t.VersionBits = "00002000" }, func(t *Text) { t.VersionBits = "2000" }, "public-pool"},
		{"no version bits", func(t *Text) { t.VersionBits = "00000000" }, func(t *Text) { t.VersionBits, t.HasVersionBits = "", false }, "public-pool"},
		{"0x before extranonce2", func(*Text) {}, func(t *Text) { t.Extranonce2 = "0x" + t.Extranonce2 }, "miningcore"},
		{"0x before the nonce", func(t *Text) { t.Nonce = "00000007" }, func(t *Text) { t.Nonce = "0x000007" }, "public-pool"},
		{"space for a zero", func(t *Text) { t.Nonce = "00000007" }, func(t *Text) { t.Nonce = " 0000007" }, "public-pool, miningcore"},
		{"tail of extranonce2, a digit", func(*Text) {}, func(t *Text) { t.Extranonce2 += "0" }, "public-pool, miningcore"},
		{"tail of extranonce2, not hex", func(*Text) {}, func(t *Text) { t.Extranonce2 += "zz" }, "public-pool"},
		{"tail of extranonce2, two that are not hex", func(t *Text) { t.Extranonce2 = "00000000000001zz" }, func(t *Text) { t.Extranonce2 = "00000000000001yy" },
			"public-pool, node-stratum-pool"},
		{"tail of the nonce", func(*Text) {}, func(t *Text) { t.Nonce += "z" }, "public-pool"},
		{"tail of the nonce, two that are not hex", func(t *Text) { t.Nonce = "000001zz" }, func(t *Text) { t.Nonce = "000001yy" }, "public-pool, node-stratum-pool"},
		{"ntime that is none", func(t *Text) { t.Time = "zzzzzzzz" }, func(t *Text) { t.Time = "yyyyyyyy" }, "public-pool, node-stratum-pool"},
		{"arithmetic on what is not hex", func(t *Text) { t.Extranonce2 = "0000000000000010" }, func(t *Text) { t.Extranonce2 = "000000000000000g" }, "miningcore"},
	} {
		var holes []string
		for _, p := range Presets() {
			s := newTestSession(t, withoutZeros(p))
			s.send(testJob("a", 1), true)
			one := s.submit(testText("a", c.first))
			two := s.submit(testText("a", c.first, c.second))
			if one.Word.Credited() && two.Word.Credited() && one.Hash == two.Hash {
				holes = append(holes, p.Name)
			}
		}
		require.Equal(t, c.holes, strings.Join(holes, ", "), c.name)
	}
}

func TestPresetsCKPool(t *testing.T) {
	s := newTestSession(t, CKPool())
	s.SetTarget(targetOf(8))
	job := testJob("1", 1, func(j *work.Job) { j.Version = 0x20002000 })
	s.send(job, true)
	either := meets(targetOf(0))
	v := s.submit(mine(job, testText("1", func(t *Text) { t.VersionBits = "00004000" }), either))
	require.EqualValues(t, 0x20006000, s.version(&v), "ORed, so bits of the job stay")

	v = s.submit(testText("1", func(t *Text) { t.Extranonce2, t.Nonce, t.Time = "a1b2", "0000000500", "00"+t.Time }))
	require.Equal(t, testHeader(job, testExtranonce1, []byte{0xa1, 0xb2, 0, 0, 0, 0, 0, 0}, 0x20002000, testTime, 5), v.Header)
	v = s.submit(testText("1", func(t *Text) { t.Extranonce2 = "0102030405060708090a" }))
	require.Equal(t, testHeader(job, testExtranonce1, []byte{1, 2, 3, 4, 5, 6, 7, 8}, 0x20002000, testTime, 7), v.Header)

	// The difficulty before holds for all jobs sent before the last change, even those sent at an older one.
	job.Version = testVersion
	easy, middle := meets(targetOf(8)), misses(targetOf(8))
	s.SetTarget(targetOf(0))
	s.SetTarget(targetOf(8))
	s.send(testJob("2", 1), false)
	s.SetTarget(targetOf(2))
	s.send(testJob("3", 1), false)
	require.Equal(t, LowDifficulty, s.submit(mine(testJob("2", 1), testText("2"), middle)).Word)
	require.Equal(t, Accepted, s.submit(mine(testJob("2", 1), testText("2"), easy)).Word)
	require.Equal(t, Accepted, s.submit(mine(testJob("3", 1), testText("3", func(t *Text) { t.Extranonce2 = "0000000000000003" }), meets(targetOf(2)))).Word)
	s.SetTarget(targetOf(255))
	require.Equal(t, Accepted, s.submit(mine(testJob("2", 1), testText("2", func(t *Text) { t.Extranonce2 = "0000000000000004" }), meets(targetOf(2)))).Word,
		"sent at 2^8, judged by 2^2")

	// Limits of ntime.
	for ntime, word := range map[int64]Word{testTime - 1: BadNTime, testTime: LowDifficulty, testTime + 7000: LowDifficulty, testTime + 7001: BadNTime} {
		s := newTestSession(t, CKPool())
		s.SetTarget(targetOf(255))
		s.send(testJob("1", 1), true)
		require.Equal(t, word, s.submit(testText("1", func(t *Text) { t.Time = fmt.Sprintf("%08x", ntime) })).Word)
	}
}

// version returns the version of the header.
func (s *testSession) version(v *Verdict) uint32 {
	require.True(s.t, v.Built)
	h := work.ParseHeader(&v.Header)
	return h.Version
}

func TestPresetsDATUM(t *testing.T) {
	s := newTestSession(t, withoutZeros(DATUM()))
	s.send(testJob("1", 1, func(j *work.Job) { j.Version = 0x20002000 }), true)
	v := s.submit(testText("1", func(t *Text) { t.VersionBits = "4000" }))
	require.EqualValues(t, 0x20006000, s.version(&v))
	v = s.submit(testText("1", func(t *Text) { t.VersionBits = "4000"; t.Time = "0x" + t.Time }))
	require.Equal(t, Duplicate, v.Word)
	s.send(testJob("2", 1, func(j *work.Job) { j.Version = 0x20002000 }), false)
	require.Equal(t, Accepted, s.submit(testText("2", func(t *Text) { t.VersionBits = "4000" })).Word, "the same header for another job")
	s.now = s.now.Add(160 * time.Second)
	require.Equal(t, Accepted, s.submit(testText("2")).Word)
	s.now = s.now.Add(time.Second)
	require.Equal(t, Stale, s.submit(testText("2", func(t *Text) { t.Nonce = "00000009" })).Word)
	require.Equal(t, BadNTime, s.submit(testText("2", func(t *Text) { t.Time = word(testTime + 7201) })).Word, "whatever the clock says")
}

func TestPresetsPublicPool(t *testing.T) {
	s := newTestSession(t, PublicPool())
	s.send(testJob("1", 1, func(j *work.Job) { j.Version = 0x20002000 }), true)
	v := s.submit(testText("1", func(t *Text) { t.VersionBits = "80006000" }))
	require.EqualValues(t, uint32(0xa0004000), s.version(&v), "XORed, outside the mask too")

	// A submission for a job it does not know is remembered; no version bits are the text 0.
	require.Equal(t, UnknownJob, s.submit(testText("9")).Word)
	require.Equal(t, Duplicate, s.submit(testText("9")).Word)
	require.Equal(t, Accepted, s.submit(testText("1", func(t *Text) { t.VersionBits, t.HasVersionBits = "", false })).Word)
	require.Equal(t, Duplicate, s.submit(testText("1", func(t *Text) { t.VersionBits = "0" })).Word)
	require.Equal(t, Duplicate, s.submit(testText("1", func(t *Text) { t.VersionBits, t.Nonce = "00", "0000007" })).Word, "the fields run together")

	// The difficulty is that of the moment, in both directions, and clean_jobs without a new block changes nothing.
	s.SetTarget(targetOf(255))
	require.Equal(t, LowDifficulty, s.submit(testText("1", func(t *Text) { t.Nonce = "00000008" })).Word)
	s.SetTarget(targetOf(0))
	s.send(testJob("2", 1), true)
	require.Equal(t, Duplicate, s.submit(testText("1", func(t *Text) { t.Nonce = "00000008" })).Word, "remembered though refused")
	require.Equal(t, Accepted, s.submit(testText("1", func(t *Text) { t.Nonce = "00000009" })).Word)

	// Old jobs are unknown, those of another block at once.
	s.now = s.now.Add(5*time.Minute + time.Second)
	s.send(testJob("3", 1), false)
	require.Equal(t, UnknownJob, s.submit(testText("2")).Word)
	require.Equal(t, Accepted, s.submit(testText("3")).Word)
	s.send(testJob("4", 2), true)
	require.Equal(t, UnknownJob, s.submit(testText("3", func(t *Text) { t.Nonce = "00000010" })).Word)
}

func TestPresetsBTCPool(t *testing.T) {
	s := newTestSession(t, BTCPool())
	job := testJob("1", 1, func(j *work.Job) { j.Version = 0x20002000 })
	s.send(job, true)
	v := s.submit(testText("1", func(t *Text) { t.VersionBits, t.Extranonce2, t.Time = "6000", "000102030405060708", "0" }))
	require.EqualValues(t, 0x20004000, s.version(&v))
	require.Equal(t, testHeader(job, testExtranonce1, []byte{1, 2, 3, 4, 5, 6, 7, 8}, 0x20004000, testTime, 7), v.Header,
		"XORed; a number of 8 bytes; an ntime of 0 is the job's")
	v = s.submit(testText("1", func(t *Text) { t.VersionBits, t.Extranonce2 = "0", "010102030405060708" }))
	require.Equal(t, testHeader(job, testExtranonce1, []byte{255, 255, 255, 255, 255, 255, 255, 255}, 0x20002000, testTime, 7), v.Header,
		"more than 64 bits are all ones")

	// What is refused is remembered too.
	require.Equal(t, BadNTime, s.submit(testText("1", func(t *Text) { t.Time = word(testTime + 601) })).Word)
	require.Equal(t, Duplicate, s.submit(testText("1", func(t *Text) { t.Time = word(testTime + 601) })).Word)
	require.Equal(t, Accepted, s.submit(testText("1", func(t *Text) { t.Time = word(testTime + 600) })).Word)

	// Of the jobs before one with clean_jobs three stay, so that more are unknown, not stale.
	for i := range 6 {
		s.send(testJob(fmt.Sprint("old", i), 1), false)
	}
	require.Equal(t, Accepted, s.submit(testText("old0")).Word)
	s.send(testJob("new", 2), true)
	require.Equal(t, UnknownJob, s.submit(testText("old2")).Word)
	require.Equal(t, Stale, s.submit(testText("old3")).Word)
	s.now = s.now.Add(301 * time.Second)
	require.Equal(t, Accepted, s.submit(testText("new")).Word, "the newest job is known whatever its age")
	s.send(testJob("newer", 2), false)
	require.Equal(t, UnknownJob, s.submit(testText("new")).Word)
}

func TestPresetsTolerance(t *testing.T) {
	target := func(difficulty float64) work.Target { // for targetOf(8) as 1
		n := targetOf(8).Big()
		n.Quo(n.Mul(n, targetOf(8).Big().SetInt64(1000)), targetOf(8).Big().SetInt64(int64(1000*difficulty)))
		target, err := work.TargetFromBig(n)
		require.NoError(t, err)
		return target
	}
	between := func(low, high float64) Text { // a share of that difficulty
		least, most := target(low), target(high)
		return mine(testJob("1", 1), testText("1"), func(h *chainhash.Hash) bool { return least.MetBy(h) && !most.MetBy(h) })
	}
	for _, c := range []struct {
		low, high          float64
		miningcore, nomp   Word
		previous, other    Word // of miningcore and NOMP where the difficulty before was 1, and is 4 now
		strict, ckpoolWord Word
	}{
		{1, 1.01, Accepted, Accepted, Accepted, Accepted, Accepted, Accepted},
		{0.992, 0.998, Accepted, Accepted, Accepted, LowDifficulty, LowDifficulty, LowDifficulty},
		{0.97, 0.988, LowDifficulty, LowDifficulty, LowDifficulty, LowDifficulty, LowDifficulty, LowDifficulty},
	} {
		text := between(c.low, c.high)
		check := func(p Policy, targets ...work.Target) Word {
			s := newTestSession(t, p)
			for _, target := range targets {
				s.SetTarget(target)
			}
			s.send(testJob("1", 1), true)
			return s.submit(text).Word
		}
		require.Equal(t, c.miningcore, check(Miningcore(), target(4), target(1)))
		require.Equal(t, c.nomp, check(NodeStratumPool(), target(4), target(1)))
		require.Equal(t, c.previous, check(Miningcore(), target(1), target(4)))
		require.Equal(t, c.other, check(NodeStratumPool(), target(1), target(4)))
		require.Equal(t, c.strict, check(Policy{}, target(4), target(1)))
		require.Equal(t, c.ckpoolWord, check(CKPool(), target(4), target(1)))
	}
}

func TestPresetsMiningcore(t *testing.T) {
	s := newTestSession(t, Miningcore())
	s.send(testJob("1", 1, func(j *work.Job) { j.Version = 0x20006000 }), true)
	v := s.submit(testText("1", func(t *Text) { t.VersionBits = "00002000" }))
	require.EqualValues(t, 0x20002000, s.version(&v), "replaced, as BIP 310 says")
	require.Equal(t, Duplicate, s.submit(testText("1", func(t *Text) { t.VersionBits = "00004000" })).Word, "its key has no version bits")
	s.mask = mask{}
	v = s.submit(testText("1", func(t *Text) { t.VersionBits, t.Nonce = "ffffffff", "00000008" }))
	require.EqualValues(t, 0x20006000, s.version(&v), "ignored where no mask was granted")

	for i := range 3 {
		s.send(testJob(fmt.Sprint("next", i), byte(2+i)), true)
	}
	require.Equal(t, Accepted, s.submit(testText("1", func(t *Text) { t.Nonce = "00000009" })).Word)
	s.send(testJob("last", 2), true)
	require.Equal(t, UnknownJob, s.submit(testText("1", func(t *Text) { t.Nonce = "0000000a" })).Word)
	s.now = s.now.Add(-7200 * time.Second)
	require.Equal(t, Accepted, s.submit(testText("last")).Word)
	s.now = s.now.Add(-time.Second)
	require.Equal(t, BadNTime, s.submit(testText("last", func(t *Text) { t.Nonce = "0000000b" })).Word, "7200 s after the clock")
}

func TestPresetsNodeStratumPool(t *testing.T) {
	s := newTestSession(t, NodeStratumPool())
	job := testJob("1", 1)
	s.send(job, true)
	v := s.submit(testText("1", func(t *Text) { t.VersionBits = "ffffffff" }))
	require.EqualValues(t, testVersion, s.version(&v))
	v = s.submit(testText("1", func(t *Text) { t.Extranonce2, t.Nonce = "01020304 5060708", "0000010g" }))
	require.Equal(t, testHeader(job, testExtranonce1, []byte{1, 2, 3, 4}, testVersion, testTime, 0x100), v.Header, "the coinbase is shorter")
	v = s.submit(testText("1", func(t *Text) { t.Time = "never..." }))
	require.Equal(t, Accepted, v.Word)
	require.Equal(t, testHeader(job, testExtranonce1, []byte{0, 0, 0, 0, 0, 0, 0, 1}, testVersion, 0, 7), v.Header, "no number is within all limits")
	require.Equal(t, BadNTime, s.submit(testText("1", func(t *Text) { t.Time = t.Time[:7] + "g" })).Word, "seven digits are too early")
}

func TestPresetsSRI(t *testing.T) {
	s := newTestSession(t, SRI())
	s.send(testJob("1", 1, func(j *work.Job) { j.Version = 0x20002001 }), true)
	for bits, version := range map[string]uint32{
		"00000020": 0x20000021, // BIP 323, though BIP 320 was granted
		"20004000": 0x20004001, // bits outside the mask that are the job's
		"00000001": 0x20000001,
		"00000002": 0, "40000000": 0,
	} {
		v := s.submit(testText("1", func(t *Text) { t.VersionBits, t.Extranonce2 = bits, bits+bits }))
		if version == 0 {
			require.Equal(t, BadVersion, v.Word, bits)
			continue
		}
		require.Equal(t, Accepted, v.Word, bits)
		require.Equal(t, version, s.version(&v), bits)
	}
	other := s.v.NewSession()
	require.NoError(t, other.SetExtranonce(testExtranonce1, 8))
	other.SetTarget(targetOf(0))
	job, err := NewJob(testJob("1", 1))
	require.NoError(t, err)
	require.NoError(t, other.AddJob(job, true, s.now))
	text := testText("1", func(t *Text) { t.HasVersionBits = false })
	sub := text.Submission(nil)
	for i, want := range []Word{Accepted, Duplicate} {
		v, err := other.Check(&sub)
		require.NoError(t, err)
		require.Equal(t, want, v.Word, i)
	}
	s.send(testJob("1", 1), false)
	require.Equal(t, Accepted, s.submit(text).Word, "each channel has its own duplicates")
}

// randomText returns a text that is often close to one that stands for something.
func randomText(r *rand.Rand) Text {
	field := func(honest string) string {
		s := honest
		for range r.IntN(4) {
			at := r.IntN(len(s) + 1)
			piece := []string{"", "0", "f", "F", "g", " ", "x", "0x", "-", "+", "_", "\x00", "é", "😀", "\xff", "00000000", "ffffffffffffffffffff", "１"}[r.IntN(18)]
			switch r.IntN(3) {
			case 0:
				s = s[:at] + piece + s[at:]
			case 1:
				s = s[:at] + piece
			default:
				s = s[:at] + piece + s[min(len(s), at+len(piece)):]
			}
		}
		return s
	}
	t := testText("1")
	t.Extranonce2, t.Time, t.Nonce, t.VersionBits = field(t.Extranonce2), field(t.Time), field(t.Nonce), field(t.VersionBits)
	t.HasVersionBits = r.IntN(8) > 0
	if r.IntN(8) == 0 {
		t.JobID, t.Worker = field(t.JobID), field(t.Worker)
	}
	return t
}

// No text makes a preset panic, and batches judge as one by one does. Under strict a text is refused, or stands for the same share as
// the text that every miner would write.
func FuzzPresets(f *testing.F) {
	f.Add("worker", "1", "0000000000000001", word(testTime), "00000007", "00000000", true)
	f.Add("", "", "", "", "", "", false)
	f.Add("worker", "1", "0x0000000000000zz1", "zzzzzzzz", "-7", "2000", true)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		t := randomText(r)
		f.Add(t.Worker, t.JobID, t.Extranonce2, t.Time, t.Nonce, t.VersionBits, t.HasVersionBits)
	}
	f.Fuzz(func(t *testing.T, worker, job, extranonce2, ntime, nonce, bits string, hasBits bool) {
		text := Text{worker, job, extranonce2, ntime, nonce, bits, hasBits}
		if !hasBits {
			text.VersionBits = ""
		}
		for _, p := range Presets() {
			one, two := newTestSession(t, p), newTestSession(t, p)
			sub := text.Submission(nil)
			sub.Received = testNow
			var b Batch
			for range 2 { // before the job, too
				for range 2 {
					v, err := one.Check(&sub)
					b.Add(two.Session, &sub)
					results := b.Judge(nil)
					require.Equal(t, []Result{{v, err}}, results, p.Name)
				}
				one.send(testJob("1", 1), true)
				two.send(testJob("1", 1), true)
			}
		}

		s := newTestSession(t, Policy{})
		s.send(testJob("1", 1), true)
		v := s.submit(text)
		if !v.Built {
			require.True(t, v.Word.Refused())
			return
		}
		sub := text.Submission(nil)
		sub.Text = nil
		canonical := sub.text()
		require.True(t, strings.EqualFold(canonical.Extranonce2+canonical.Time+canonical.Nonce+canonical.VersionBits,
			text.Extranonce2+text.Time+text.Nonce+text.VersionBits))
		again := s.submit(canonical)
		require.Equal(t, v.Header, again.Header)
		if v.Word.Credited() {
			require.Equal(t, Duplicate, again.Word)
		} else {
			require.Equal(t, v.Word, again.Word)
		}
	})
}

// Strict reads no text and allocates nothing, even where there is one.
func TestStrictAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	s := newTestSession(t, Strict())
	s.send(testJob("1", 1), true)
	text := testText("1")
	sub := text.Submission(nil)
	sub.Received = testNow
	s.submit(text)
	for _, change := range []func(){func() {}, func() { sub.Worker = "" }, func() { sub.Faults = FaultNonce }, func() { sub.JobID = "2" }} {
		change()
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = s.Check(&sub) }))
	}
}
