package share

import (
	"fmt"
	"strings"
	"time"

	"github.com/touchstone-btc/touchstone/work"
)

// Presets returns the policies that have names: strict first, then those of pools, in the words of their code. Each mirrors one
// version and says what it can't mirror. None of them mirrors these:
//
//   - Pools hold floating-point difficulties against each other, or truncate them; here integers decide, so verdicts differ for
//     hashes within about 2^-52 of a limit.
//   - What a pool knows and the wire doesn't show. A job's mintime is known only from its template, and the job's ntime stands in for
//     it; for the template's curtime it always does. A pool turns to a new block before it says so: onlookers see these shares as
//     accepted.
//   - Job ids are compared as they are. Pools that read them as numbers take other spellings of the same number.
//   - Jobs are forgotten [Forgotten] after their previous block was replaced, where the pool would remember them longer; duplicates
//     are remembered until then, where the pool would forget them sooner.
//   - Submissions of the wrong shape get one text, [Rule.Says] of CheckShape, for all that may be wrong with them.
//   - Bans, rate limits, and what a pool does with a connection after a refusal.
//
// The slice and the policies in it are the caller's.
func Presets() []Policy {
	return []Policy{Strict(), CKPool(), DATUM(), PublicPool(), BTCPool(), Miningcore(), NodeStratumPool(), SRI()}
}

// PresetByName returns the preset of that name, such as "ckpool". The error lists all names.
func PresetByName(name string) (Policy, error) {
	var names []string
	for _, p := range Presets() {
		if p.String() == name {
			return p, nil
		}
		names = append(names, p.String())
	}
	return Policy{}, fmt.Errorf("no policy is named %.40q: want one of %s", name, strings.Join(names, ", "))
}

// Strict returns the zero Policy with its name: the rules that nobody can argue with, decided in the order of [Words].
func Strict() Policy { return Policy{Name: "strict"} }

// CKPool returns the rules of ckpool: golden-guy/ckpool-solo at 3df23a6 (2023-12), src/stratifier.c, parse_submit.
//
// It ORs version bits into the job's version, fills extranonce2 up or cuts it, bounds ntime by the job's, to 7000 seconds after it,
// and holds shares for jobs sent before the difficulty changed against the difficulty before, even where they had a still older
// one. Duplicates are found by the header's hash. Blocks are looked for before all that depends on the job.
//
// Not mirrored: a connection that isn't subscribed is dropped, and one that isn't authorized gets no reply, so there are no words
// for these. Blocks are submitted from 0.999 of the network's difficulty on. Jobs are forgotten when a job is made ten minutes after
// them, here ten minutes after they were sent. Old shares of remote nodes are accepted within their latency. The mask is the pool's
// own (by default that of BIP 320), which it always grants: the granted one stands in for it.
func CKPool() Policy {
	return Policy{
		Name: "ckpool",
		Rules: []Rule{
			{CheckSubscribed, ""},
			{CheckAuthorized, ""},
			{CheckShape, "Invalid array size"},
			{CheckWorkerGiven, "No username"},
			{CheckJobGiven, "No job_id"},
			{CheckExtranonce2, "No nonce2"},
			{CheckTime, "No ntime"},
			{CheckNonce, "No nonce"},
			{CheckVersion, "Invalid version mask"},
			{CheckWorker, "Worker mismatch"},
			{CheckJob, "Invalid JobID"},
			{CheckBlock, ""},
			{CheckStale, "Stale"},
			{CheckTimeFrom, "Ntime out of range"},
			{CheckTimeTo, "Ntime out of range"},
			{CheckDifficulty, "Above target"},
			{CheckDuplicate, "Duplicate"},
		},
		Fields:       LikeCKPool,
		Combine:      Or,
		Mask:         work.MaskBIP320,
		BitsOptional: true,
		TimeFrom:     FromJobTime,
		TimeTo:       AfterJobTime,
		TimeAhead:    7000 * time.Second,
		Difficulty:   ByChange,
		JobAge:       10 * time.Minute,
	}
}

// DATUM returns the rules of OCEAN's gateway: OCEAN-xyz/datum_gateway at dbc3b14 (2026-08), src/datum_stratum.c,
// client_mining_submit, with its default times.
//
// It takes no hash without 32 leading zero bits, so no difficulty below 1; looks for blocks right after that; ORs version bits into
// the job's version; bounds ntime by mintime, and by 7200 seconds after the template's curtime; and refuses shares for jobs older
// than 160 seconds. Duplicates are found by numbers, of one job of one connection. Extranonce2 of the wrong length is unknown-work
// to it.
//
// Not mirrored: its job ids, of 16 characters or 17 after Q and N, of which it reads four, so that it would know no job of another
// pool; the coinbase that it alters for Q jobs, because the onlooker sees it altered. A job's age is counted from when it was sent,
// not made. It looks neither at authorisation nor at the worker's name.
func DATUM() Policy {
	return Policy{
		Name: "datum",
		Rules: []Rule{
			{CheckShape, "unknown-work"},
			{CheckJob, "unknown-work"},
			{CheckVersion, "bad-version"},
			{CheckExtranonce2, "unknown-work"},
			{CheckZeros, "H-not-zero"},
			{CheckBlock, ""},
			{CheckStale, "stale-prevblk"},
			{CheckTimeFrom, "time-too-old"},
			{CheckTimeTo, "time-too-new"},
			{CheckDifficulty, "high-hash"},
			{CheckAge, "stale-work"},
			{CheckDuplicate, "duplicate"},
		},
		Fields:      LikeDATUM,
		Combine:     Or,
		BitsIgnored: IgnoredUngranted,
		TimeTo:      AfterJobTime,
		TimeAhead:   7200 * time.Second,
		Key:         Numbers,
		Scope:       OneJob,
		ShareAge:    160 * time.Second,
	}
}

// PublicPool returns the rules of public-pool: benjamin-wilson/public-pool at b971e9c (2025-04), src/models/StratumV1Client.ts.
//
// It looks for duplicates first, by the text of the fields and even where it doesn't know the job: other letters are another share.
// It bounds neither ntime nor version bits, which it XORs into the job's version, nor any length; shares must reach the difficulty
// that holds when they come. A block is submitted only if nothing was wrong with it. All jobs are gone with a new block, so nothing
// is stale, and after five minutes.
//
// Not mirrored: a connection that submits too early is closed, so there are no words for it; and where ntime or nonce are no number of
// 32 bits an exception ends the matter. The length that it writes into the coinbase is that of the extranonce2 which came; here it is
// the job's, so that an extranonce2 of another length stands for another header. Old jobs go when a job is made, each minute.
func PublicPool() Policy {
	return Policy{
		Name: "public-pool",
		Rules: []Rule{
			{CheckSubscribed, ""},
			{CheckAuthorized, ""},
			{CheckShape, "Mining Submit validation error"},
			{CheckDuplicate, "Duplicate share"},
			{CheckJob, "Job not found"},
			{CheckTime, ""},
			{CheckNonce, ""},
			{CheckDifficulty, "Difficulty too low"},
			{CheckBlock, ""},
		},
		Fields:        LikePublicPool,
		Combine:       Xor,
		BitsUnchecked: true,
		BitsOptional:  true,
		Difficulty:    Current,
		Key:           TextAll,
		Scope:         OneSession, // clean_jobs for a change of difficulty does not clear it, a new block does
		JobAge:        5 * time.Minute,
		JobsOfTip:     true,
	}
}

// BTCPool returns the rules of BTC.com's pool: btccom/btcpool-ABANDONED at 0127a75 (2020-09), src/bitcoin/StratumMinerBitcoin.cc
// and StratumServerBitcoin.cc, with its default times.
//
// It reads all fields as numbers, as many digits as come; looks for duplicates before anything is hashed, by these numbers, so that a
// share refused for its time can't be submitted again; XORs version bits into the job's version; and bounds ntime by mintime, and by
// 600 seconds after the job's ntime. A block is submitted only if nothing else is wrong with it.
//
// Not mirrored: client.reconnect after a submission without authorisation; its job ids, numbers of 8 bits; that a block makes all jobs
// stale at once; merged mining; agents that speak for many miners. The mask is the server's own (by default that of BIP 320): the
// granted one stands in for it. Where the switch for it is on, stale shares are accepted.
func BTCPool() Policy {
	return Policy{
		Name: "btcpool",
		Rules: []Rule{
			{CheckAuthorized, "Unauthorized worker"},
			{CheckSubscribed, "Unauthorized worker"},
			{CheckShape, "Illegal params"},
			{CheckJob, "Job not found"},
			{CheckDuplicate, "Duplicate share"},
			{CheckStale, "Stale share"},
			{CheckTimeFrom, "Time too old"},
			{CheckTimeTo, "Time too new"},
			{CheckVersion, "Invalid version mask"},
			{CheckBlock, ""},
			{CheckDifficulty, "Low difficulty"},
		},
		Fields:        LikeBTCPool,
		Combine:       Xor,
		Mask:          work.MaskBIP320,
		BitsOptional:  true,
		TimeTo:        AfterJobTime,
		TimeAhead:     600 * time.Second,
		Key:           Numbers,
		Scope:         OneJob,
		JobAge:        300 * time.Second,
		JobCount:      256,
		JobCountClean: 4,
	}
}

// Miningcore returns the rules of miningcore: oliverw/miningcore at a553f62 (2023-01), BitcoinPool.cs, BitcoinJobManager.cs and
// BitcoinJob.cs; blackmennewstyle/miningcore at 9f3e675 (2025-02) has the same.
//
// It looks for duplicates by text, without version bits: other letters are another share, and shares that differ in nothing but
// rolled bits are one. 0.99 of the difficulty is enough, or of the one before it, and a block needs neither. Its last four jobs are
// good, whatever block they build on. Ntime is bounded by the template's curtime, and by 7200 seconds after the clock.
//
// Not mirrored: exceptions, where text stands for no number or fields are missing; they are told in the words for the wrong length,
// but missing version bits in none. Submissions without id are refused, and dropped if they waited long. The difficulty before counts
// only where vardiff is on.
func Miningcore() Policy {
	return Policy{
		Name: "miningcore",
		Rules: []Rule{
			{CheckAuthorized, "unauthorized worker"},
			{CheckSubscribed, "not subscribed"},
			{CheckShape, "invalid params"},
			{CheckBitsGiven, ""},
			{CheckWorkerGiven, "missing or invalid workername"},
			{CheckJob, "job not found"},
			{CheckExtranonce2, ""},
			{CheckTime, "incorrect size of ntime"},
			{CheckTimeFrom, "ntime out of range"},
			{CheckTimeTo, "ntime out of range"},
			{CheckNonce, "incorrect size of nonce"},
			{CheckVersion, "rolling-version mask violation"},
			{CheckDuplicate, "duplicate share"},
			{CheckBlock, ""},
			{CheckDifficulty, "low difficulty share"},
		},
		Fields:            LikeMiningcore,
		BitsIgnored:       IgnoredUngranted,
		TimeFrom:          FromJobTime,
		Difficulty:        CurrentOrPrevious,
		Tolerance:         990,
		PreviousTolerance: 990,
		BlocksPass:        true,
		Key:               TextWithoutBits,
		Scope:             OneJob,
		JobCount:          4,
	}
}

// NodeStratumPool returns the rules of node-stratum-pool, which NOMP is built on: zone117x/node-stratum-pool at d1e71da (2024-06),
// lib/stratum.js, lib/jobManager.js and lib/blockTemplate.js.
//
// It looks for duplicates by text: other letters are another share, and so are other characters at the end that are not hex, for the
// header ends before them. It knows no version rolling. 0.99 of the difficulty is enough, or the whole one before it, and a block
// needs neither. All jobs are gone with a new block, so nothing is stale. Ntime is bounded by the template's curtime, and by 7200
// seconds after the clock; one that is no number passes, and counts as 0.
//
// Not mirrored: the achieved difficulty at the end of its words for a low one; Node before version 8, where memory that was not
// cleared follows a field that ends early.
func NodeStratumPool() Policy {
	return Policy{
		Name: "node-stratum-pool",
		Rules: []Rule{
			{CheckAuthorized, "unauthorized worker"},
			{CheckSubscribed, "not subscribed"},
			{CheckShape, ""},
			{CheckExtranonce2, "incorrect size of extranonce2"},
			{CheckJob, "job not found"},
			{CheckTime, "incorrect size of ntime"},
			{CheckTimeFrom, "ntime out of range"},
			{CheckTimeTo, "ntime out of range"},
			{CheckNonce, "incorrect size of nonce"},
			{CheckDuplicate, "duplicate share"},
			{CheckBlock, ""},
			{CheckDifficulty, "low difficulty share"},
		},
		Fields:      LikeNodeStratumPool,
		BitsIgnored: IgnoredEverywhere,
		TimeFrom:    FromJobTime,
		Difficulty:  CurrentOrPrevious,
		Tolerance:   990,
		BlocksPass:  true,
		Key:         TextWithoutBits,
		Scope:       OneJob,
		JobsOfTip:   true,
	}
}

// SRI returns the rules of the Stratum V2 reference implementation: stratum-mining/stratum at 2680220 (2026-08), channels_sv2,
// server/extended.rs and server/standard.rs, for what a Stratum V1 connection shows of a channel.
//
// Shares for stale jobs are refused first, and their blocks are lost. Ntime is bounded by mintime and not upwards. The bits of BIP 323
// may be rolled, whichever mask was granted, if one was; all others must be the job's. A block needs not meet the share's target.
// Duplicates are found by the header's hash, in one channel.
//
// Not mirrored: V2 has no text, so fields that stand for no value have no words; channels stand for authorisation and the worker's
// name; jobs that were stale before the newest block came are unknown to it, here they stay stale; a previous block that returns is a
// new one to it. Sequence numbers are not looked at, there or here.
func SRI() Policy {
	return Policy{
		Name: "sri",
		Rules: []Rule{
			{CheckShape, ""},
			{CheckStale, "stale-share"},
			{CheckJob, "invalid-job-id"},
			{CheckExtranonce2, "bad-extranonce-size"},
			{CheckTime, ""},
			{CheckNonce, ""},
			{CheckTimeFrom, "invalid-share"},
			{CheckBitsWanted, "version-rolling-not-allowed"},
			{CheckVersion, "invalid-non-rollable-version-bit"},
			{CheckDifficulty, "difficulty-too-low"},
			{CheckBlock, ""},
			{CheckDuplicate, "duplicate-share"},
		},
		Combine:      Whole,
		MaskInstead:  work.MaskBIP323,
		BitsOptional: true,
		BlocksPass:   true,
		Scope:        OneSession,
	}
}
